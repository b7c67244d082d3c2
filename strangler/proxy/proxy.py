"""One worker's proxy: the doors, the routing in force, the pools, the counters; started, switched to a new table, stopped.

What all connections share lives here, and nothing of what one of them does.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from strangler.core.decide import Table
from strangler.core.errors import UsageError
from strangler.core.model import Address, Listener
from strangler.proxy.client import ClientConnection
from strangler.proxy.counters import Counters
from strangler.proxy.deadlines import TICK, Deadlines
from strangler.proxy.door import Door
from strangler.proxy.exchange import Observe
from strangler.proxy.origins import Origins
from strangler.proxy.pool import Pool
from strangler.proxy.tunnel import Tunnel
from strangler.proxy.upstream import UpstreamConnection

log = logging.getLogger("strangler.proxy")


@dataclass(frozen=True, slots=True)
class Routing:
    """What one request needs to be routed: swapped as one, so that a table never meets another table's pools."""

    table: Table
    pools: Mapping[str, Pool]
    origins: Origins


class Proxy:
    """The proxy of one worker. Made by `start`.

    Attributes:
        counters: plain numbers.
        observe: called once for every finished request; must be quick, and what it raises is only counted.
        routing: in force for new requests; those in flight keep theirs.
        stopping: whether answers end their connection.
    """

    def __init__(self, table: Table, doors: Sequence[Door], observe: Observe | None, tick: float) -> None:
        self.counters = Counters()
        self.observe = observe
        self.stopping = False
        self.clients: set[ClientConnection] = set()
        self.tunnels: set[Tunnel] = set()
        self.upstream_connections: set[UpstreamConnection] = set()
        self._doors = doors
        self._faults: set[tuple[str, str, int]] = set()
        self._empty = asyncio.Event()
        self.routing = self._routing_for(table, {})
        self.deadlines = Deadlines(asyncio.get_running_loop(), self.fault, tick)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, in the order of the listeners."""
        return tuple(door.address for door in self._doors)

    async def listen(self) -> None:
        """Open all doors, or none. Raises UnreachableError."""
        try:
            for door in self._doors:
                await door.listen(lambda door=door: ClientConnection(self, door))  # type: ignore[misc]
        except BaseException:
            await self.stop(0)
            raise

    def use(self, table: Table) -> None:
        """Decide by `table` from the next request on. Raises UsageError, and keeps the old one, if it asks too much."""
        old = self.routing.pools
        self.routing = self._routing_for(table, old)
        for name, pool in old.items():
            if self.routing.pools.get(name) is not pool:
                pool.retire()

    async def stop(self, grace: float) -> None:
        """Accept no more, let requests in flight finish for up to `grace` seconds, then end them, tunnels too."""
        self.stopping = True
        for door in self._doors:
            door.close()
        for client in list(self.clients):
            client.retire()
        if self.clients and grace > 0:
            self._empty.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), grace)
        for tunnel in list(self.tunnels):
            tunnel.abort()
        for client in list(self.clients):
            client.abort()
        for pool in self.routing.pools.values():
            pool.close()
        for connection in list(self.upstream_connections):
            connection.close()
        self.deadlines.stop()

    # What the connections call.

    def enter(self, client: ClientConnection) -> None:
        """A client has connected."""
        self.clients.add(client)
        self.deadlines.watch(client)
        client.door.open += 1
        self.counters.connections += 1
        self.counters.connections_open += 1
        if self.stopping:  # it was in the queue
            client.retire()

    def leave(self, client: ClientConnection) -> None:
        """A client's connection has ended."""
        if client not in self.clients:
            return
        self.clients.discard(client)
        self.deadlines.forget(client)
        client.door.open -= 1
        self.counters.connections_open -= 1
        if not self.clients:
            self._empty.set()

    def fault(self, error: Exception) -> None:
        """An error of ours: counted, and logged the first time it comes from this place. No request data is logged."""
        self.counters.faults += 1
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = (type(error).__name__, trace.tb_frame.f_code.co_filename if trace else "", trace.tb_lineno if trace else 0)
        if place not in self._faults:
            self._faults.add(place)
            log.error("error in the proxy, logged once: %s", place[0], exc_info=error)

    def _routing_for(self, table: Table, old: Mapping[str, Pool]) -> Routing:
        """The routing of a table, with the pools of upstreams that have not changed."""
        upstreams = table.config.upstreams
        for name, upstream in upstreams.items():
            if upstream.url.scheme != "http":
                raise UsageError(f"upstreams.{name}: {upstream.url.scheme} is not there yet; use an http:// url")
        kept = {name: pool for name, pool in old.items() if upstreams.get(name) == pool.upstream}
        pools = {name: kept.get(name) or Pool(name, upstream, self) for name, upstream in upstreams.items()}
        return Routing(table, pools, Origins(upstream.url for upstream in upstreams.values()))


async def start(
    table: Table,
    *,
    listeners: Sequence[Listener],
    sockets: Sequence[socket.socket] = (),
    observe: Observe | None = None,
    tick: float = TICK,
) -> Proxy:
    """Listen, and serve by `table`, on the running loop.

    Args:
        sockets: that listen already, one for each listener; without them each listener is bound here.
        tick: seconds between two looks at the deadlines.

    Raises UnreachableError if an address cannot be bound, UsageError if the configuration asks for what is not there yet.
    """
    held: Sequence[socket.socket | None] = sockets or [None] * len(listeners)
    doors = [Door(listener, sock) for listener, sock in zip(listeners, held, strict=True)]
    proxy = Proxy(table, doors, observe, tick)
    await proxy.listen()
    return proxy
