"""One comparison of both sides of a mapping. It never writes to either.

Digests say where the sides differ, rows say how, and a second look says whether that is drift or a change on its way.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from reconcile.comparing import captured
from reconcile.comparing.captured import Captured
from reconcile.comparing.looking import Clock, Finding, Sight, Wait, settle
from reconcile.comparing.recheck import Patience
from reconcile.comparing.sides import Sides, prepare
from reconcile.comparing.tally import Tally
from reconcile.comparing.walk import walk
from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair
from reconcile.reports.report import Progress, Report
from strangler.core.errors import DatabaseError, Refusal

OnCheckpoint = Callable[[Key, Tally, Collection[Key]], None]

CHUNK_ROWS = 131_072
_READ_CHUNK_ROWS = 32_768  # where more is done for a row than to hash it
_SUSPECTS = 5000  # that are settled together
_CHECKPOINT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare.

    Attributes:
        rows: of a chunk at most; None for what suits the strategy.
        strategy: None for the cheapest.
        salt: mixed into sums, so that two passes never collide in the same rows.
        rate: source rows per second at most.
        accept_normalisation: rows that differ only in how texts write the same are no drift.
        captured: whether to ask capture what is on its way.
        selftest: prove first, on a copy, that drift is found.
        on_drift: told the key of each drifted row; a report keeps only the first of them.
    """

    rows: int | None = None
    strategy: str | None = None
    salt: int = 0
    rate: float | None = None
    accept_normalisation: bool = False
    patience: Patience = Patience()
    selftest: bool = False
    on_drift: Callable[[Key], None] | None = None
    captured: bool = True
    clock: Clock = time.monotonic
    wait: Wait = time.sleep


@dataclass(frozen=True, slots=True)
class Start:
    """Where a pass goes on that was cut off: the next key, what it had covered, and keys that differed, to be looked at again."""

    low: Key | None = None
    old_rows: int = 0
    new_rows: int = 0
    chunks: int = 0
    keys: Sequence[Key] = ()


@dataclass(slots=True)
class _Pass:
    """A pass while it runs. `suspects` wait to be looked at again."""

    pair: Pair
    options: Options
    on_progress: Callable[[Progress], None]
    on_checkpoint: OnCheckpoint
    tally: Tally
    suspects: dict[Key, Sight | None] = field(default_factory=dict)
    strategy: str = "rows"
    captured: bool = False
    doubt: str = ""
    changed: set[Key] = field(default_factory=set)
    changed_until: int = 0

    def run(self, start: Start) -> Captured:
        """Everything from a start on."""
        self.pair.source.refuse_null_keys()
        self.pair.target.refuse_null_keys()
        seen = captured.look(self.pair, full=True) if self.options.captured else captured.nothing(self.pair)
        self.captured = seen.on
        sides = prepare(self.pair, self.options.strategy, self.options.salt)
        self.strategy = sides.strategy.value
        self.suspects.update(dict.fromkeys(start.keys))
        try:
            self._walk(seen, sides, start.low)
        finally:  # what was found before an error is drift all the same
            self._settle(seen)
        self.doubt = seen.doubt()
        return seen

    def check(self, keys: Iterable[Key] | None) -> Captured:
        """Only these keys; without any, those that were captured since the last clean pass."""
        seen = captured.look(self.pair) if self.options.captured else captured.nothing(self.pair)
        self.captured = seen.on
        if keys is None:
            self.changed_until, self.changed = seen.changed()
            keys = sorted(self.changed)
        for key in dict.fromkeys(keys):
            self.suspects[key] = None
            self.tally.old_rows += 1
            if len(self.suspects) >= _SUSPECTS:
                self._settle(seen)
        self._settle(seen)
        self.doubt = seen.doubt()
        return seen

    def _walk(self, seen: Captured, sides: Sides, low: Key | None) -> None:
        total, pace, kept = self.pair.source.about(), _Pace(self.options), self.options.clock()
        with closing(walk(self.pair, sides, self._size(sides), low, self.tally.notes)) as stretches:  # its threads end with it
            for stretch in stretches:
                seen_at = self.options.clock()
                self.suspects |= {key: seen and Sight(seen, seen_at) for key, seen in stretch.suspects.items()}
                self.tally.cover(stretch)
                if len(self.suspects) >= _SUSPECTS:
                    self._settle(seen)
                self.on_progress(Progress(self.pair.mapping.name, self.tally.chunks, self.tally.old_rows, total))
                if stretch.low is not None and not stretch.part and self.options.clock() - kept >= _CHECKPOINT_SECONDS:
                    self.on_checkpoint(stretch.low, self.tally, self.suspects)
                    kept = self.options.clock()
                pace.keep(self.tally.old_rows)

    def _size(self, sides: Sides) -> int:
        return self.options.rows or (CHUNK_ROWS if sides.strategy in ("records", "hashes") else _READ_CHUNK_ROWS)

    def _settle(self, seen: Captured) -> None:
        suspects, self.suspects = self.suspects, {}
        options = self.options
        found: list[Finding] = []
        try:
            found.extend(settle(seen, suspects, options.patience, options.clock, options.wait, self.tally.notes))
        finally:
            for finding in sorted(found, key=lambda each: each.key):
                self.tally.add(self.pair, finding)


class _Pace:
    """Holds a pass back to a rate, over the whole of it."""

    def __init__(self, options: Options) -> None:
        self.options, self.start = options, options.clock()

    def keep(self, rows: int) -> None:
        if self.options.rate:
            ahead = self.start + rows / self.options.rate - self.options.clock()
            if ahead > 0:
                self.options.wait(ahead)


def compare(
    pair: Pair,
    options: Options,
    on_progress: Callable[[Progress], None],
    *,
    start: Start = Start(),
    keys: Iterable[Key] | None = None,
    changed: bool = False,
    on_checkpoint: OnCheckpoint = lambda low, tally, suspects: None,
) -> Report:
    """Compare every key of either side, or only some, or only those `changed` since the last clean pass.

    An error ends the pass, and the report says so: it is then never clean.
    """
    begun, failure, exit_code = options.clock(), "", 3
    tally = Tally(options.accept_normalisation, start.old_rows, start.new_rows, start.chunks, on_drift=options.on_drift)
    run = _Pass(pair, options, on_progress, on_checkpoint, tally)
    seen: Captured | None = None
    try:
        seen = run.run(start) if keys is None and not changed else run.check(keys)
    except (DatabaseError, Refusal) as error:
        failure, exit_code = str(error), error.exit_code
    facts: dict[str, Any] = {
        "covered": not failure,
        "failure": failure,
        "exit_code_of_failure": exit_code,
        "doubt": run.doubt,
        "strategy": run.strategy,
        "captured": run.captured,
        "full": keys is None and not changed,
        "undecided_allowed": options.patience.undecided,
        "empty_allowed": pair.mapping.empty is not None,
    }
    report = tally.report(pair, seconds=options.clock() - begun, **facts)
    if seen is not None and report.clean and report.unsettled_are_all:
        if report.full:
            seen.make_up(report.unsettled)
        elif changed:
            seen.forget(run.changed_until, run.changed - set(report.unsettled))
    return report
