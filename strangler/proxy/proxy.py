"""One worker's proxy: the doors, the routing in force, the pools, the counters; started, switched to a new table, stopped.

What all connections share lives here, and nothing of what one of them does.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from strangler.core.changes import PLACES, Changes
from strangler.core.decide import Decision, Table
from strangler.core.errors import UsageError
from strangler.core.model import Address, Config, Listener, Upstream
from strangler.core.request import Request
from strangler.core.streams import MakeCodec
from strangler.proxy.adapt import Adapter, adapters_for
from strangler.proxy.client import ClientConnection
from strangler.proxy.counters import Counters
from strangler.proxy.deadlines import TICK, Deadlines
from strangler.proxy.door import Door
from strangler.proxy.exchange import Observe
from strangler.proxy.gate import Gate
from strangler.proxy.handshake import Handshake
from strangler.proxy.headers import plain_name
from strangler.proxy.holding import Holding
from strangler.proxy.hooks import Hooks
from strangler.proxy.identities import Identities
from strangler.proxy.multiplexed import Multiplexed
from strangler.proxy.origins import Origins
from strangler.proxy.pool import Pool
from strangler.proxy.preface import Preface
from strangler.proxy.shadowing import PARTING, Shadowing, Witness
from strangler.proxy.tape import Taping
from strangler.proxy.tls import Contexts, load
from strangler.proxy.tunnel import Tunnel
from strangler.proxy.upstream import UpstreamConnection

log = logging.getLogger("strangler.proxy")


NATIVE_ONLY: Mapping[str, MakeCodec] = {}

FindKey = Callable[[Config], bytes]


def _no_key(_: Config) -> bytes:
    raise UsageError("an upstream has `identity:`, and there is no key to sign with")


Glance = Callable[[Request, Decision], None]


@dataclass(frozen=True, slots=True)
class Routing:
    """What one request needs to be routed: swapped as one, so that a table never meets another table's pools.

    Attributes:
        adapters: translations by the index of their route.
        identities: by the upstream that is told who the users are.
        claimed: plain names of the headers that say so; a client's own go nowhere.
        extras: whether there is any of these.
        shadow_pools: beside `pools`, for shadow requests; none if there are no such.
    """

    table: Table
    pools: Mapping[str, Pool]
    origins: Origins
    adapters: Mapping[int, Adapter]
    identities: Mapping[str, Identities]
    claimed: frozenset[bytes]
    extras: bool
    shadow_pools: Mapping[str, Pool]


class Proxy:
    """The proxy of one worker. Made by `start`.

    Attributes:
        counters: plain numbers.
        observe: called once for every finished request; must be quick, and what it raises is only counted.
        glance: called with each request that was decided, before it goes anywhere; the same holds.
        routing: in force for new requests; those in flight keep theirs.
        stopping: whether answers end their connection.
        hooks: the threads in which answers are translated.
        handshakes: connections that will be clients.
        multiplexed: connections with many clients, one for each request.
        shadowing: who sends shadow requests; None if nobody wants to know of them.
        holding: where writes wait while their data changes hands.
        taping: who records; None as long as nobody does.
    """

    def __init__(
        self,
        table: Table,
        doors: Sequence[Door],
        contexts: Contexts,
        observe: Observe | None,
        tick: float,
        changes: Changes | None,
        witness: Witness | None,
        identity_key: FindKey,
    ) -> None:
        self.counters = Counters()
        self.observe = observe
        self.glance: Glance | None = None
        self.stopping = False
        self.handshakes: set[Handshake] = set()
        self.clients: set[ClientConnection] = set()
        self.multiplexed: set[Multiplexed] = set()
        self.tunnels: set[Tunnel] = set()
        self.upstream_connections: set[UpstreamConnection] = set()
        self._doors = doors
        self._changes = changes or Changes(array("Q", bytes(8 * PLACES)))
        self._faults: set[tuple[str, str, int]] = set()
        self._empty = asyncio.Event()
        self.deadlines = Deadlines(asyncio.get_running_loop(), self.fault, tick)
        self.hooks = Hooks(self.deadlines)
        self.shadowing = Shadowing(self, witness) if witness is not None else None
        self.holding = Holding(self)
        self.taping: Taping | None = None
        self._identity_key = identity_key
        self.routing = self._routing_for(table, None, contexts)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, in the order of the listeners."""
        return tuple(door.address for door in self._doors)

    async def listen(self) -> None:
        """Open all doors, or none. Raises UnreachableError."""
        try:
            for door in self._doors:
                await door.listen(lambda door=door: self._receive(door))  # type: ignore[misc]
        except BaseException:
            await self.stop(0)
            raise

    def use(self, table: Table, listeners: Sequence[Listener] = (), contexts: Contexts | None = None) -> None:
        """Decide by `table` from the next request on, and speak TLS with what its files hold now.

        Args:
            listeners: as they are to receive clients from now on, in the order of the first ones; none: as before.
            contexts: of these listeners and of the table's upstreams; without them the files are read here and now.

        Raises UsageError, and keeps everything as it was, if a file cannot be used.
        """
        contexts = contexts or load(listeners, table.config.upstreams)
        old = self.routing
        self.routing = self._routing_for(table, old, contexts)
        for door, listener, context in zip(self._doors, listeners, contexts.listeners, strict=False):
            door.use(listener, context)
        for name, pool in old.pools.items():
            if self.routing.pools.get(name) is not pool:
                pool.retire()
        for name, shadow_pool in old.shadow_pools.items():
            if self.routing.shadow_pools.get(name) is not shadow_pool:
                shadow_pool.retire()

    def hold(self, names: Collection[str], seconds: float) -> None:
        """Have writes of these routes wait from now on, and of no others; each for so many seconds at most. Those that waited
        and need not any more go on."""
        self.holding.seconds = seconds
        self.routing.table.hold(names)
        if not names:
            self.holding.release()

    async def stop(self, grace: float) -> None:
        """Accept no more, let requests in flight finish for up to `grace` seconds, then end them, tunnels too."""
        self.stopping = True
        for door in self._doors:
            door.close()
        self.holding.give_up()
        for multiplexed in list(self.multiplexed):
            multiplexed.retire()
        for client in list(self.clients):
            client.retire()
        if not self._is_empty and grace > 0:
            self._empty.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), grace)
        await self._end_shadows(min(grace, PARTING))
        for handshake in list(self.handshakes):
            handshake.abort()
        for tunnel in list(self.tunnels):
            tunnel.abort()
        for multiplexed in list(self.multiplexed):
            multiplexed.abort()
        for client in list(self.clients):
            client.abort()
        for pool in (*self.routing.pools.values(), *self.routing.shadow_pools.values()):
            pool.close()
        for connection in list(self.upstream_connections):
            connection.close()
        self.hooks.stop()
        self.deadlines.stop()

    async def _end_shadows(self, grace: float) -> None:
        """Nothing is copied any more, and what was has its end in the ledger."""
        if self.shadowing is None:
            return
        await self.shadowing.stop(grace)
        for client in self.clients:
            if client.passage is not None and client.passage.copy is not None:
                client.passage.copy.skip("stopping")

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
        self.tell_empty()

    def tell_empty(self) -> None:
        """Somebody has left: if it was the last one, `stop` need not wait any longer."""
        if self._is_empty:
            self._empty.set()

    @property
    def _is_empty(self) -> bool:
        return not (self.clients or self.handshakes or self.multiplexed)

    def fault(self, error: Exception) -> None:
        """An error of ours: counted, and logged once. No request data is logged."""
        self.counters.faults += 1
        self.complain("error in the proxy", error)

    def complain(self, about: str, error: BaseException) -> None:
        """Log an error the first time it comes from this place."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = (type(error).__name__, trace.tb_frame.f_code.co_filename if trace else "", trace.tb_lineno if trace else 0)
        if place not in self._faults:
            self._faults.add(place)
            log.error("%s, logged once: %s", about, place[0], exc_info=error)

    def _receive(self, door: Door) -> asyncio.Protocol:
        """Whoever takes the next client of a door."""
        if door.context is not None:
            return Handshake(self, door, door.context)
        return ClientConnection(self, door) if door.codec is None else Preface(self, door, door.codec)

    def _routing_for(self, table: Table, old: Routing | None, contexts: Contexts) -> Routing:
        """The routing of a table, with the pools of upstreams that have not changed, and what is known of their users."""
        upstreams = table.config.upstreams
        known = old.pools if old else {}
        kept = {name: pool for name, pool in known.items() if upstreams.get(name) == pool.upstream}
        pools = {name: kept.get(name) or self._pool_for(name, upstream) for name, upstream in upstreams.items()}
        for name, pool in pools.items():
            pool.context = contexts.upstreams.get(name)
        origins = Origins(upstream.url for upstream in upstreams.values())
        adapters = adapters_for(table.config, self.complain)
        identities = self._identities_for(table.config, pools, old.identities if old else {})
        claimed = frozenset(plain_name(each.identity.header.encode()) for each in identities.values())
        shadow_pools: Mapping[str, Pool] = {}
        if self.shadowing is not None:
            shadow_pools = self.shadowing.pools_for(pools, old)
            self.shadowing.use(table.config.routes)
        extras = bool(adapters or identities)
        return Routing(table, pools, origins, adapters, identities, claimed, extras, shadow_pools)

    def _pool_for(self, name: str, upstream: Upstream) -> Pool:
        pool = Pool(name, upstream, self)
        pool.gate = Gate(pool)
        return pool

    def _identities_for(
        self, config: Config, pools: Mapping[str, Pool], old: Mapping[str, Identities]
    ) -> Mapping[str, Identities]:
        asked = {name: upstream.identity for name, upstream in config.upstreams.items() if upstream.identity}
        key = self._identity_key(config) if asked else b""
        made = {}
        for name, identity in asked.items():
            pool, known = pools[identity.ask], old.get(name)
            same = known is not None and (known.identity, known.pool, known.key) == (identity, pool, key)
            made[name] = known if known and same else Identities(name, identity, key, pool, self._changes, self.fault)
        return made


async def start(
    table: Table,
    *,
    listeners: Sequence[Listener],
    sockets: Sequence[socket.socket] = (),
    observe: Observe | None = None,
    tick: float = TICK,
    contexts: Contexts | None = None,
    changes: Changes | None = None,
    witness: Witness | None = None,
    identity_key: FindKey = _no_key,
    codecs: Mapping[str, MakeCodec] = NATIVE_ONLY,
) -> Proxy:
    """Listen, and serve by `table`, on the running loop.

    Args:
        sockets: that listen already, one for each listener; without them each listener is bound here.
        tick: seconds between two looks at the deadlines.
        changes: where all workers note that users may have logged in or out; without it this one is alone.
        contexts: of the listeners and of the table's upstreams; without them the files are read first.
        witness: told what becomes of every request of a route that copies; without it no shadow request is sent.
        identity_key: finds the key that identities are signed with, when a table has an upstream that is told of users.
        codecs: what speaks the protocol of each engine that a listener has but native.

    Raises UnreachableError if an address cannot be bound, UsageError if the configuration asks for what is not there yet, or
    names a key, a certificate, an authority or a hook that cannot be used.
    """
    contexts = contexts or load(listeners, table.config.upstreams)
    held: Sequence[socket.socket | None] = sockets or [None] * len(listeners)
    doors = [
        Door(listener, context, sock, codecs.get(listener.engine))
        for listener, context, sock in zip(listeners, contexts.listeners, held, strict=True)
    ]
    proxy = Proxy(table, doors, contexts, observe, tick, changes, witness, identity_key)
    await proxy.listen()
    return proxy
