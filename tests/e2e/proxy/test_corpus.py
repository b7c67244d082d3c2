"""Requests that two servers could read differently, as raw bytes (corpus/NAME.raw), and what becomes of them.

corpus/outcomes.tsv says for each: ``400 REASON``, refused before an upstream hears of it (where llhttp and we both refuse, either
reason will do: ``a|b``); ``cut 400 REASON``, refused in the body, so that no upstream gets a complete request; or ``forwarded``,
as the exact bytes of corpus/NAME.seen (without what the proxy adds).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from strangler.core.model import Stage

from .conftest import Open, Scene, route
from .wire import ADDED, PATIENCE, Wire, lines_of, request

CORPUS = Path(__file__).parent / "corpus"
OUTCOMES = dict(line.split("\t") for line in (CORPUS / "outcomes.tsv").read_text().splitlines())
REFUSED = {name: outcome for name, outcome in OUTCOMES.items() if outcome != "forwarded"}
FORWARDED = sorted(set(OUTCOMES) - set(REFUSED))


def test_every_file_has_an_outcome() -> None:
    assert {path.stem for path in CORPUS.glob("*.raw")} == set(OUTCOMES)
    assert {path.stem for path in CORPUS.glob("*.seen")} == set(FORWARDED)


@pytest.mark.parametrize("in_pieces", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("name", REFUSED)
async def test_refused(scene: Scene, name: str, in_pieces: bool) -> None:
    raw = (CORPUS / f"{name}.raw").read_bytes()
    client = await scene.dial()
    if in_pieces:
        for at in range(len(raw)):
            client.send(raw[at : at + 1])
            await client.drain()
    else:
        client.send(raw)
    *cut, status, labels = REFUSED[name].split()
    received = await client.rest()
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert received.count(b"Cache-Control") == 1
    assert b"Connection: close" in received
    [label] = scene.proxy.counters.refusals
    assert label in labels.split("|")
    if cut:
        for upstream in scene.legacy.wires:
            sent = await sent_to(upstream)
            assert not sent.endswith(b"0\r\n\r\n")
            assert b"smuggled" not in sent
    else:
        assert not scene.legacy.wires


async def sent_to(upstream: Wire) -> bytes:
    """All that an upstream was sent, once its connection has ended. One that was still being made when the request was refused
    has seen nothing of it, and may wait for the next request."""
    try:
        async with asyncio.timeout(PATIENCE):
            first = await upstream.reader.read(1)
    except TimeoutError:
        return b""
    return first + await upstream.rest()


@pytest.mark.parametrize("name", FORWARDED)
async def test_forwarded(scene: Scene, name: str) -> None:
    client, upstream, head = await scene.ask((CORPUS / f"{name}.raw").read_bytes())
    body = await upstream.body(head)
    lines = [line for line in lines_of(head) if not line.lower().startswith(ADDED)]
    assert "\r\n".join([*lines, "", ""]).encode("latin-1") + body == (CORPUS / f"{name}.seen").read_bytes()
    client.end()


AMBIGUOUS = [
    "/admin%2fx",
    "/x/%2e%2e/admin/x",
    "/x/../admin/x",
    "//admin/x",
    "/admin\\x",
    "/admin;a/x",
    "/admin/x%00",
    "/a/./admin",
]


@pytest.mark.parametrize("target", AMBIGUOUS)
async def test_a_path_with_two_readings_goes_to_nobody_once_a_route_has_moved(opened: Open, target: str) -> None:
    scene = await opened(routes=(route("/admin/{x}", Stage.MODERN), route("/{rest...}", Stage.CANARY, index=1, name="all")))
    client = await scene.dial()
    client.send(request(f"GET {target} HTTP/1.1"))
    assert (await client.head()).startswith(b"HTTP/1.1 400 ")
    assert scene.legacy.untouched
    assert scene.modern.untouched
    [label] = scene.proxy.counters.refusals
    assert label.startswith("ambiguous_path_")


@pytest.mark.parametrize("target", AMBIGUOUS)
async def test_it_goes_to_legacy_as_it_came_while_none_has(opened: Open, target: str) -> None:
    scene = await opened(routes=(route("/admin/{x}", Stage.SHADOW),))
    _, _, head = await scene.ask(request(f"GET {target} HTTP/1.1"))
    assert lines_of(head)[0] == f"GET {target} HTTP/1.1"
