"""Writes evidence to the store, once a second, in a thread. When the store cannot be written, evidence is kept and goes on.

Settlements are cut off first and the workers' counters read after that, so that a ledger never has more outcomes than
requests; both are written in one transaction. A batch that could not be written is tried again as it was; what comes meanwhile
gathers in the next one, as counts, which take no more room the longer it lasts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex

from strangler.control.gathering import batches, witnessed
from strangler.control.gathering.batches import Readings
from strangler.core.errors import StranglerError
from strangler.core.model import Retention
from strangler.core.records import Batch
from strangler.store.rows import Run
from strangler.store.store import Store

RECORDED = "recorded"  # side of an arm of no route: in which minutes evidence was written, and in how many of their seconds
_EVERY = 1.0  # seconds
_PRUNE_EVERY = 3600.0
_MOST_COUNTS = 20_000  # by the minute, kept while the store is away; then they are counted by the hour
_TRIES = 20  # after which a batch is written without its examples, in case that one of them is what the store refuses


class Recorder:
    """The one writer of a run.

    Args:
        complain: told, once, that the store cannot be written, and that it can be again.

    Attributes:
        batch: what will be written next: add to it.
        retention: how long what is kept.
    """

    def __init__(
        self,
        store: Store,
        run: Run,
        readings: Readings,
        *,
        arena: int,
        slots: int,
        retention: Retention,
        complain: Callable[[str], None],
    ) -> None:
        self._store, self._run, self._readings = store, run, readings
        self._arena, self._slots = arena, slots
        self._complain = complain
        self._pending: Batch | None = None
        self._unread = False
        self._token = ""
        self._over = asyncio.Event()
        self._failures = 0
        self.batch = Batch()
        self.retention = retention

    @property
    def failing(self) -> bool:
        """Whether the store could not be written when that was tried last."""
        return self._failures > 0

    async def live(self) -> None:
        """Record once a second, until told to `stop`. Not to be cancelled: what a thread writes nobody can call back."""
        while not self._over.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), _EVERY)
            await self.record()

    def stop(self) -> None:
        """Have `live` end once it has recorded."""
        self._over.set()

    async def prune(self) -> None:
        """Remove once an hour what is too old or too much, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self._store.retain, self.retention, time.time())
            except Exception as error:
                self._complain(f"nothing old was removed from the store: {_brief(error)}")
            await asyncio.sleep(_PRUNE_EVERY)

    async def record(self) -> bool:
        """Write what there is; whether it is written now."""
        while True:
            fresh = self._pending is None
            if fresh:
                self._pending, self.batch, self._unread = self.batch, Batch(), True
                self._token = token_hex(8)
            try:
                await asyncio.to_thread(self._write)
            except Exception as error:  # whatever it is: evidence waits, and control goes on
                self._fail(error)
                return False
            self._pending = None
            if self._failures:
                self._complain("evidence is stored again")
                self._failures = 0
            if fresh:
                return True

    def _write(self) -> None:
        assert self._pending is not None
        if self._unread:
            self._readings.read(self._pending, witnessed.read(self._arena, self._slots), time.time())
            self._unread = False
        self._sign(self._pending, int(time.time() // 60))
        self._store.record(self._pending, self._run, self._token)

    def _sign(self, batch: Batch, minute: int) -> None:
        """Say that evidence is written now: not when this batch could not be."""
        for key in [key for key in batch.arms if key[4] == RECORDED]:
            del batch.arms[key]
        batch.arms[minute, "", "", "", RECORDED] = [1]

    def _fail(self, error: Exception) -> None:
        assert self._pending is not None
        if not self._failures:
            self._complain(f"evidence cannot be stored, and is kept meanwhile: {_brief(error)}")
        self._failures += 1
        if self._failures == _TRIES:
            self._pending.examples.clear()
        if len(self.batch.counts) > _MOST_COUNTS:
            batches.fold(self.batch)


def _brief(error: Exception) -> str:
    """Ours is made for people; another's text could hold anything."""
    return str(error) if isinstance(error, StranglerError) else type(error).__name__
