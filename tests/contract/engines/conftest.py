"""One suite over every engine and every protocol that it speaks: a proxy between two scripted upstreams, and a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from strangler.core.capabilities import CAPABILITIES, Protocol
from tests.e2e.proxy.certificates import Certificates
from tests.e2e.proxy.conftest import Open, Scene, certificates, opened, opened_stand, pytest_asyncio_loop_factories
from tests.e2e.proxy.ledger import Stand

from .speaking import Http1, Http2, Speaker

__all__ = ["certificates", "opened", "opened_stand", "pytest_asyncio_loop_factories"]

WAYS = [(engine, protocol) for engine, found in CAPABILITIES.items() for protocol in found.protocols if protocol != "HTTP/1.0"]


@dataclass
class Meeting:
    """A client and the proxy it talks to.

    Attributes:
        can: what a request can have by this way.
        stand: where requests are copied; None in other tests.
    """

    scene: Scene
    client: Speaker
    can: Protocol
    stand: Stand | None = None


Meet = Callable[..., Awaitable[Meeting]]


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(way).replace("/", ""))
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
async def meet(way: tuple[str, str], opened: Open, opened_stand: Open, certificates: Certificates) -> AsyncIterator[Meet]:
    """Opens a proxy with the engine, and connects a client that speaks the protocol; `copying`: requests are copied."""
    engine, protocol = way
    clients: list[Speaker] = []

    async def meet_(copying: bool = False, **settings: Any) -> Meeting:
        context = certificates.client
        context.set_alpn_protocols(["h2"] if protocol == "HTTP/2" else ["http/1.1"])
        settings = {"engine": engine, "tls": certificates.issue(), "client_context": context, **settings}
        stand = await opened_stand(**settings) if copying else None
        scene = stand.scene if stand else await opened(**settings)
        client = await Http2.dial(scene.port, context) if protocol == "HTTP/2" else Http1(scene.port, context)
        clients.append(client)
        return Meeting(scene, client, CAPABILITIES[engine].protocols[protocol], stand)

    yield meet_
    for client in clients:
        await client.close()
