"""Which kind of value a mapping's own SQL gives: asked of the database, over no rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, FromClause, Label, func, literal_column, select, true

from reconcile.mapping import kind
from reconcile.mapping.kind import ANY, BOOLEAN, BYTES, FLOAT, SINGLE, UUID, Kind

_POSTGRESQL = {
    **dict.fromkeys(("text", "character varying", "name", "citext"), kind.text(nul=False)),
    "character": kind.text(nul=False, padded=True),
    **dict.fromkeys(("smallint", "integer", "bigint"), kind.INTEGER),
    "numeric": kind.decimal(None, digits=None, endless=True),
    "double precision": FLOAT,
    "real": SINGLE,
    "boolean": BOOLEAN,
    "timestamp without time zone": kind.moment(),
    "timestamp with time zone": kind.moment(kept="zoned"),
    "date": kind.day(),
    "time without time zone": kind.clock(),
    "bytea": BYTES,
    "uuid": UUID,
}


def kind_of_expression(connection: Connection, dialect: str, read_from: FromClause, sql: str) -> Kind | None:
    """The kind of an expression over a table; None where that is not known. SQLite tells it of each value."""
    if dialect == "sqlite":
        return ANY
    value: Label[Any] = literal_column(f"(\n{sql}\n)").label("value")
    nothing = select(value).select_from(read_from).limit(0).subquery()
    one = select(literal_column("1").label("one")).subquery()
    asked = func.pg_typeof(nothing.c.value) if dialect == "postgresql" else func.charset(nothing.c.value)
    query = select(asked.label("told")).select_from(one.outerjoin(nothing, true()))
    told = str(connection.execute(query).scalar_one())
    if dialect == "postgresql":
        return _POSTGRESQL.get(told)
    return None if told == "binary" else kind.text()  # numbers and bytes are both "binary" to MariaDB
