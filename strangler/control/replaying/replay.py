"""`strangler replay`, without the terminal: from what was asked for to the report of a run."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from strangler.config.keyfile import REDACTION
from strangler.control.replaying.asking import Writer
from strangler.control.replaying.comparing import Comparing
from strangler.control.replaying.exchange import Exchange, Leg
from strangler.control.replaying.report import Bridged, Report
from strangler.control.replaying.run import Run, Settings
from strangler.control.replaying.sending import Sender
from strangler.control.replaying.tally import Tally
from strangler.control.replaying.targets import Target, is_legacy
from strangler.core.decide import Table
from strangler.core.errors import UnreachableError, UsageError
from strangler.core.model import SAFE_METHODS, Config
from strangler.core.origins import Origins
from strangler.traffic.entry import Entry
from strangler.traffic.reading import read
from strangler.traffic.recording import Recording
from strangler.traffic.replay.bridge import Bridge, Given
from strangler.traffic.replay.plan import Plan, Wish

METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for.

    Attributes:
        control: None for the recorded answers.
        yes: how often it was said that writes are meant.
        bar: share that must agree; least: how many must have been compared.
    """

    file: Path
    candidate: Target
    control: Target | None = None
    methods: tuple[str, ...] = METHODS
    yes: int = 0
    routes: tuple[str, ...] = ()
    given: Given = field(default_factory=Given)
    settings: Settings = field(default_factory=Settings)
    bar: float = 1.0
    least: int = 1


def replay(order: Order, config: Config, environ: Mapping[str, str]) -> Report:
    """Ask a recording again. Ctrl-C ends the run, and what there is so far is reported.

    Raises UsageError for what cannot be done, UnreachableError if a system is not there at the start.
    """
    _refuse_writes(order, config)
    recording = read(order.file)
    run = _Replay(order, config, environ, recording)
    interrupted = False
    with closing(run):
        try:
            asyncio.run(run.run())
        except KeyboardInterrupt:
            interrupted = True
    return run.report(interrupted)


class _Replay:
    """One run, with everything that it takes."""

    def __init__(self, order: Order, config: Config, environ: Mapping[str, str], recording: Recording) -> None:
        self._order, self._config, self._recording = order, config, recording
        key, known = _key(config, environ)
        self._tally = Tally()
        targets = [order.candidate, *([order.control] if order.control else [])]
        origins = Origins(each.url for each in (*config.upstreams.values(), *(target.upstream for target in targets)))
        self._bridges = [Bridge(order.given) for _ in targets]
        self._between = Bridge(order.given)
        self._targets = targets
        self._comparing = Comparing(config, key, origins)
        self._has_key = known
        self._exchange: Exchange | None = None
        self._run: Run | None = None
        self._began, self._ended = time.time(), 0.0

    async def run(self) -> None:
        """Until it is over."""
        order = self._order
        async with AsyncExitStack() as stack:
            senders = [Sender(target, order.settings.at_once) for target in self._targets]
            for sender in senders:
                stack.push_async_callback(sender.close)
            await _refuse_unreachable(senders)
            legs = [Leg(*pair) for pair in zip(senders, self._bridges, strict=True)]
            writer = Writer(self._config, secrets.token_hex(4))
            self._exchange = Exchange(
                writer, self._comparing, self._tally, legs[0], legs[1] if order.control else None, self._between, self._has_key
            )
            self._run = Run(self._plan(), self._exchange, senders, order.settings, self._tally)
            await self._run.run(self._entries())

    def close(self) -> None:
        """Wait for the comparison that is under way, and settle the account."""
        if self._exchange is not None and self._run is not None:
            self._exchange.close()
            self._run.settle()
        self._recording.close()
        self._tally.leave_out(self._recording.account.skipped)
        self._ended = time.time()

    def report(self, interrupted: bool) -> Report:
        """What there is."""
        order, run = self._order, self._run
        bridged = [
            Bridged(str(target), dict(bridge.ids.learned), dict(bridge.used))
            for target, bridge in zip(self._targets, self._bridges, strict=True)
        ]
        return Report(
            str(order.file),
            self._recording.kind,
            str(order.candidate),
            str(order.control or ""),
            order.bar,
            order.least,
            self._tally,
            bridged,
            run.gone if run else "",
            interrupted,
            [account.cut] if (account := self._recording.account).cut else [],
            bool(run and run.limited),
            self._began,
            self._ended - self._began,
            self._notes(),
        )

    def _plan(self) -> Plan:
        order = self._order
        staged = not is_legacy(order.candidate, self._config)
        wish = Wish(frozenset(order.methods), frozenset(order.routes), order.control is not None, staged)
        return Plan(Table(self._config), wish)

    def _entries(self) -> Iterator[Entry]:
        yield from self._recording

    def _notes(self) -> list[str]:
        """What people should know of how it was asked."""
        given = {name.lower() for name, _ in self._order.given.headers}
        headers = [(each.name, each.upstream.identity.header) for each in self._targets if each.upstream.identity]
        unknown = [
            f"{name} was not told who a user is: --header gives it {it}" for name, it in headers if it.lower() not in given
        ]
        return [*unknown, *self._recording.warnings()]


def _refuse_writes(order: Order, config: Config) -> None:
    unsafe = [method for method in order.methods if method not in SAFE_METHODS]
    if not unsafe:
        return
    said = ", ".join(unsafe)
    if not order.yes:
        raise UsageError(f"{said}: what changes things is sent only with --yes-write, to a system whose data may change")
    legacies = [target for target in (order.candidate, order.control) if target and is_legacy(target, config)]
    if legacies and order.yes < 2:
        raise UsageError(f"{said} to {legacies[0]}, which serves people as legacy: say --yes-write twice if that is meant")


async def _refuse_unreachable(senders: list[Sender]) -> None:
    for sender in senders:
        if why := await sender.reach():
            raise UnreachableError(f"{sender.target} cannot be reached: {why}; nothing was asked")


def _key(config: Config, environ: Mapping[str, str]) -> tuple[bytes, bool]:
    """The key of the tokens for secrets, and whether it is the installation's; never makes one."""
    if environ.get(REDACTION.variable) or os.path.exists(os.path.join(config.folder, REDACTION.file)):
        return REDACTION.find(environ, config.folder), True
    return secrets.token_bytes(32), False
