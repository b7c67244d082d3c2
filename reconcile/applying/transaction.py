"""One transaction of the applier, from its first statement to its last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Select, literal_column, select

from reconcile.applying import deletions, locks
from reconcile.applying.applied import Applied, Parts, Witness
from reconcile.applying.budget import Allowance
from reconcile.applying.cascades import with_followers
from reconcile.applying.change import Change, Verb, Work, decide
from reconcile.applying.readiness import tells_owner
from reconcile.applying.settling import settle
from reconcile.applying.standby import is_standby
from reconcile.applying.swaps import Batch, resolve
from reconcile.applying.trouble import Held, Waits
from reconcile.capturing import origin
from reconcile.databases.chunk import Key, show
from reconcile.databases.pair import Pair
from reconcile.mapping.pipeline import Misfit, Row
from reconcile.owning import ownership
from reconcile.owning.ownership import NEW, OLD
from reconcile.reports.report import Counts
from strangler.core.errors import DatabaseError, Refusal

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of the applier.

    Attributes:
        strict: whether a row that cannot be written stops its batch.
        reached: keys beside those that were asked for, which stand in their way; `forced` those that have to go for them.
        closed: whether no more of them may be reached for.
        witness: who may leave rows alone, and is told when the others are written.
    """

    pair: Pair
    allowance: Allowance
    parts: Parts
    origin: str
    strict: bool = False
    reached: frozenset[Key] = frozenset()
    forced: frozenset[Key] = frozenset()
    closed: bool = False
    witness: Witness | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    """What the source says of the keys, in one snapshot."""

    wanted: Mapping[Key, Row]
    misfits: Mapping[Key, Misfit]
    kept: Mapping[Key, frozenset[int]]
    empty: bool
    notes: Mapping[str, int] = field(default_factory=dict)


def run(task: Task, keys: Sequence[Key]) -> Applied:
    """Check, lock, read, write, commit. Raises `OutOfReach` where it takes more keys than these."""
    pair, dialect = task.pair, task.pair.target.database.dialect
    locked = sorted({*keys, *task.reached})
    with pair.target.database.writing() as connection:
        origin.mark(connection, dialect, task.origin)
        _refuse_not_ours(pair, connection)
        deletions.refuse_halted(connection, task.allowance)
        locks.lock(connection, dialect, pair.mapping.name, locked)
        standing = dict(pair.standing(pair.target.rows(connection, locked)))
        source = _read(task, connection, locked, standing)
        known = {key: row for key, row in standing.items() if key not in source.misfits}
        work = decide(source.wanted, known, parts=task.parts, kept=source.kept, forced=task.forced)
        work = _watched(task, connection, _reviving(pair, connection, work), standing)
        applied = _write(task, connection, frozenset(locked), source, work)
        if task.witness is not None:
            task.witness.record(connection)
        return applied


def _refuse_not_ours(pair: Pair, connection: Connection) -> None:
    """Only the side that is not the owner is ever written; the row stays locked until the transaction ends."""
    name, owner = pair.mapping.name, OLD if pair.back is None else NEW
    found = ownership.read(connection, name, lock=True)
    if found.owner != owner:
        raise ownership.WrongWay(name, found)


def _read(task: Task, connection: Connection, keys: Sequence[Key], standing: Mapping[Key, Row]) -> _Source:
    """The source in a fresh snapshot, which begins when the keys are locked already."""
    pair, notes = task.pair, Counter[str]()
    with pair.source.database.reading() as reader:
        _refuse_other_epoch(pair, reader, connection)
        rows = dict(pair.wanted(pair.source.rows(reader, keys), notes))
        misfits = {key: row for key, row in rows.items() if isinstance(row, Misfit)}
        if misfits and task.strict:
            raise _misfit(pair, *next(iter(misfits.items())))
        going = [key for key in standing if key not in rows]
        if going and is_standby(reader, pair.source.database.dialect):
            raise Refusal(_standby(pair))
        wanted = {key: row for key, row in rows.items() if isinstance(row, Row)}
        kept = _kept(pair, reader, connection, [key for key in wanted if key in standing])
        return _Source(wanted, misfits, kept, bool(going) and not rows and _is_empty(pair, reader), notes)


def _standby(pair: Pair) -> str:
    return (
        f"{pair.mapping.name}: database {pair.source.database.name} follows another one or takes no writes, so rows that are not "
        "there may only be late: no deletions are taken from it. Name the database that the application writes"
    )


