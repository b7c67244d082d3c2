"""Rows that the database itself would change when a row goes (ON DELETE CASCADE, SET NULL). Where a mapping keeps those rows,
what stands there is what the source says, and nobody would write them again: so they have to go, or let go, first.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, and_, column, exists, select, table

from reconcile.applying.trouble import Held, Trouble
from reconcile.databases.catalogue import Reference
from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair


def with_followers(pair: Pair, connection: Connection, deletes: Sequence[Key]) -> dict[Key, Held]:
    """Those of the keys that cannot go yet: rows that a mapping keeps still refer to them."""
    if not deletes or pair.live is None or (pair.back is not None and pair.back.deletion is not None):
        return {}
    mapped = {name.lower() for name in pair.mapped}
    found: dict[Key, Held] = {}
    for reference in pair.live.children:
        if reference.follows_deletes and reference.child.lower() in mapped:
            found |= dict.fromkeys(_followed(pair, connection, reference, deletes), _reason(pair, reference))
    return found


def _followed(pair: Pair, connection: Connection, reference: Reference, deletes: Sequence[Key]) -> list[Key]:
    """Rows of the same table that go at the same time do not count."""
    target, own = pair.target, _own_key(pair, reference)
    child = table(reference.child, *(column(name) for name in dict.fromkeys((*reference.columns, *own)))).alias("follower")
    pairs = zip(reference.columns, reference.keys, strict=True)
    follows = and_(*(child.c[mine] == target.table.c[theirs] for mine, theirs in pairs))
    query = select(*target.key).join_from(target.table, child, follows).where(target.is_one_of(deletes)).distinct()
    if own:
        going = select(*target.key).where(target.is_one_of(deletes)).subquery("going")
        query = query.where(~exists().where(*(going.c[name] == child.c[name] for name in own)))
    rows = connection.execute(query)
    return [tuple(part.read(value) for part, value in zip(target.parts, row, strict=True)) for row in rows]


def _own_key(pair: Pair, reference: Reference) -> tuple[str, ...]:
    """The key's columns if the rows that follow stand in the same table."""
    same = reference.child.lower() == pair.target.table.name.lower()
    return pair.mapping.target.key if same else ()


def _reason(pair: Pair, reference: Reference) -> Held:
    place, columns = f"{pair.target.database.name}.{reference.child}", ", ".join(reference.columns)
    reason = f"is followed: rows of {place} refer to it ({columns}) and would change with it: {reference.on_delete}"
    return Held(Trouble.REFERENCE, reason, refused=True)
