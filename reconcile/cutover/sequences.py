"""Numbers that the gaining side will give out as keys: a sequence of PostgreSQL does not see rows that came with their keys.

SQLite and MariaDB give the next one after the highest that is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select, text

from reconcile.databases.database import Database
from reconcile.databases.pair import clause_of
from reconcile.databases.schema import Table

_OWNED = text(
    "SELECT sequence, q.seqincrement FROM pg_get_serial_sequence(quote_ident(:table), :column) AS sequence "
    "JOIN pg_sequence AS q ON q.seqrelid = sequence::regclass "
    "WHERE q.seqincrement > 0 AND has_sequence_privilege(sequence, 'SELECT')"
)
_AHEAD = 10_000  # numbers that the other side may give meanwhile


def behind(database: Database, live: Table, key: tuple[str, ...]) -> Iterator[str]:
    """What is to be done about each sequence whose next number a row has already. One that we may not read says nothing."""
    if database.dialect != "postgresql":
        return
    with database.reading() as connection:
        for name in key:
            for sequence, step in connection.execute(_OWNED, {"table": live.name, "column": name}):
                yield from _behind(connection, live, name, sequence, step)


def _behind(connection: Connection, live: Table, name: str, sequence: str, step: int) -> Iterator[str]:
    """`sequence` is as the database spells it, quoted where it has to be."""
    following = text(f"SELECT last_value + CASE WHEN is_called THEN {int(step)} ELSE 0 END FROM {sequence}")
    given = connection.execute(following).scalar_one()
    highest = connection.execute(select(func.max(clause_of(live).c[name]))).scalar()
    if highest is not None and given <= highest:
        literal = sequence.replace("'", "''")
        words = f"the next {name} that {sequence} gives is {given:,}, and {live.name} has {highest:,} already"
        yield f"{words}: put it well ahead (`SELECT setval('{literal}', {highest + _AHEAD})`), at numbers that nobody else gives"
