"""Who owns a mapping: the side that applications write, and from which everything is copied to the other one.

Both databases say so, each for itself, and copying needs both: the database that is written must say that the *other* side
owns, and the one that is read that it owns itself, with the same epoch. A move writes the side that becomes the owner first.
From then on that database takes no more copies, and the other one does not take any yet; so wherever a move is cut off,
nothing is copied until it is finished, and never both ways at once. In the other order both ways would be open in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

from sqlalchemy import Connection, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from reconcile.databases import tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database, opened
from reconcile.mapping.model import Plan
from reconcile.owning.tables import METADATA, OWNER
from strangler.core.errors import DatabaseError, Refusal, UsageError

Owner = Literal["old", "new"]
OLD, NEW = get_args(Owner)


@dataclass(frozen=True, slots=True)
class Ownership:
    """The side that may be written, and how often that has moved, counted from 1."""

    owner: str = OLD
    epoch: int = 1

    def __str__(self) -> str:
        return f"{self.owner} (epoch {self.epoch})"


class WrongWay(Refusal):
    """The target is the side that applications write: nothing is copied to it."""

    def __init__(self, mapping: str, found: Ownership) -> None:
        here = "the old one" if found.owner == OLD else "the new one"
        super().__init__(
            f"{mapping}: its owner is {found}, so {here} is written by applications, and copied from: nothing was written there. "
            f"`strangler data owner {mapping}` shows what both databases say"
        )


class Disagreement(Refusal):
    """The databases say different things, as they do in the middle of a move."""


def ensure_tables(database: Database) -> None:
    """Create the table if it is not there yet."""
    tables.ensure(database, METADATA)


def ensure_row(database: Database, mapping: str) -> None:
    """Have a row that can be locked: one that is not there cannot."""
    row = {"mapping": mapping, "owner": OLD, "epoch": 1, "changed_at": now(database)}
    try:
        with database.writing() as connection:
            if connection.execute(select(OWNER.c.epoch).where(OWNER.c.mapping == mapping)).first() is None:
                connection.execute(insert(OWNER).values(**row))
    except DatabaseError as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise  # another process was quicker, and that is as good


def read(connection: Connection, mapping: str, *, lock: bool = False) -> Ownership:
    """What this database says; a mapping that was never moved belongs to the old side.

    `lock` keeps it so until the transaction ends, beside others that do the same. (SQLite has one writer at a time anyway.)
    """
    query = select(OWNER.c.owner, OWNER.c.epoch).where(OWNER.c.mapping == mapping)
    row = connection.execute(query.with_for_update(read=True) if lock else query).first()
    return Ownership() if row is None else Ownership(row.owner, row.epoch)


def standing(database: Database, mapping: str) -> Ownership:
    """What a database says, which need not have the table."""
    with database.reading() as connection:
        known = inspect(connection).has_table(OWNER.name)
        return read(connection, mapping) if known else Ownership()


def moved_ago(database: Database, mapping: str) -> float:
    """Seconds since this database says who owns; for ever, if that was never moved."""
    with database.reading() as connection:
        if not inspect(connection).has_table(OWNER.name):
            return inf
        query = select(OWNER.c.changed_at, now(database)).where(OWNER.c.mapping == mapping, OWNER.c.epoch > 1)
        row = connection.execute(query).first()
    return inf if row is None else float(row[1] - row[0]) / 1_000_000


def agreed(plan: Plan, name: str) -> Ownership:
    """What both databases say. Raises Refusal if they do not say the same."""
    mapping = plan.mapping(name)
    with opened(plan.databases, mapping.source.database, mapping.target.database) as (old, new):
        return agreement(name, standing(old, name), standing(new, name))


def agreement(name: str, old: Ownership, new: Ownership) -> Ownership:
    """What both say, or Refusal."""
    if old != new:
        raise Disagreement(
            f"{name}: the old database says that the owner is {old}, the new one says {new}: a move was cut off, or one of them "
            f"was restored. Nothing is copied until `strangler data owner {name} --set old` or `--set new` settles it"
        )
    return old


def set_owner(plan: Plan, name: str, owner: str) -> Ownership:
    """Move a mapping to a side, or finish a move that was cut off. Nothing happens if both databases say so already.

    Waits for appliers that hold the row, at most the database's lock timeout; then raises DatabaseError, and can be tried again.
    """
    if owner not in (OLD, NEW):
        raise UsageError(f"the owner of {name} is either old or new, not {owner!r}")
    mapping = plan.mapping(name)
    with opened(plan.databases, mapping.source.database, mapping.target.database) as (old, new):
        gaining, losing = (old, new) if owner == OLD else (new, old)
        return _move(gaining, losing, name, owner)


def _move(gaining: Database, losing: Database, name: str, owner: str) -> Ownership:
    for database in (gaining, losing):
        ensure_tables(database)
        ensure_row(database, name)
    before, other = standing(gaining, name), standing(losing, name)
    if before == other and before.owner == owner:
        return before
    begun = before.owner == owner and before.epoch > other.epoch
    after = Ownership(owner, before.epoch if begun else max(before.epoch, other.epoch) + 1)
    for database, seen in ((gaining, before), (losing, other)):
        _write(database, name, seen, after)
    return after


def _write(database: Database, name: str, seen: Ownership, after: Ownership) -> None:
    """Write what a database is to say, if it still says what was seen. One database for both sides has it said already."""
    row = {"owner": after.owner, "epoch": after.epoch, "changed_at": now(database)}
    here = (OWNER.c.mapping == name, OWNER.c.owner == seen.owner, OWNER.c.epoch == seen.epoch)
    with database.writing() as connection:
        if connection.execute(update(OWNER).where(*here).values(**row)).rowcount == 0 and read(connection, name) != after:
            raise Refusal(f"{name}: someone else is moving its owner just now: look at `strangler data owner {name}` first")
