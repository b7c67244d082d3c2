"""Dead letters: keys that were given up. They stay until someone retries or skips them, or until their row changes again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from reconcile.databases.clock import now
from reconcile.databases.database import Database, opened
from reconcile.mapping.canonical import parse_key_text
from reconcile.mapping.model import Plan
from reconcile.relaying.tables import DEAD, PENDING, SKIPPED, WAITING
from reconcile.relaying.watched import watched
from strangler.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Letter:
    """A key that was given up, and why. `age`: seconds since the oldest change that is not applied."""

    database: str
    mapping: str
    key: str  # as JSON
    error: str
    attempts: int
    age: float
    origin: str

    def document(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("database", "mapping", "key", "error", "attempts", "age", "origin")}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A dead letter that someone let go; its row is drift until it changes again. `at` in µs since the epoch."""

    mapping: str
    key: str
    error: str
    reason: str
    actor: str
    at: int

    def document(self) -> dict[str, Any]:
        return asdict(self)


def list(plan: Plan, names: Collection[str] = ()) -> tuple[Letter, ...]:
    """The dead letters of these mappings, or of all, oldest first."""
    return tuple(sorted(_letters(plan, names), key=lambda letter: -letter.age))


def show(plan: Plan, name: str, key: Sequence[Any]) -> Letter:
    """One of them. Raises UsageError if there is none."""
    wanted = [str(part) for part in key]
    for letter in _letters(plan, (name,)):
        if _parts(letter.key) == wanted:
            return letter
    raise UsageError(f"{name} has no dead letter with the key {', '.join(wanted)}: see `strangler data dead list`")


def skipped(plan: Plan, names: Collection[str] = ()) -> tuple[Skipped, ...]:
    """What was let go, latest first."""
    found: tuple[Skipped, ...] = ()
    with watched(plan) as databases:
        for database in databases:
            with database.reading() as connection:
                rows = connection.execute(select(SKIPPED).order_by(SKIPPED.c.id.desc())).all()
            found += tuple(Skipped(row.mapping, row.key, row.error or "", row.reason, row.actor, row.at) for row in rows)
    chosen = _chosen(plan, names)
    return tuple(each for each in found if each.mapping in chosen)


def retry(plan: Plan, name: str, key: Sequence[Any] | None = None) -> int:
    """Let one of a mapping's dead letters, or all, be tried again at once, as if they had just changed. Returns how many."""
    letters = (show(plan, name, key),) if key is not None else list(plan, (name,))
    for letter in letters:
        with _opened(plan, letter.database) as database, database.writing() as connection:
            anew = {"state": WAITING, "attempts": 0, "deaths": 0, "due_at": now(database), "deferred_at": None}
            connection.execute(update(PENDING).where(*_is(letter)).values(**anew))
    return len(letters)


def skip(plan: Plan, name: str, key: Sequence[Any], reason: str, actor: str) -> Letter:
    """Let a dead letter go. Its row stays as it is, and is drift, until it changes again or is repaired. Reason and actor are
    kept."""
    if not reason.strip():
        raise UsageError("skipping a dead letter needs a reason: it is kept, for whoever finds the drift")
    letter = show(plan, name, key)
    with _opened(plan, letter.database) as database, database.writing() as connection:
        if connection.execute(delete(PENDING).where(*_is(letter))).rowcount == 0:
            raise UsageError(f"{name} {letter.key} has changed meanwhile, and is tried again")
        row = {"mapping": name, "key": letter.key, "error": letter.error, "reason": reason, "actor": actor}
        connection.execute(insert(SKIPPED).values(**row, at=now(database)))
    return letter


def _letters(plan: Plan, names: Collection[str]) -> Iterator[Letter]:
    wanted = (PENDING.c.state == DEAD) & PENDING.c.mapping.in_(_chosen(plan, names))
    with watched(plan) as databases:
        for database in databases:
            with database.reading() as connection:
                rows = connection.execute(select(PENDING, now(database).label("instant")).where(wanted)).all()
            for row in rows:
                age = max(0, row.instant - row.first_at) / 1e6
                yield Letter(database.name, row.mapping, row.key, row.error or "", row.attempts, age, row.origin)


def _chosen(plan: Plan, names: Collection[str]) -> tuple[str, ...]:
    return tuple(plan.mapping(name).name for name in names) or plan.names


def _is(letter: Letter) -> tuple[Any, ...]:
    return PENDING.c.mapping == letter.mapping, PENDING.c.key == letter.key, PENDING.c.state == DEAD


def _parts(key: str) -> Sequence[str]:
    """The parts of a key as someone would type them. One that is not even JSON is shown, and typed, as it is."""
    try:
        return [str(part) for part in parse_key_text(key)]
    except ValueError:
        return [key]


@contextmanager
def _opened(plan: Plan, name: str) -> Iterator[Database]:
    with opened(plan.databases, name) as (database,):
        yield database
