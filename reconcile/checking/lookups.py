"""Expressions of a mapping that look into other rows: nothing captured says that those changed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconcile.checking.finding import Finding, Steps
from reconcile.checking.reading import selects
from reconcile.mapping import model


def inspect_lookups(mapping: model.Mapping) -> Iterator[Finding]:
    """One finding for each expression and table. A query over several tables says in `captured_from` whose changes count."""
    for steps, sql in _expressions(mapping):
        for table in dict.fromkeys(read.table for select in selects(sql) for read in select.reads if read.table):
            message = f"looks into {table}: when only a row there changes, nothing tells that this one is to be looked at again"
            yield Finding(steps, message, warning=True)


def _expressions(mapping: model.Mapping) -> Iterator[tuple[Steps, str]]:
    if mapping.source.where is not None and mapping.source.query is None:
        yield ("from", "where"), mapping.source.where
    yield from _of_columns(("columns",), mapping.columns)
    if mapping.back is not None:
        yield from _of_columns(("back", "columns"), mapping.back.columns)


def _of_columns(steps: Steps, columns: Mapping[str, model.Column]) -> Iterator[tuple[Steps, str]]:
    for name, each in columns.items():
        if each.sql is not None:
            yield (*steps, name, "sql"), each.sql
