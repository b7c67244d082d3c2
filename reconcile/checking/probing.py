"""The mapping's own SQL, read by the database that has to run it, over no rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, literal, literal_column, select, table

from reconcile.checking.finding import Finding, Steps
from reconcile.databases.database import Database
from reconcile.databases.pair import clause_of
from reconcile.databases.schema import Table
from reconcile.mapping import model
from reconcile.mapping.kind import ANY
from strangler.core.errors import DatabaseError

OUTLIVES = "a row that this marks as deleted is let in by `from.where` all the same, and would still be there: the two must agree"
Expressions = Mapping[Steps, str]


def probe_source(mapping: model.Mapping, old: Database, source: Table) -> Iterator[Finding]:
    """The expressions that read the old side."""
    found: dict[Steps, str] = _columns(mapping.columns)
    if mapping.source.where:
        found["from", "where"] = mapping.source.where
    yield from _probed(old, source, mapping.source.query, found)


def probe_target(mapping: model.Mapping, new: Database, target: Table) -> Iterator[Finding]:
    """The expressions that read the new side, those of the way back among them."""
    found = {("back", *steps): sql for steps, sql in _columns(mapping.back.columns).items()} if mapping.back else {}
    if mapping.target.where:
        found["to", "where"] = mapping.target.where
    yield from _probed(new, target, None, found)


def outlives_deletion(mapping: model.Mapping, old: Database, source: Table) -> bool:
    """Whether an old row that is marked as deleted on the way back is a row of this mapping still, by one that is there now.

    False where nobody can tell: there is no row, or the condition does not run over anything but the table itself.
    """
    marks = mapping.back.delete.set if mapping.back is not None and mapping.back.delete is not None else {}
    where = mapping.source.where
    if not marks or where is None or mapping.source.table is None or not marks.keys() <= source.columns.keys():
        return False
    rows = clause_of(source)
    condition: ColumnElement[bool] = literal_column(f"(\n{where}\n)")
    try:
        columns = [_marked(source, name, marks[name]) if name in marks else rows.c[name] for name in source.columns]
        marked = select(*columns).where(condition).limit(1).subquery(source.name)
        with old.reading() as connection:
            return connection.execute(select(literal_column("1")).select_from(marked).where(condition)).first() is not None
    except (DatabaseError, ValueError):  # a mark that does not fit its column has a finding of its own
        return False


def _marked(source: Table, name: str, value: model.Constant) -> ColumnElement[Any]:
    kind = source.columns[name].kind or ANY
    return literal(None if value is None else kind.stored(kind.fit(value))).label(name)


def _columns(columns: Mapping[str, model.Column]) -> dict[Steps, str]:
    return {("columns", name, "sql"): column.sql for name, column in columns.items() if column.sql is not None}


def _probed(database: Database, live: Table, query: str | None, expressions: Expressions) -> Iterator[Finding]:
    rows = clause_of(live, query) if query is not None else table(live.name)
    for steps, sql in expressions.items():
        try:
            with database.reading() as connection:
                connection.execute(select(literal_column(f"(\n{sql}\n)")).select_from(rows).limit(0))
        except DatabaseError as error:
            yield Finding(steps, str(error))
