"""Whoever wants to see requests as they are decided sees them all, and can harm none."""

from __future__ import annotations

from strangler.core.decide import Decision, Forward
from strangler.core.request import Request

from .conftest import Open, Scene
from .test_forwarding import exchange
from .wire import request, response


async def test_each_request_is_seen_once_with_its_decision(scene: Scene) -> None:
    seen: list[tuple[str, str, str]] = []

    def glance(one: Request, decision: Decision) -> None:
        assert isinstance(decision, Forward)
        seen.append((one.method, one.path, decision.upstream))

    scene.proxy.glance = glance
    await exchange(scene, request("GET /a?b HTTP/1.1"), response())
    assert seen == [("GET", "/a", "legacy")]


async def test_who_fails_at_looking_harms_nobody(opened: Open) -> None:
    def glance(one: Request, decision: Decision) -> None:
        raise RuntimeError("looked away")

    scene = await opened(faults=1)
    scene.proxy.glance = glance
    _, _, body = await exchange(scene, request("GET /a HTTP/1.1"), response(b"ok"))
    assert (body, scene.proxy.counters.faults) == (b"ok", 1)
