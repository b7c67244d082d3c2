"""The mapping's own SQL, read by the database that has to run it, over no rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import literal_column, select, table

from reconcile.checking.finding import Finding, Steps
from reconcile.databases.database import Database
from reconcile.databases.pair import clause_of
from reconcile.databases.schema import Table
from reconcile.mapping import model
from strangler.core.errors import DatabaseError

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
