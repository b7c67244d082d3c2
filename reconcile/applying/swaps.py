"""Unique values that change hands: two rows exchange theirs, or a chain of rows hands one on.

Of each row that collided, the row that stands in its way is looked up. If that one wants another value, too, both are written
together, with the value parked meanwhile; if it has to go, it goes first. Its key must be locked for that, and locks are taken
in order, before anything is read: a transaction that does not have it starts again with it (`OutOfReach`). If the other row
really has the value, both keys are named. No row is ever left out in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, case, literal_column, null, select, update
from sqlalchemy.exc import DBAPIError

from reconcile.applying.change import Change, Verb
from reconcile.applying.settling import Outside, attempt, outside
from reconcile.applying.trouble import Held, Trouble, held
from reconcile.applying.writing import bound, is_row, names, stored
from reconcile.databases.chunk import Key, show
from reconcile.databases.pair import Pair
from reconcile.mapping.canonical import key_text
from reconcile.mapping.kind import Kind


class OutOfReach(Exception):
    """The transaction needs more keys than it has locked, or has to delete some that it was not asked to."""

    def __init__(self, keys: frozenset[Key], deletes: frozenset[Key]) -> None:
        self.keys, self.deletes = keys, deletes


@dataclass(frozen=True, slots=True)
class Holder:
    """A standing row that has what must be unique. `ours` says that it is one of this mapping's."""

    key: Key
    columns: tuple[str, ...]
    ours: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What is known of the transaction: its locked keys, its changes by key, and rows that would go if that was asked for."""

    pair: Pair
    locked: frozenset[Key]
    changes: Mapping[Key, Change]
    left: frozenset[Key]
    closed: bool  # whether it may not reach out any further
    parks: bool = True  # whether a row that goes later may be left without its unique value until then


def resolve(batch: Batch, connection: Connection, found: dict[Key, Held]) -> dict[Key, Held]:
    """Write rows that collided and can be; what is left is returned with a reason that names both keys."""
    collided = [key for key, why in found.items() if why.trouble is Trouble.COLLISION]
    if not collided:
        return found
    holders = {key: list(_holders(batch.pair, connection, batch.changes[key])) for key in collided}
    _reach_out(batch, holders)
    left = {key: why for key, why in found.items() if key not in holders}
    for group in _groups(holders):
        members = {key: holders[key] for key in holders if key in group}
        left |= _resolve_group(batch, connection, members, found)
    return left


def _reach_out(batch: Batch, holders: Mapping[Key, Sequence[Holder]]) -> None:
    ours = frozenset(holder.key for each in holders.values() for holder in each if holder.ours)
    keys, deletes = ours - batch.locked, ours & batch.left
    if (keys or deletes) and not batch.closed:
        raise OutOfReach(keys, deletes)


def _resolve_group(
    batch: Batch, connection: Connection, members: Mapping[Key, Sequence[Holder]], found: Mapping[Key, Held]
) -> dict[Key, Held]:
    """Rows that are in each other's way: all of them, or none."""
    stuck = {key: why for key in members if (why := _obstacle(batch, key, members[key], found))}
    if stuck:
        waiting = {key: _waits(key, members[key], next(iter(stuck.values()))) for key in members if key not in stuck}
        return stuck | waiting
    changes = [change for key, change in batch.changes.items() if key in members]
    try:
        with connection.begin_nested():
            for holder in dict.fromkeys(holder for each in members.values() for holder in each):
                _park(batch, connection, holder)
            attempt(batch.pair, connection, changes)
    except Outside:
        return dict.fromkeys(members, outside(batch.pair))
    except DBAPIError as error:
        why = held(error)
        if why is None or error.connection_invalidated:
            raise
        return {key: Held(why.trouble, f"{_named(key, members[key])}, and {why.reason}") for key in members}
    return {}


def _obstacle(batch: Batch, key: Key, holders: Sequence[Holder], found: Mapping[Key, Held]) -> Held | None:
    """Why a row cannot have the value, whatever is tried; None if the rows that have it can be made to hand it over."""
    if not holders:
        return found[key]
    for holder in holders:
        named, other = _named(key, [holder]), found.get(holder.key)
        if not holder.ours:
            return Held(Trouble.ITSELF, f"{named}, which is not one of this mapping's rows")
        if other is None:
            reached = holder.key in batch.locked and holder.key not in batch.left
            return Held(
                Trouble.ITSELF, f"{named}: {'correct one of them' if reached else 'too many rows hand on values at once'}"
            )
        going = batch.parks and other.waits and _goes(batch, holder)
        if other.trouble is not Trouble.COLLISION and not (going and _parking(batch, holder)):
            return Held(other.trouble, f"{named}, and of that one the database says: {other.reason}")
        if _parking(batch, holder) is None:
            return Held(
                Trouble.ITSELF, f"{named}, and it cannot have another meanwhile: correct one of them, or change one twice"
            )
    return None


