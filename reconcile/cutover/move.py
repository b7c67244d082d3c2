"""The one move of a mapping's owner, which may be cut off anywhere and asked for again by anybody.

A move is decided by one transaction of the database that gains: it changes who owns there, and remembers by which cutover. The
other database follows. Between the two nobody copies (`owning.ownership`). Whoever comes with the token of a cutover that has
moved already finishes it, or finds it finished; with that of one that was reverted, is refused. Mappings are gone through in one
order by all, so that the first of them decides for the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, inspect, select, update

from reconcile.capturing.feed import feeds
from reconcile.capturing.tables import KNOWN
from reconcile.cutover.databases import Databases, is_relayed, other
from reconcile.cutover.tables import METADATA, MOVE, REVERTED, TOKEN_LENGTH
from reconcile.databases import tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.mapping.model import Mapping
from reconcile.owning.ownership import NEW, OLD, Owner, Ownership, agreement, ensure_row, ensure_tables, standing
from reconcile.owning.tables import OWNER
from strangler.core.errors import Refusal, UsageError


def move(databases: Databases, to: Owner, token: str) -> dict[str, Ownership]:
    """Move every mapping to a side, or finish that. Raises Refusal if the token was reverted."""
    _refuse_odd(token)
    for mapping in _in_order(databases):
        gaining, losing = databases.side(mapping, to), databases.side(mapping, other(to))
        _prepare(databases, mapping.name, gaining, losing)
        after = _gain(gaining, standing(losing, mapping.name), mapping.name, to, token)
        _lose(losing, mapping, after, forgets=not is_relayed(mapping, to))
    return {name: agreement(name, *databases.says(name)) for name in databases.names}


def revert(databases: Databases, token: str) -> None:
    """From now on this token moves nothing. Raises Refusal if it has moved something."""
    _refuse_odd(token)
    for mapping in _in_order(databases):
        sides = [databases.side(mapping, side) for side in (OLD, NEW)]
        _prepare(databases, mapping.name, *sides)
        for database in sides:
            _void(database, mapping.name, token)


def _refuse_odd(token: str) -> None:
    if not token or len(token) > TOKEN_LENGTH:
        raise UsageError(f"a cutover's token has 1 to {TOKEN_LENGTH} characters")


def _in_order(databases: Databases) -> Sequence[Mapping]:
    return [databases.plan.mapping(name) for name in sorted(databases.names)]


def _prepare(databases: Databases, name: str, *sides: Database) -> None:
    """Have the tables, once per open database, and a row to lock."""
    for database in sides:
        if database.name not in databases.prepared:
            ensure_tables(database)
            tables.ensure(database, METADATA)
            databases.prepared.add(database.name)
        ensure_row(database, name)


def _gain(database: Database, elsewhere: Ownership, name: str, to: Owner, token: str) -> Ownership:
    """What the database that gains says from now on. A move by other hands that stopped after its first half is gone on with."""
    with database.writing() as connection:
        here = _locked(connection, name)
        moved = _moved(connection, name, token)
        if moved == REVERTED:
            raise Refusal(f"{name}: this cutover was taken back: its owner stays {here}")
        if moved is not None:
            return Ownership(to, moved)
        stays = here.owner == to and here.epoch >= elsewhere.epoch
        after = here if stays else Ownership(to, max(here.epoch, elsewhere.epoch) + 1)
        connection.execute(MOVE.insert().values(token=token, mapping=name, epoch=after.epoch, at=now(database)))
        if not stays:
            _say(connection, database, name, after)
        return after


def _lose(database: Database, mapping: Mapping, after: Ownership, *, forgets: bool) -> None:
    """The other database follows, unless it has already gone on to a later move.

    `forgets`: what changes from now on does not reach it, so it does not know any more what is equal.
    """
    with database.writing() as connection:
        here = _locked(connection, mapping.name)
        if here.epoch >= after.epoch:
            return
        _say(connection, database, mapping.name, after)
        if forgets and inspect(connection).has_table(KNOWN.name):
            names = [feed.name for feed in feeds(mapping, "old" if after.owner == NEW else "new")]
            connection.execute(delete(KNOWN).where(KNOWN.c.mapping == mapping.name, KNOWN.c.feed.in_(names)))


def _void(database: Database, name: str, token: str) -> None:
    with database.writing() as connection:
        here = _locked(connection, name)
        moved = _moved(connection, name, token)
        if moved is None:
            connection.execute(MOVE.insert().values(token=token, mapping=name, epoch=REVERTED, at=now(database)))
        elif moved != REVERTED:
            raise Refusal(f"{name}: its owner has moved already, and is {here}: this cutover can only go on, not back")


def _locked(connection: Connection, name: str) -> Ownership:
    """What a database says; it stays so until the transaction ends. Waits for appliers, at most for the lock timeout."""
    query = select(OWNER.c.owner, OWNER.c.epoch).where(OWNER.c.mapping == name).with_for_update()
    row = connection.execute(query).one()
    return Ownership(row.owner, row.epoch)


def _moved(connection: Connection, name: str, token: str) -> int | None:
    """The epoch that this cutover moved it to; None if it did not."""
    query = select(MOVE.c.epoch).where(MOVE.c.token == token, MOVE.c.mapping == name)
    found = connection.execute(query).scalar()
    return None if found is None else int(found)


def _say(connection: Connection, database: Database, name: str, after: Ownership) -> None:
    row = {"owner": after.owner, "epoch": after.epoch, "changed_at": now(database)}
    connection.execute(update(OWNER).where(OWNER.c.mapping == name).values(**row))