def _refuse_other_epoch(pair: Pair, reader: Connection, connection: Connection) -> None:
    """A database that was restored may name an owner of long ago; then the two say different things."""
    if not tells_owner(reader):
        return
    name = pair.mapping.name
    here, there = ownership.read(connection, name), ownership.read(reader, name)
    ownership.agreement(name, *((there, here) if pair.back is None else (here, there)))


def _is_empty(pair: Pair, reader: Connection) -> bool:
    query: Select[Any] = select(literal_column("1")).select_from(pair.source.table).limit(1)
    return reader.execute(query if pair.source.scope is None else query.where(pair.source.scope)).first() is None


def _kept(pair: Pair, reader: Connection, connection: Connection, keys: list[Key]) -> dict[Key, frozenset[int]]:
    """On the way back, the columns that a new row leaves as they stand."""
    if pair.back is None or not keys:
        return {}
    numbers = {name: index for index, name in enumerate(pair.mapping.columns)}
    found = pair.kept(reader, connection, keys)
    return {key: frozenset(numbers[name] for name in names) for key, names in found.items()}


def _reviving(pair: Pair, connection: Connection, work: Work) -> Work:
    """Rows that come back and stand there still, deleted softly: they are written over, not inserted."""
    if pair.back is None or pair.back.deletion is None:
        return work
    born = [change.key for change in work.changes if change.verb is Verb.INSERT]
    if not born:
        return work
    target = pair.target
    gone = [target.table.c[name] == value for name, value in pair.back.deletion.items()]
    rows = connection.execute(select(*target.key).where(target.is_one_of(born), *gone))
    soft = {tuple(part.read(value) for part, value in zip(target.parts, row, strict=True)) for row in rows}
    changes = [replace(change, verb=Verb.REVIVE) if change.key in soft else change for change in work.changes]
    return Work(tuple(sorted(changes, key=lambda change: change.verb)), work.unchanged, work.left)


def _watched(task: Task, connection: Connection, work: Work, standing: Mapping[Key, Row]) -> Work:
    """Without the rows that the witness wants to leave alone."""
    if task.witness is None:
        return work
    alone = frozenset(task.witness.leave(connection, work.changes, standing))
    changes = tuple(change for change in work.changes if change.key not in alone)
    return Work(changes, work.unchanged, work.left | alone)


def _write(task: Task, connection: Connection, locked: frozenset[Key], source: _Source, work: Work) -> Applied:
    pair = task.pair
    kin = with_followers(pair, connection, work.deletes)
    changes = [change for change in work.changes if change.key not in kin]
    deletes = sum(change.verb is Verb.DELETE for change in changes)
    if deletes:
        deletions.spend(connection, pair, task.allowance, deletes, source_rows=int(not source.empty))
    found = kin | settle(pair, connection, changes)
    by_key = {change.key: change for change in changes}
    batch = Batch(pair, locked, by_key, work.left, task.closed, parks=task.witness is None)  # who watches rows would see it
    found = resolve(batch, connection, found)
    if found and task.strict:
        raise _refused(pair, *next(iter(found.items())))
    if held := sum(change.verb is Verb.DELETE and change.key in found for change in changes):
        deletions.give_back(connection, task.allowance, held)
    counts = _counts(changes, found, work.unchanged, source.notes)
    failed = {key: f"{misfit.column}: {misfit.reason}" for key, misfit in source.misfits.items()}
    failed |= {key: why.reason for key, why in found.items() if not why.waits}
    return Applied(counts, {key: why.reason for key, why in found.items() if why.waits}, failed, work.left)


def _counts(changes: Iterable[Change], found: Collection[Key], unchanged: int, notes: Mapping[str, int]) -> Counts:
    done = Counter(change.counted_as for change in changes if change.key not in found)
    return Counts(done["inserted"], done["updated"], done["deleted"], unchanged, dict(notes))


def _misfit(pair: Pair, key: Key, misfit: Misfit) -> Refusal:
    return Refusal(
        f"{pair.mapping.name}: {pair.source} key {show(key)}: {misfit.column}: {_shown(misfit.value)} {misfit.reason}; "
        "nothing of its chunk was written"
    )


def _refused(pair: Pair, key: Key, why: Held) -> Refusal | DatabaseError:
    if why.refused and not why.waits:
        return Refusal(f"{pair.mapping.name}: the row with key {show(key)} {why.reason}; nothing of its chunk was written")
    return (Waits if why.waits else DatabaseError)(
        f"{pair.mapping.name}: {pair.target} refuses the row with key {show(key)}: {why.reason}; nothing of its chunk was written"
    )


def _shown(value: Any) -> str:
    text = "NULL" if value is None else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
