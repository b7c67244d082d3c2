"""A proxy between two scripted upstreams, on the loop that serves in earnest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest
import uvloop

from strangler.core.decide import Table
from strangler.core.model import Address, Config, Limits, Listener, Match, Route, Stage, Timeouts, Url
from strangler.core.model import Upstream as UpstreamConfig
from strangler.core.template import parse_template
from strangler.proxy import Exchange, Proxy, start

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

    @property
    def port(self) -> int:
        return self.proxy.addresses[0].port

    async def dial(self) -> Wire:
        wire = await dial(self.port)
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
    """Two upstreams and one listener. `settings`: limits, timeouts, host, config_url."""
    timeouts = settings.get("timeouts", Timeouts())
    host = settings.get("host", "preserve")
    upstreams = {
        "legacy": UpstreamConfig(Url("http", "127.0.0.1", legacy), host=host, timeouts=timeouts),
        "modern": UpstreamConfig(Url("http", "127.0.0.1", modern), host=host, timeouts=timeouts),
    }
    listener = Listener(
        settings.get("address", Address("127.0.0.1", 0)),
        trusted_proxies=tuple(map(ip_network, trusted)),
        limits=settings.get("limits", Limits()),
    )
    return Config(upstreams=upstreams, routes=routes, listen=(listener,))


def route(path: str = "/{all...}", stage: Stage = Stage.MODERN, **settings: Any) -> Route:
    return Route(settings.pop("index", 0), settings.pop("name", "r"), Match(parse_template(path)), stage=stage, **settings)


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Opens proxies with settings; all are closed at the end, and none may have had an error of its own."""
    async with AsyncExitStack() as stack:

        async def open_(**settings: Any) -> Scene:
            faults = settings.pop("faults", 0)
            legacy, modern = await Upstream().open(), await Upstream().open()
            stack.push_async_callback(legacy.close)
            stack.push_async_callback(modern.close)
            observed: list[Exchange] = []
            made = config(legacy.port, modern.port, **settings)
            proxy = await start(Table(made), listeners=made.listen, observe=observed.append, tick=TICK)
            scene = Scene(proxy, legacy, modern, observed)

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
