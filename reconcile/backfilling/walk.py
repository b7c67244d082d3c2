"""Walking all keys of a mapping through the applier, chunk by chunk; and applying a few keys by hand.

A chunk is a range of keys on both sides, the first without a lower end and the last without an upper one, so a row that stands
on the new side only is met too, wherever its key is. Every key goes through the applier, which locks, reads and only then
writes: a row that is deleted or changed meanwhile, by whomever, is never brought back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from threading import Event
from time import monotonic

from reconcile.applying.applier import Applied, apply, apply_all
from reconcile.applying.budget import Allowance
from reconcile.applying.trouble import Waits
from reconcile.backfilling.sizing import Sizing
from reconcile.backfilling.throttle import Throttle
from reconcile.backfilling.watermark import DONE, PAUSE, PAUSED, RUNNING, STOPPED, WAITING, Lease, Place, take
from reconcile.databases.chunk import Chunk, Key, show
from reconcile.databases.pair import Pair
from reconcile.mapping.canonical import key_text
from reconcile.reports.report import Counts, Progress
from strangler.core.errors import Refusal, StranglerError

AT_ONCE = 500  # keys a transaction: its locks are few and its end is near
MOST_DEFERRED = 10_000
_LOOK_AGAIN_SECONDS = 0.5

CHUNK_ROWS = 1000
OnProgress = Callable[[Progress], None]
OnSkipped = Callable[[Mapping[Key, str]], object]


@dataclass(frozen=True, slots=True)
class Conduct:
    """How a backfill goes about it.

    Attributes:
        skip: rows that cannot be mapped or written are passed over and named, up to so many; 0 stops at the first.
        stop: when set, it ends after the chunk it is at.
        on_skipped: told of rows before they are passed over.
    """

    sizing: Sizing = Sizing()
    throttle: Throttle = Throttle()
    restart: bool = False
    skip: int = 0
    stop: Event = field(default_factory=Event)
    on_progress: OnProgress = lambda _: None
    on_skipped: OnSkipped = lambda _: None


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What one call did, and what is left.

    Attributes:
        state: done; waiting, when every key was walked and `deferred` ones wait for rows of other mappings; stopped, when it was
            asked to.
        skipped: keys that were passed over, with why. As long as there are any, the backfill is not complete.
    """

    counts: Counts
    state: str
    deferred: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)


def backfill(pair: Pair, allowance: Allowance, lease: Lease, conduct: Conduct) -> Backfilled:
    """Apply every key of either side. What was applied before an error or a kill stays, and the next call goes on after it."""
    pair.source.refuse_null_keys()
    pair.target.refuse_null_keys()
    allowance.foresee()
    place = take(lease, definition(pair), allowance.source_rows, restart=conduct.restart)
    walk = _Walk(pair, allowance, lease, conduct, place)
    try:
        return walk.run()
    except BaseException as error:
        walk.give_up(error)
        raise


def apply_keys(pair: Pair, keys: Collection[Key], allowance: Allowance) -> Counts:
    """Apply a few keys, all or none."""
    return apply_all(pair, keys, allowance)


def definition(pair: Pair) -> str:
    """A digest of what is read and written and in which direction; a watermark means nothing under another one."""
    described = repr((pair.mapping, str(pair.source), str(pair.target)))
    return blake2b(described.encode(), digest_size=16).hexdigest()