def _waits(key: Key, holders: Sequence[Holder], why: Held) -> Held:
    return Held(why.trouble, f"{_named(key, holders)}, which cannot be written: {why.reason}")


def _named(key: Key, holders: Sequence[Holder]) -> str:
    columns = ", ".join(dict.fromkeys(column for holder in holders for column in holder.columns))
    keys = ", ".join(dict.fromkeys(show(holder.key) for holder in holders))
    return f"what key {show(key)} should have in {columns} is what key {keys} has"


def _holders(pair: Pair, connection: Connection, change: Change) -> Iterator[Holder]:
    """The standing rows that keep a row from being written, for each set of columns that must be unique."""
    for columns in pair.live.unique if pair.live else ():
        values = _wanted(pair, change, columns)
        if values is None:
            continue
        ours = literal_column("1") if pair.target.scope is None else case((pair.target.scope, 1), else_=0)
        table = pair.target.table
        query = select(*pair.target.key, ours).where(*(table.c[name] == value for name, value in values.items()))
        for *key, own in connection.execute(query):
            read = tuple(part.read(value) for part, value in zip(pair.target.parts, key, strict=True))
            if not (own and read == change.key):
                yield Holder(read, columns, bool(own))


def _wanted(pair: Pair, change: Change, columns: tuple[str, ...]) -> dict[str, Any] | None:
    """What a row wants in columns that are unique together; None if that cannot collide, or cannot be told."""
    numbers = {name: index for index, name in enumerate(names(pair)) if name in columns}
    if len(numbers) < len(columns):
        return None
    values = {name: stored(pair, change, index) for name, index in numbers.items()}
    return None if None in values.values() else values


def _groups(holders: Mapping[Key, Sequence[Holder]]) -> list[set[Key]]:
    """Keys that are in each other's way, directly or through others."""
    groups: list[set[Key]] = []
    for key, each in holders.items():
        linked = {key} | {holder.key for holder in each}
        apart = [group for group in groups if group.isdisjoint(linked)]
        groups = [*apart, linked.union(*(group for group in groups if not group.isdisjoint(linked)))]
    return groups


def _goes(batch: Batch, holder: Holder) -> bool:
    """Whether the row is to be deleted. Those that a cascade holds back are not among the changes."""
    change = batch.changes.get(holder.key)
    return change is None or change.verb is Verb.DELETE


def _park(batch: Batch, connection: Connection, holder: Holder) -> None:
    """Make room: the row gives up its value until its own change, which follows, gives it another.

    Or until it goes: a row whose key has changed is to go when its children have followed it to the new one, which only then
    comes to be if it can have the old one's value.
    """
    parking = _parking(batch, holder)
    assert parking is not None
    column, value = parking
    connection.execute(
        update(batch.pair.target.table).where(is_row(batch.pair)).values({column: null() if value is None else value}),
        bound(batch.pair, holder.key),
    )


def _parking(batch: Batch, holder: Holder) -> tuple[str, Any] | None:
    """A column that the row's own change writes (any but its key, if it goes), and a value that nobody has: NULL if it may be."""
    pair, found = batch.pair, names(batch.pair)
    if _goes(batch, holder):
        written = {
            name: index for index, name in enumerate(found) if name in holder.columns and name not in pair.mapping.target.key
        }
    else:
        written = {found[index]: index for index in batch.changes[holder.key].columns if found[index] in holder.columns}
    for name in written:
        if pair.live and pair.live.columns[name].nullable:
            return name, None
    token = blake2b(f"{pair.mapping.name}\0{key_text(holder.key)}".encode(), digest_size=16, person=b"parked").digest()
    for name, index in written.items():
        value = _placeholder(pair.kinds[index], token)
        if value is not None:
            return name, value
    return None


def _placeholder(kind: Kind, token: bytes) -> Any:
    """A value of the kind that is most unlikely to stand anywhere; None where there is none that fits."""
    number = int.from_bytes(token[:4]) >> 1
    for value in (f"~{token.hex()}", f"~{token.hex()[:7]}", UUID(bytes=token), -number, number):
        try:
            return kind.stored(kind.fit(value))
        except (ValueError, TypeError):
            continue
    return None
