"""Both sides compared on every key that may have changed since they were last found equal.

A full clean pass, and what was captured since, make that everything. Keys that somebody wrote on the side that does not own, or
that an earlier move left waiting there, are looked at as well: nothing else would ever find them once the owner has moved.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select

from reconcile.capturing import catalog, known
from reconcile.capturing.feed import feeds
from reconcile.capturing.tables import BEAT, OUTBOX
from reconcile.comparing import captured, history
from reconcile.comparing.captured import Captured
from reconcile.comparing.compare import Options, compare
from reconcile.comparing.recheck import Patience
from reconcile.cutover.databases import Databases, is_relayed, other
from reconcile.cutover.values import Verified
from reconcile.databases.chunk import Key, show
from reconcile.mapping.model import Mapping
from reconcile.owning.ownership import Owner
from reconcile.relaying.change import OURS
from reconcile.relaying.tables import PENDING, ROGUE
from reconcile.reports.report import Report, Verdict
from reconcile.reports.report import Standing as RowStanding
from strangler.core.errors import Refusal, StranglerError

_AT_ONCE = 2000  # keys, between two looks at the clock
_SHOWN = 3
_BRIEFLY = 1.0  # seconds that a key on its way is waited for while writers go on


@dataclass(frozen=True, slots=True)
class Time:
    """Until when, on which clock (seconds), and how to wait."""

    deadline: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @property
    def left(self) -> float:
        return self.deadline - self.clock()

    def wait(self, seconds: float) -> None:
        """Raises Refusal rather than waiting past the deadline."""
        if seconds > self.left:
            raise Refusal("the time for it is over")
        self.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Trial:
    """One mapping that is verified."""

    databases: Databases
    mapping: Mapping
    owner: Owner

    def seen(self) -> Captured:
        """Capture as it stands now. Raises Refusal where it cannot be relied on."""
        return captured.look(self.databases.pair(self.mapping.name))

    def strays(self) -> set[Key]:
        """Keys written on the side that does not own, by others than us, or left waiting there."""
        pair = self.databases.pair(self.mapping.name)
        side = pair.target if self.owner == "old" else pair.source
        with side.database.reading() as connection:
            return {side.parse_key_text(text) for text in self._strays(connection, side.database.dialect)}

    def _strays(self, connection: Connection, dialect: str) -> Iterator[str]:
        name = self.mapping.name
        for table in (ROGUE, PENDING):
            if catalog.has_table(connection, dialect, table.name):
                yield from connection.execute(select(table.c.key).where(table.c.mapping == name)).scalars()
        if catalog.has_table(connection, dialect, OUTBOX.name):
            query = select(OUTBOX.c.key, OUTBOX.c.old_key).where(*self._foreign())
            yield from (text for row in connection.execute(query) for text in row if text is not None)

    def _foreign(self) -> tuple[ColumnElement[bool], ...]:
        heard = [feed.name for feed in feeds(self.mapping, other(self.owner))]
        return OUTBOX.c.feed.in_(heard), OUTBOX.c.operation != BEAT, OUTBOX.c.origin.not_in(sorted(OURS))


def verify(databases: Databases, within: Time) -> Verified:
    """Compare, again and again until nothing has changed meanwhile: writers are held, and what they began has ended."""
    words, keys = list[str](), 0
    trials = list[Trial]()
    for name in databases.names:
        with _telling(words, name):
            trials += _trials(databases, name)
    going_on = not words
    while going_on:
        going_on = False
        for trial in trials:
            with _telling(words, trial.mapping.name):
                changed, looked = _settled(trial, within)
                going_on, keys = going_on or changed > 0, keys + looked
        going_on = going_on and not words
    return Verified(not words, tuple(words), keys)


def prepare(databases: Databases, within: Time) -> Verified:
    """Compare once, beside the writers. What is on its way is left for `verify`."""
    words, keys = list[str](), 0
    for name in databases.names:
        with _telling(words, name):
            keys += sum(_looked_at(trial, within) for trial in _trials(databases, name))
    return Verified(not words, tuple(words), keys)


def to_look_at(databases: Databases, name: str) -> set[Key]:
    """The keys of a mapping that would be compared now. Raises Refusal where that is not known."""
    found = set[Key]()
    for trial in _trials(databases, name):
        found |= trial.seen().changed()[1] | trial.strays()
    return found


@contextmanager
def _telling(words: list[str], name: str) -> Iterator[None]:
    """An error becomes a line about a mapping."""
    try:
        yield
    except StranglerError as error:
        words.append(about(name, error))


def about(name: str, error: StranglerError) -> str:
    """An error on one line that begins with the mapping's name."""
    words = "; ".join(str(error).splitlines())
    return words if words.startswith(f"{name}:") else f"{name}: {words}"