class _Walk:
    """One call: where it is, and what it has done so far."""

    def __init__(self, pair: Pair, allowance: Allowance, lease: Lease, conduct: Conduct, place: Place) -> None:
        self.pair, self.allowance, self.lease, self.conduct, self.place = pair, allowance, lease, conduct, place
        self.sizing, self.counts, self.began, self.rows = conduct.sizing, Counts(), monotonic(), 0

    def run(self) -> Backfilled:
        while not self.place.walked and not self.conduct.stop.is_set():
            self._chunk()
        state, why = self._settled() if self.place.walked else (STOPPED, "asked to stop: run it again to go on")
        self.lease.save(self.place, state, why)
        return Backfilled(self.counts, state, self.place.deferred, self.place.skipped)

    def give_up(self, error: BaseException) -> None:
        """Say why, if anyone may still hear it. The error itself must not be lost over that."""
        why = str(error) if isinstance(error, StranglerError) else "it was interrupted"
        try:
            self.lease.save(self.place, STOPPED, why)
        except StranglerError:
            return

    def _chunk(self) -> None:
        chunk = Chunk(self._low, self._end())
        begun = monotonic()
        keys = sorted({*self.pair.source.keys(chunk), *self.pair.target.keys(chunk)})
        self._apply(keys)
        self.sizing = self.sizing.after(len(keys), monotonic() - begun)
        self.rows += len(keys)
        low = None if chunk.high is None else key_text(chunk.high)
        self.place = replace(self.place, low=low, chunks=self.place.chunks + 1, rows=self.place.rows + len(keys))
        self._save()

    @property
    def _low(self) -> Key | None:
        return None if self.place.low is None else self.pair.source.parse_key_text(self.place.low)

    def _end(self) -> Key | None:
        """Where the chunk ends: no side has more rows in it than the size. Refuses to stand still, which would never end."""
        low = self._low
        found = [side.key_after(low, self.sizing.rows) for side in (self.pair.target, self.pair.source)]
        high = min((key for key in found if key is not None), default=None)
        if high is not None and low is not None and high <= low:
            raise Refusal(f"{self.pair.mapping.name}: the chunk after {show(low)} would end at {show(high)}: is its key unique?")
        return high

    def _apply(self, keys: Collection[Key]) -> None:
        ordered = sorted(keys)
        for start in range(0, len(ordered), AT_ONCE):
            self._take_in(self._applied(ordered[start : start + AT_ONCE]))
        if len(self.place.deferred) > MOST_DEFERRED:
            self._try_deferred()
        if len(self.place.deferred) > MOST_DEFERRED:
            raise Refusal(f"{self.pair.mapping.name}: more than {MOST_DEFERRED:,} rows wait for others: {self._one_deferred()}")

    def _applied(self, keys: Collection[Key]) -> Applied:
        """Unless rows may be skipped, all or none: only rows that wait for others do not keep theirs back."""
        if not self.conduct.skip:
            try:
                return Applied(apply_all(self.pair, keys, self.allowance, origin="backfill"))
            except Waits:
                pass
        return apply(self.pair, keys, self.allowance, origin="backfill")

    def _take_in(self, applied: Applied) -> None:
        self.counts += applied.counts
        deferred = dict(self.place.deferred) | {key_text(key): why for key, why in applied.deferred.items()}
        self.place = replace(self.place, deferred=deferred)
        if applied.failed:
            self._pass_over(applied.failed)

    def _pass_over(self, failed: Mapping[Key, str]) -> None:
        skipped = dict(self.place.skipped) | {key_text(key): why for key, why in failed.items()}
        if len(skipped) > self.conduct.skip:
            key, why = next(iter(failed.items()))
            others = f" ({len(skipped):,} rows by now, at most {self.conduct.skip:,} may be skipped)" if self.conduct.skip else ""
            raise Refusal(
                f"{self.pair.mapping.name}: {self.pair.source} key {show(key)}: {why}{others}; stopped at its chunk, run "
                "`backfill` again to go on from there"
            )
        self.conduct.on_skipped(failed)
        self.place = replace(self.place, skipped=skipped)

    def _settled(self) -> tuple[str, str | None]:
        """Rows that waited for others are tried as long as that helps: a tree in one table is as deep as it is."""
        while self.place.deferred and self._try_deferred():
            self._save()
        if not self.place.deferred:
            return DONE, None
        return WAITING, f"{len(self.place.deferred):,} rows wait for others, such as {self._one_deferred()}"

    def _try_deferred(self) -> bool:
        """Apply the deferred keys once more; whether any of them went through."""
        before = self.place.deferred
        self.place = replace(self.place, deferred={})
        try:
            for start in range(0, len(before), AT_ONCE):
                some = list(before)[start : start + AT_ONCE]
                applied = apply(
                    self.pair, [self.pair.source.parse_key_text(text) for text in some], self.allowance, origin="backfill"
                )
                self._take_in(applied)
        except BaseException:
            self.place = replace(self.place, deferred=before)
            raise
        return len(self.place.deferred) < len(before)

    def _one_deferred(self) -> str:
        key, why = next(iter(self.place.deferred.items()))
        return f"{show(self.pair.source.parse_key_text(key))}: {why}"

    def _save(self) -> None:
        wanted = self.lease.save(self.place)
        self.conduct.on_progress(self._progress(RUNNING))
        if wanted == PAUSE:
            self._wait_while(lambda: "asked to pause" if self.lease.save(self.place, PAUSED, "asked to pause") == PAUSE else None)
        self._wait_while(self.conduct.throttle.behind)
        self._rest(self.conduct.throttle.rest(self.rows, monotonic() - self.began))

    def _wait_while(self, reason: Callable[[], str | None]) -> None:
        while not self.conduct.stop.is_set() and (why := reason()):
            self.lease.save(self.place, PAUSED, why)
            self.conduct.on_progress(self._progress(f"{PAUSED}: {why}"))
            self.conduct.stop.wait(_LOOK_AGAIN_SECONDS)

    def _rest(self, seconds: float) -> None:
        """In short pieces: the lease has to be renewed, and someone may want it to stop."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0 and not self.conduct.stop.wait(min(left, self.lease.seconds / 3)):
            self.lease.save(self.place)

    def _progress(self, state: str) -> Progress:
        return Progress(
            self.pair.mapping.name,
            self.place.chunks,
            self.place.rows,
            self.place.total,
            self.counts,
            speed=self.rows / max(monotonic() - self.began, 0.000_001),
            state=state,
            skipped=len(self.place.skipped),
        )
