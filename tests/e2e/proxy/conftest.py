"""A proxy between two scripted upstreams, on the loop that serves in earnest."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import uvloop

from strangler.core.decide import Table
from strangler.core.model import Address, Config, Limits, Listener, Match, Route, Stage, Url
from strangler.core.model import Upstream as UpstreamConfig
from strangler.core.template import parse_template
from strangler.engines import codecs
from strangler.proxy import Exchange, Proxy, start

from .certificates import Certificates
from .ledger import CONTROL, Ledger, Stand, copied, serve
from .wire import Upstream, Wire, dial

TICK = 0.01  # seconds between two looks at the deadlines


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@dataclass
class Scene:
    """Everything a test talks to."""

    proxy: Proxy
    legacy: Upstream
    modern: Upstream
    observed: list[Exchange] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    client_context: ssl.SSLContext | None = None

    @property
    def port(self) -> int:
        return self.proxy.addresses[0].port

    async def dial(self) -> Wire:
        wire = await dial(self.port, self.client_context, "shop.example" if self.client_context else None)
        self.wires.append(wire)
        return wire

    async def ask(self, data: bytes) -> tuple[Wire, Wire, bytes]:
        """Send a request on a new connection; it, the upstream's connection, and the head that arrived there."""
        client = await self.dial()
        client.send(data)
        upstream = await self.legacy.accept()
        return client, upstream, await upstream.head()


Open = Callable[..., Any]


def config(legacy: int, modern: int, *, routes: tuple[Route, ...] = (), trusted: tuple[str, ...] = (), **settings: Any) -> Config:
    """Two upstreams and one listener. `settings`: address, limits, engine, tls of the listener; timeouts, host, ca of both
    upstreams (with ca they speak TLS, under the name `upstream_name`); health, breaker of modern; legacy_health; modern_more: the
    rest of modern."""
    common = {key: settings[key] for key in ("timeouts", "host", "ca") if key in settings}
    scheme = "https" if "ca" in settings else "http"
    name = settings.get("upstream_name", "127.0.0.1")
    upstreams = {
        "legacy": UpstreamConfig(Url(scheme, name, legacy), health=settings.get("legacy_health"), **common),
        "modern": UpstreamConfig(
            Url(scheme, name, modern),
            health=settings.get("health"),
            breaker=settings.get("breaker"),
            **{**common, **settings.get("modern_more", {})},
        ),
    }
    listener = Listener(
        settings.get("address", Address("127.0.0.1", 0)),
        engine=settings.get("engine", "native"),
        tls=settings.get("tls"),
        trusted_proxies=tuple(map(ip_network, trusted)),
        limits=settings.get("limits", Limits()),
    )
    return Config(upstreams=upstreams, routes=routes, listen=(listener,))


def route(path: str = "/{all...}", stage: Stage = Stage.MODERN, **settings: Any) -> Route:
    return Route(settings.pop("index", 0), settings.pop("name", "r"), Match(parse_template(path)), stage=stage, **settings)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Opens proxies with settings; all are closed at the end, and none may have had an error of its own."""
    async with AsyncExitStack() as stack:

        async def open_(**settings: Any) -> Scene:
            faults = settings.pop("faults", 0)
            context = settings.pop("upstream_context", None)
            legacy, modern = await Upstream(context).open(), await Upstream(context).open()
            stack.push_async_callback(legacy.close)
            stack.push_async_callback(modern.close)
            client_context = settings.pop("client_context", None)
            witness = settings.pop("witness", None)
            observed: list[Exchange] = []
            made = config(legacy.port, modern.port, **settings)
            proxy = await start(
                Table(made),
                listeners=made.listen,
                observe=observed.append,
                tick=TICK,
                witness=witness,
                identity_key=lambda _: b"the key of these tests, long enough",
                codecs=codecs([listener.engine for listener in made.listen]),
            )
            scene = Scene(proxy, legacy, modern, observed, client_context=client_context)

            async def close() -> None:
                for wire in scene.wires:
                    await wire.close()
                await proxy.stop(0)
                assert proxy.counters.faults == faults

            stack.push_async_callback(close)
            return scene

        yield open_


@pytest.fixture
async def scene(opened: Open) -> Scene:
    """A transparent proxy: no route, everything to legacy."""
    found: Scene = await opened()
    return found


@pytest.fixture
async def opened_stand(opened: Open) -> AsyncIterator[Open]:
    """Opens proxies whose requests are copied; when one ends, so has everything that its ledger saw.

    `settings`: control, what legacy answers; routes, or settings of `copied`; those of `opened`.
    """
    stands: list[Stand] = []

    async def open_(**settings: Any) -> Stand:
        ledger, control = Ledger(), settings.pop("control", CONTROL)
        others = {key: settings.pop(key) for key in OF_A_SCENE & settings.keys()}
        others.setdefault("routes", (copied(**settings),))
        scene = await opened(witness=ledger, **others)
        stand = Stand(scene, ledger, serve(scene.legacy, control), [])
        stands.append(stand)
        return stand

    yield open_
    for stand in stands:
        await stand.scene.proxy.stop(0)
        for seen in (stand.control, *stand.served):
            seen.stop()
        assert not stand.ledger.open
        assert stand.shadowing.budget.held == 0


OF_A_SCENE = {
    *("routes", "trusted", "faults", "health", "breaker", "legacy_health", "timeouts", "host", "limits", "modern_more"),
    *("engine", "tls", "client_context"),
}
