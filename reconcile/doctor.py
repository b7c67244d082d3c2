"""`check`: what is wrong with a mappings file, alone and with the live schemas, each problem at its place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import literal_column, select, table

from reconcile import mapping as model
from reconcile.database import Database, opened
from reconcile.file import File, Steps, read
from reconcile.inspection import Finding, inspect
from reconcile.schema import read as read_schema
from strangler.core.errors import ConfigError, DatabaseError, Problem


def check(path: str | Path, environ: Mapping[str, str]) -> list[Problem]:
    """Every problem and warning. If the file alone has problems, those are all: no database is opened for it."""
    try:
        return _check(read(path, environ))
    except ConfigError as error:
        return list(error.problems)


def _check(file: File) -> list[Problem]:
    with ExitStack() as stack:
        problems: list[Problem] = []
        databases: dict[str, Database] = {}
        for name in file.plan.databases:
            try:
                (databases[name],) = stack.enter_context(opened(file.plan.databases, name))
            except DatabaseError as error:
                problems.append(file.problem(("databases", name), str(error)))
        problems += [problem for index in range(len(file.plan.mappings)) for problem in _mapping(file, index, databases)]
        problems += _not_run(file)
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _mapping(file: File, index: int, databases: Mapping[str, Database]) -> Iterator[Problem]:
    mapping, here = file.plan.mappings[index], ("mappings", index)
    if mapping.unable:
        yield file.problem((*here, *mapping.unable.split(".")), "is read, but this version cannot run it yet", warning=True)
    old, new = databases.get(mapping.source.database), databases.get(mapping.target.database)
    if mapping.source.table is None or old is None or new is None:
        return
    try:
        findings = list(_findings(mapping, old, new))
    except DatabaseError as error:
        findings = [Finding((), str(error))]
    for finding in findings:
        yield file.problem((*here, *finding.steps), finding.message, warning=finding.warning)


def _findings(mapping: model.Mapping, old: Database, new: Database) -> Iterator[Finding]:
    before, after = read_schema(old, mapping.source.table or ""), read_schema(new, mapping.target.table)
    yield from inspect(mapping, before, after)
    if mapping.source.table is not None and mapping.source.table in before.tables:
        yield from _probes(old, mapping.source.table, _source_sql(mapping))
    if mapping.target.table in after.tables and mapping.target.where:
        yield from _probes(new, mapping.target.table, {("to", "where"): mapping.target.where})


def _source_sql(mapping: model.Mapping) -> dict[tuple[str, ...], str]:
    found: dict[tuple[str, ...], str] = {
        ("columns", name, "sql"): column.sql for name, column in mapping.columns.items() if column.sql is not None
    }
    return found | ({("from", "where"): mapping.source.where} if mapping.source.where else {})


def _probes(database: Database, name: str, expressions: Mapping[tuple[str, ...], str]) -> Iterator[Finding]:
    """Let the database read each expression, over no rows."""
    for steps, sql in expressions.items():
        try:
            with database.reading() as connection:
                connection.execute(select(literal_column(f"(\n{sql}\n)")).select_from(table(name)).limit(0))
        except DatabaseError as error:
            yield Finding(steps, str(error))


def _not_run(file: File) -> Iterator[Problem]:
    """Parts of the file that concern no single mapping; those of a mapping make the mapping itself `unable`."""
    parts: list[tuple[Steps, object]] = [(("outbox",), file.plan.outbox), (("schedule",), file.plan.schedule)]
    for steps, value in parts:
        if value is not None:
            yield file.problem(steps, "is read and checked, but no command of this version uses it yet", warning=True)
