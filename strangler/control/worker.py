"""A worker process: the engine on the supervisor's sockets, told by frames which table to use and when to stop.

A new configuration is taken apart in a thread, so that requests go on meanwhile, and acknowledged once it decides.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import resource
import secrets
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import uvloop

from strangler.config.keyfile import IDENTITY, REDACTION
from strangler.control.access import AccessLog, open_log
from strangler.control.cells import Region, board
from strangler.control.frames import Head
from strangler.control.gathering.courier import Courier
from strangler.control.gathering.sampler import Sampler
from strangler.control.gathering.witness import Witness
from strangler.control.gathering.witnessed import incarnation
from strangler.control.lifeline import Settings, begin
from strangler.control.line import Line
from strangler.control.recording.taker import Taker
from strangler.control.tally import Tally
from strangler.control.totals import LIFE
from strangler.core.changes import PLACES, Changes
from strangler.core.decide import Table
from strangler.core.errors import StranglerError, UsageError
from strangler.core.model import Address, Config, Listener
from strangler.core.redact.logged import LoggedPaths
from strangler.engines import codecs
from strangler.proxy import tls
from strangler.proxy.adapt import check_hooks
from strangler.proxy.exchange import Exchange
from strangler.proxy.proxy import Proxy, start

MIRROR_SECONDS = 0.25
ALIVE_EVERY = 4  # mirrors
HOLD_SECONDS = 0.02  # between two looks at the writes that are still at work
PARTING = 1.0  # seconds to hand over what waits for control


class Worker:
    """Serves until told to stop."""

    def __init__(self, settings: Settings, line: Line) -> None:
        self._line = line
        self._listeners = [number for number, _ in settings["sockets"]]
        self._sockets = [socket.socket(fileno=descriptor) for _, descriptor in settings["sockets"]]
        region = Region(settings["arena"], settings["slot"])
        region.cells[region.scalar(LIFE)] = settings["life"]
        self._tally = Tally(region)
        self._courier = Courier(settings["pairs"], incarnation(settings["slot"], settings["life"]))
        self._witness = Witness(region, self._courier)
        self._sampler = Sampler(self._courier)
        self._taker = Taker(incarnation(settings["slot"], settings["life"]), line.say)
        self._changes = Changes(board(settings["arena"])[:PLACES])
        self._addresses: list[Address] = []
        self._log: AccessLog | None = None
        self._log_lost = 0
        self._proxy: Proxy | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._left = asyncio.Event()
        self._mirrored = 0
        self._hold: Head = {}
        self._told: Head = {}
        self._record: Head = {}

    async def run(self) -> None:
        """Do as the frames say, until they say to leave."""
        self._mirror()
        obeying = asyncio.create_task(self._obey())
        leaving = asyncio.create_task(self._left.wait())
        await asyncio.wait({obeying, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if obeying.done():
            obeying.result()
        obeying.cancel()

    async def _obey(self) -> None:
        while True:
            head, body = await self._line.hear()
            if head["do"] == "stop":
                self._stop(head["grace"])
            elif head["do"] == "hold":
                self._use_hold(head["hold"])
            elif head["do"] == "record":
                self._use_record(head["record"])
            else:
                self._hold = head.get("hold") or {}
                self._record = head.get("record") or {}
                await self._serve(head, body)

    async def _serve(self, head: Head, body: bytes) -> None:
        """Decide by a configuration from now on, or go on with the one before and say why."""
        try:
            with _giving_way():
                table = await asyncio.to_thread(_table, body, head.get("moved", ()))
            listeners = self._receiving(table.config)
            contexts = await asyncio.to_thread(tls.load, listeners, table.config.upstreams)
            self._witness.use(head["revision"])
            table.hold(self._hold.get("routes", ()))
            if self._proxy is None:
                engines = await asyncio.to_thread(codecs, [listener.engine for listener in listeners])
                self._proxy = await start(
                    table,
                    listeners=listeners,
                    sockets=self._sockets,
                    observe=self._observe,
                    changes=self._changes,
                    contexts=contexts,
                    witness=self._witness,
                    identity_key=lambda config: IDENTITY.find(os.environ, config.folder),
                    codecs=engines,
                )
                gc.collect()
                gc.freeze()  # the table lives as long as the worker: no collection needs to look at it again
            else:
                self._proxy.use(table, listeners, contexts)
        except (StranglerError, OSError) as error:
            self._line.say({"is": "refused", "revision": head["revision"], "why": str(error)})
            if self._proxy is None:
                self._stop(0)
        else:
            self._tally.use(table.config)
            self._sampler.use(table.config)
            self._proxy.glance = self._sampler.take if self._sampler.wanted else None
            self._use_log(table.config)
            self._proxy.observe = self._tally.observe if self._log is None else self._observe
            self._use_hold(self._hold)
            self._use_record(self._record)
            self._line.say({"is": "serving", "revision": head["revision"]})

    def _use_record(self, record: Head) -> None:
        """Record what somebody asks for, or nothing."""
        self._record = record
        if self._proxy is not None:
            self._taker.use(record, self._proxy)

    def _use_hold(self, hold: Head) -> None:
        """Have the writes wait that a cutover names, or let them go on if it names none; and say how far that is."""
        hold = self._hold = dict(hold)
        if self._proxy is not None:
            self._proxy.hold(hold.get("routes", ()), hold.get("seconds", 0.0))
            self._told = {}
            self._tell_hold(hold)

    def _tell_hold(self, hold: Head) -> None:
        """Again and again while it lasts, whenever something else is to be told."""
        if hold is not self._hold or not hold or self._proxy is None:
            return
        holding = self._proxy.holding
        told = {"token": hold["token"], "at_work": holding.at_work(hold["routes"]), "waiting": holding.waiting}
        if told != self._told:
            self._told = told
            self._line.say({"is": "holding", **told})
        asyncio.get_running_loop().call_later(HOLD_SECONDS, self._tell_hold, hold)

    def _receiving(self, config: Config) -> list[Listener]:
        """The listeners of our sockets as the file has them now. If addresses have changed, which waits for a takeover,
        none: what was behind each of them goes on."""
        addresses = [listener.address for listener in config.listen]
        self._addresses = self._addresses or addresses
        return [config.listen[number] for number in self._listeners] if addresses == self._addresses else []

    def _observe(self, exchange: Exchange) -> None:
        self._tally.observe(exchange)
        if self._log is not None:
            self._log.add(exchange)

    def _use_log(self, config: Config) -> None:
        """Open the access log again, whether it is another file or one that was moved away. Requests matter more than it."""
        try:
            descriptor = open_log(config.log)
        except StranglerError as error:
            self._line.say({"is": "complaining", "why": str(error)})
            return
        if descriptor is None:
            self._drop_log()
            return
        path_of = LoggedPaths(config, _redaction_key(config))
        if self._log is None:
            self._log = AccessLog(descriptor, asyncio.get_running_loop().call_later, path_of)
        else:
            self._log.reopen(descriptor)
            self._log.path_of = path_of

    def _drop_log(self) -> None:
        if self._log is not None:
            self._log.flush()
            self._log_lost += self._log.lost
            self._log = None

    def _stop(self, grace: float) -> None:
        """Told twice, the second counts."""
        if self._stopping is not None:
            self._stopping.cancel()
        self._stopping = asyncio.create_task(self._leave(grace))

    async def _leave(self, grace: float) -> None:
        if self._proxy is not None:
            await self._proxy.stop(grace)
        await asyncio.gather(self._courier.close(PARTING), self._taker.close())
        self._drop_log()
        self._mirror()
        await self._line.leave()
        self._left.set()

    def _mirror(self) -> None:
        """Bring the counters up to date, and now and then tell the supervisor that the loop still turns."""
        if self._proxy is not None:
            lost = self._log_lost + (self._log.lost if self._log else 0)
            self._proxy.counters.waiting = self._proxy.holding.waiting
            self._tally.mirror(self._proxy.counters, lost)
            self._tally.mirror_gates(self._proxy.routing.pools)
        if self._mirrored % ALIVE_EVERY == 0:
            self._line.say({"is": "alive"})
            self._sampler.flush(time.time())
            self._taker.tell()
        self._mirrored += 1
        asyncio.get_running_loop().call_later(MIRROR_SECONDS, self._mirror)


@contextmanager
def _giving_way() -> Iterator[None]:
    """Let requests go first while a table is made in a thread.

    With ten thousand routes that takes half a second. The collector would look at all the new objects again and again, and
    stop everything for 150 ms each time; and whoever waits for the interpreter waits ten times shorter.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 10)
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        sys.setswitchinterval(usual)


def _table(body: bytes, moved: Sequence[str]) -> Table:
    config = pickle.loads(body)
    assert isinstance(config, Config)
    check_hooks(config)  # importing them takes as long as they like: here, where nobody waits
    return Table(config, moved)


def _redaction_key(config: Config) -> bytes:
    """The key of the tokens in what is stored. Without it the log has tokens that nobody else has, and still no secret."""
    try:
        return REDACTION.find(os.environ, config.folder)
    except UsageError:
        return secrets.token_bytes(32)


def _take_all_descriptors() -> None:
    """Two for each request in flight: the usual soft limit of 1,024 is for programs that use select."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _run(settings: Settings) -> None:
    await Worker(settings, await Line.open(settings)).run()


if __name__ == "__main__":
    settings = begin()
    _take_all_descriptors()
    uvloop.run(_run(settings))