def _trials(databases: Databases, name: str) -> list[Trial]:
    """The mapping to be verified; none if it stays where it is written, and nobody copies it."""
    mapping, owner = databases.plan.mapping(name), databases.owner(name)
    if not is_relayed(mapping, owner):
        return []
    state = databases.named(history.place(databases.plan, name))
    last = history.latest(state, name, full=True)
    if last is None or last.verdict is not Verdict.CLEAN:
        raise Refusal(f"{name}: no full pass was clean at last: `strangler data reconcile {name}`")
    if is_relayed(mapping, other(owner)) and (why := unknown(databases, mapping, other(owner))):
        raise Refusal(f"{name}: {why}")
    return [Trial(databases, mapping, owner)]


def unknown(databases: Databases, mapping: Mapping, side: Owner) -> str:
    """Why not all is known that was written on a side since both were equal; "" if it is. Else a write there that nobody saw
    would stay different for ever, and one that is still to come would not be copied."""
    database = databases.side(mapping, side)
    with database.reading() as connection:
        told = known.knowledge(connection, database.dialect, mapping, side)
    if told.known:
        return ""
    return (
        f"what is written on the {side} side is not known ({told.why}): `strangler data capture install {mapping.name} "
        f"--side {side}`, then `strangler data reconcile {mapping.name}`"
    )


def _settled(trial: Trial, within: Time) -> tuple[int, int]:
    """Compare everything that changed, which must be equal and at rest: how many keys had changed, and were looked at."""
    seen = trial.seen()
    until, changed = seen.changed()
    keys = changed | trial.strays()
    for some in _slices(keys):
        if within.left <= 0:
            raise Refusal(f"the time was over before all of {len(keys):,} keys were compared; somebody may still be writing")
        report = compare(trial.databases.pair(trial.mapping.name), _options(within, within.left), _quiet, keys=some)
        if why := _why_not(report) or _moving(report):
            raise Refusal(why)
    seen.forget(until, changed)
    return len(changed), len(keys)


def _looked_at(trial: Trial, within: Time) -> int:
    seen = trial.seen()
    until, changed = seen.changed()
    keys = changed | trial.strays()
    for some in _slices(keys):
        if within.left <= 0:
            return 0
        report = compare(
            trial.databases.pair(trial.mapping.name), _options(within, min(_BRIEFLY, within.left)), _quiet, keys=some
        )
        if why := _why_not(report):
            raise Refusal(why)
        if report.unsettled_are_all:
            seen.forget(until, changed.intersection(some) - set(report.unsettled))
    return len(keys)


def _options(within: Time, patience: float) -> Options:
    """Nothing is let pass that moves."""
    return Options(patience=Patience(in_flight=max(0.0, patience), undecided=0, pause=0.01), clock=within.clock, wait=within.wait)


def _slices(keys: set[Key]) -> Iterator[Sequence[Key]]:
    listed = sorted(keys)
    for start in range(0, len(listed), _AT_ONCE):
        yield listed[start : start + _AT_ONCE]


def _why_not(report: Report) -> str:
    """Why a comparison does not let the owner move; "" if it does."""
    name = report.mapping
    if report.drifted:
        shown = ", ".join(show(each.key) for each in report.differences[:_SHOWN])
        return (
            f"{report.drifted:,} rows differ ({shown}…): `strangler data reconcile {name}` shows them, `repair plan` mends them"
        )
    return report.why_not_clean


def _moving(report: Report) -> str:
    moving = sum(report.standings.get(each, 0) for each in (RowStanding.IN_FLIGHT, RowStanding.UNDECIDED))
    return f"{moving:,} rows have not come to rest: somebody is still writing, or the relay is behind" if moving else ""


def _quiet(progress: object) -> None:
    pass
