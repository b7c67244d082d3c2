"""Evidence in the control process: from the workers' links over the comparators to the store.

It begins when a configuration first has a route: until then nothing is opened and no file made. Comparators are started when
there is a first pair, so that routes which copy nothing cost one small write a second. Nothing here blocks the loop: comparing is
done by other processes, storing in threads, and what may take long is bounded in number.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from strangler.config.keyfile import REDACTION
from strangler.control.frames import Head
from strangler.control.gathering import batches, findings
from strangler.control.gathering.accounts import Accounts
from strangler.control.gathering.batches import Readings
from strangler.control.gathering.comparators import Comparators, Job
from strangler.control.gathering.glances import Glances
from strangler.control.gathering.postbox import Postbox
from strangler.control.gathering.recorder import Recorder
from strangler.control.gathering.repeats import Repeats
from strangler.control.gathering.second_looks import SecondLooks
from strangler.control.lifeline import Settings
from strangler.core.errors import StranglerError
from strangler.core.ledger import Ledger
from strangler.core.model import Config
from strangler.evidence.finding import Finding
from strangler.evidence.second_look import SecondLook
from strangler.store.rows import Run
from strangler.store.store import Store

AGAIN_SECONDS = 2.0  # between two attempts to open the store
PARTING = 2.0  # seconds for what is still to be compared when all workers have gone
_STEP = 0.02


@dataclass(slots=True)
class _Opened:
    """All that is there once evidence has begun."""

    store: Store
    run: Run
    recorder: Recorder
    comparators: Comparators
    postbox: Postbox
    looks: SecondLooks
    glances: Glances
    recording: asyncio.Task[None]
    pruning: asyncio.Task[None]


class Evidence:
    """Made when control starts.

    Args:
        settings: of the control process.
        complain: tells people what they should know.
    """

    def __init__(self, settings: Settings, complain: Callable[[str], None]) -> None:
        self._settings, self._complain = settings, complain
        self._config: Config | None = None
        self._body, self._revision = b"", 0
        self._opened: _Opened | None = None
        self._opening: asyncio.Task[None] | None = None
        self._ledgers: dict[str, Ledger] = {}
        self._asker = SecondLook()
        self._repeats = Repeats()

    @property
    def config(self) -> Config | None:
        """What is in force; None before the first."""
        return self._config

    async def use(self, revision: int, body: bytes) -> None:
        """A configuration has come into force."""
        self._config = config = await asyncio.to_thread(_config, body)
        self._body, self._revision = body, revision
        if self._opened is not None:
            self._pass_on(self._opened)
        elif self._opening is None and keeps(config):
            self._opening = asyncio.create_task(self._open())

    def ledgers(self) -> dict[str, Ledger]:
        """The ledger of each route in this run, as it was recorded last. Blocks while it is read; call it in a thread."""
        opened = self._opened
        if opened is not None and not opened.recorder.failing:
            with suppress(StranglerError):  # the recorder says so
                self._ledgers = opened.store.ledgers(opened.run)
        return self._ledgers

    async def close(self) -> None:
        """All workers have gone: finish what they have handed over, for a moment, and account for the rest."""
        if self._opening is not None:
            self._opening.cancel()
        opened = self._opened
        if opened is None:
            return
        until = time.monotonic() + PARTING
        while (opened.postbox.links or opened.comparators.busy or opened.looks.busy) and time.monotonic() < until:
            await asyncio.sleep(_STEP)
        opened.postbox.close()
        opened.looks.close()
        await opened.glances.close()
        await self._asker.close()
        for job in await opened.comparators.close():
            if not job.looked:
                self._lose(job)
        opened.recorder.stop()
        opened.pruning.cancel()
        await asyncio.gather(opened.recording, opened.pruning, return_exceptions=True)
        if await opened.recorder.record():
            with suppress(StranglerError):  # the next run ends this one, then
                await asyncio.to_thread(opened.store.end_run, opened.run, time.time())
        await asyncio.to_thread(opened.store.close)

    async def _open(self) -> None:
        """Begin, as soon as the store can be opened. Workers wait with their pairs, as long as they have room."""
        assert self._config is not None
        settings, said = self._settings, False
        while True:
            try:
                key = await asyncio.to_thread(REDACTION.find, os.environ, self._config.folder)
                store, run, settled, snapshot = await asyncio.to_thread(_open_store, self._config, settings)
                break
            except Exception as error:
                if not said:
                    self._complain(f"no evidence is kept: {error if isinstance(error, StranglerError) else type(error).__name__}")
                said = True
            await asyncio.sleep(AGAIN_SECONDS)
        if said:
            self._complain("evidence is kept from now on")
        opened = self._build(key, store, run, Accounts(settled), Readings(snapshot))
        self._opened = opened
        self._pass_on(opened)
        opened.postbox.open()

    def _build(self, key: bytes, store: Store, run: Run, accounts: Accounts, readings: Readings) -> _Opened:
        assert self._config is not None
        recorder = Recorder(
            store,
            run,
            readings,
            arena=self._settings["arena"],
            slots=self._settings["slots"],
            retention=self._config.retention,
            complain=self._complain,
        )
        comparators = Comparators(
            comparators_for(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
            key,
            self._body,
            found=self._found,
            gave_up=self._gave_up,
            room=lambda: postbox.resume(),
        )

        def take(job: Job) -> None:
            comparators.put(job)
            if comparators.full:
                postbox.wait()

        def lose(incarnation: str, route: str, number: int) -> None:
            batches.lose(recorder.batch, incarnation, route, number)

        glances = Glances(key, lambda: recorder.batch, self._complain)
        pairs = socket.socket(fileno=self._settings["pairs"])
        postbox = Postbox(pairs, accounts, take=take, lose=lose, glance=glances.take)
        looks = SecondLooks(self._asker.ask, take, self._settle)
        recording, pruning = asyncio.create_task(recorder.live()), asyncio.create_task(recorder.prune())
        return _Opened(store, run, recorder, comparators, postbox, looks, glances, recording, pruning)

    def _pass_on(self, opened: _Opened) -> None:
        assert self._config is not None
        opened.comparators.use(self._body)
        opened.looks.use(self._config)
        opened.glances.use(self._config)
        opened.recorder.retention = self._config.retention
        opened.postbox.use(self._revision)

    # What becomes of a pair.

    def _found(self, job: Job, head: Head) -> None:
        opened = self._opened
        assert opened is not None
        finding = findings.unpack(head["finding"]) if head["finding"] else None
        if finding is None:
            self._refuse(job, head["skipped"])
        elif job.again:
            batches.learn(opened.recorder.batch, finding)
        elif job.looked:
            opened.looks.answered(job, finding)
        elif not (finding.second_look and opened.looks.take(job, finding)):
            self._settle(job, finding)

    def _gave_up(self, job: Job, overdue: bool) -> None:
        opened = self._opened
        assert opened is not None
        if overdue or job.looked:
            self._refuse(job, "compare_timeout")
        else:
            self._lose(job)

    def _refuse(self, job: Job, reason: str) -> None:
        """A pair that was not compared; if it was looked at before, what was found then stands."""
        assert self._opened is not None
        if job.looked:
            self._opened.looks.answered(job, None)
        elif not job.again:
            batches.skip(self._opened.recorder.batch, job.incarnation, job.route, reason)

    def _settle(self, job: Job, finding: Finding) -> None:
        if self._opened is not None and not job.again:
            batches.settle(self._opened.recorder.batch, job.incarnation, self._repeats.told(job.incarnation, finding))

    def _lose(self, job: Job) -> None:
        if self._opened is not None and not job.again:
            batches.lose(self._opened.recorder.batch, job.incarnation, job.route)


def keeps(config: Config) -> bool:
    """Whether there is anything to be known later: what was compared, who served which route, and what was asked."""
    return bool(config.routes)


def comparators_for(cores: int) -> int:
    """How many comparators there are on a machine."""
    return 1 if cores == 1 else 2


def _config(body: bytes) -> Config:
    config = pickle.loads(body)
    assert isinstance(config, Config)
    return config


def _open_store(config: Config, settings: Settings) -> tuple[Store, Run, dict[tuple[str, str], int], bytes]:
    store = Store.open(config.store, config.folder)
    try:
        run = store.begin_run(settings["started"], settings["version"], settings["instance"])
        return store, run, store.settled(run), store.snapshot(run)
    except BaseException:
        store.close()
        raise
