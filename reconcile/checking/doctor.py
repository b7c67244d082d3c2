"""`check`: what is wrong with a mappings file, alone and with the live schemas, each problem at its place in the file.

Nothing is written to any database: every question is asked within a transaction that only reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconcile.checking import directions, durability, grants, neighbours, primary
from reconcile.checking.finding import Finding
from reconcile.checking.inspection import inspect, inspect_back
from reconcile.checking.lookups import inspect_lookups
from reconcile.checking.probing import OUTLIVES, outlives_deletion, probe_source, probe_target
from reconcile.checking.queries import inspect_query
from reconcile.checking.round_trip import lossy
from reconcile.checking.walking import unserved
from reconcile.databases.database import Database, opened
from reconcile.databases.pair import read_source
from reconcile.databases.schema import Schema
from reconcile.databases.schema import read as read_schema
from reconcile.mapping import model as model
from reconcile.mapping.file import File, Steps, read
from reconcile.mapping.functions import loaded
from reconcile.outbox.check import check as check_outbox
from strangler.core.errors import ConfigError, DatabaseError, Problem, UsageError

_LEFT_TO_SWEEP = ": let `schedule.sweep` find it"

Way = tuple[bool, tuple[str, ...]]
"""Whether a mapping is two-way, and if not, why."""


@dataclass(frozen=True, slots=True)
class Examined:
    """Every problem and warning of a file; and by mapping whether it is two-way, where both its schemas could be read."""

    problems: list[Problem]
    ways: Mapping[str, Way] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()  # mappings with no way back at all, and none of it accepted: a cutover refuses them


@dataclass(slots=True)
class _Visit:
    """A file, and what is known of its databases so far. Schemas are by mapping, None where they could not be read."""

    file: File
    databases: dict[str, Database] = field(default_factory=dict)
    old: dict[str, Schema] = field(default_factory=dict)
    new: dict[str, Schema] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, steps: Steps, finding: Finding) -> None:
        self.problems.append(self.file.problem((*steps, *finding.steps), finding.message, warning=finding.warning))

    def two_way(self) -> dict[str, Way]:
        """Of the mappings whose schemas could be read."""
        mappings = [each for each in self.file.plan.mappings if each.name in self.old and each.name in self.new]
        return {each.name: directions.two_way(each, self.old[each.name], self.new[each.name]) for each in mappings}

    def error(self, steps: Steps, message: str) -> None:
        self.add(steps, Finding((), message))

    def warn(self, steps: Steps, message: str) -> None:
        self.add(steps, Finding((), message, warning=True))


def check(path: str | Path, environ: Mapping[str, str]) -> list[Problem]:
    """Every problem and warning. If the file alone has problems, those are all: no database is opened for it."""
    return examine(path, environ).problems


def examine(path: str | Path, environ: Mapping[str, str]) -> Examined:
    """The same, with which mappings are two-way."""
    try:
        file = read(path, environ)
    except ConfigError as error:
        return Examined(list(error.problems))
    visit = _checked(file)
    refused = frozenset(mapping.name for mapping in file.plan.mappings if mapping.back is None and mapping.one_way is None)
    problems = sorted(dict.fromkeys(visit.problems), key=lambda problem: (problem.line, problem.column))
    return Examined(problems, visit.two_way(), refused)


def _checked(file: File) -> _Visit:
    visit = _Visit(file)
    with ExitStack() as stack:
        for name in file.plan.databases:
            try:
                (visit.databases[name],) = stack.enter_context(opened(file.plan.databases, name))
            except DatabaseError as error:
                visit.error(("databases", name), str(error))
        for index, mapping in enumerate(file.plan.mappings):
            _visit_mapping(visit, ("mappings", index), mapping)
        _visit_neighbours(visit)
        for name, database in visit.databases.items():
            _visit_database(visit, name, database)
        _visit_outbox(visit)
    _visit_schedule(visit)
    return visit


def _visit_mapping(visit: _Visit, here: Steps, mapping: model.Mapping) -> None:
    databases = visit.databases
    _visit_functions(visit, here, mapping)
    if not {mapping.source.database, mapping.target.database} <= databases.keys():
        return
    try:
        visit.new[mapping.name] = read_schema(databases[mapping.target.database], mapping.target.table)
        visit.old[mapping.name] = _source(visit, here, mapping)
        for finding in _findings(visit, mapping):
            visit.add(here, finding)
    except DatabaseError as error:
        visit.error(here, str(error))


def _source(visit: _Visit, here: Steps, mapping: model.Mapping) -> Schema:
    """The old side's schema. What is wrong beside a query that the database cannot read is said all the same."""
    database = visit.databases[mapping.source.database]
    try:
        return read_source(database, mapping)
    except DatabaseError as error:
        if mapping.source.query is None:
            raise
        visit.error((*here, "from", "query"), str(error))
        return read_schema(database, *mapping.source.captured_from)


def _visit_functions(visit: _Visit, here: Steps, mapping: model.Mapping) -> None:
    for steps, part in (((), mapping.columns), (("back",), mapping.back.columns if mapping.back else {})):
        for name, found in loaded(Path(visit.file.plan.file).parent, part).items():
            if isinstance(found, str):
                visit.error((*here, *steps, "columns", name, "python"), found)


def _findings(visit: _Visit, mapping: model.Mapping) -> Iterator[Finding]:
    old, new = visit.old[mapping.name], visit.new[mapping.name]
    before, after = visit.databases[mapping.source.database], visit.databases[mapping.target.database]
    source, target = old.tables.get(mapping.source.name(mapping.name)), new.tables.get(mapping.target.table)
    yield from inspect(mapping, old, new)
    yield from lossy(mapping, old, new, enforced=before.dialect != "sqlite")
    yield from inspect_query(mapping, old)
    if mapping.back is not None:
        yield from inspect_back(mapping, old, new)
        yield from (Finding(("back",), reason, warning=True) for reason in directions.two_way(mapping, old, new)[1])
    if source is not None:
        yield from probe_source(mapping, before, source)
        if outlives_deletion(mapping, before, source):
            yield Finding(("back", "delete"), OUTLIVES)
        if mapping.source.query is None:
            yield from unserved(("from", "key"), before, source, mapping.source.key)
        yield from _captured(visit, mapping, old, before)
    if target is not None:
        mapped = {each.target.table: each.name for each in visit.file.plan.mappings if each.target.database == after.name}
        yield from neighbours.inspect_target(mapping, target, mapped)
        yield from probe_target(mapping, after, target)
        yield from unserved(("to", "key"), after, target, mapping.target.key)
    yield from grants.missing(before, [need for need in grants.old_needs(mapping) if need.table in old.tables])
    yield from grants.missing(after, [need for need in grants.new_needs(mapping) if need.table in new.tables])


def _captured(visit: _Visit, mapping: model.Mapping, old: Schema, database: Database) -> Iterator[Finding]:
    """What triggers cannot see. It is no finding where a sweep is on the schedule."""
    if visit.file.plan.schedule is not None and visit.file.plan.schedule.sweep is not None:
        return
    tables = {mapping.source.table: mapping.source.key} if mapping.source.table is not None else mapping.source.captured_from
    for name, key in tables.items():
        steps = ("from", "table") if mapping.source.table is not None else ("from", "captured_from", name)
        for message in neighbours.inspect_capture(old.tables[name], key, database.dialect) if name in old.tables else ():
            yield Finding(steps, f"{message}{_LEFT_TO_SWEEP}", warning=True)
    for finding in inspect_lookups(mapping):
        yield replace(finding, message=finding.message + _LEFT_TO_SWEEP)


def _visit_neighbours(visit: _Visit) -> None:
    targets: dict[str, Schema] = {}
    for mapping in visit.file.plan.mappings:
        if mapping.name in visit.new:
            found, database = visit.new[mapping.name], mapping.target.database
            known = targets[database].tables if database in targets else {}
            targets[database] = Schema(found.names, {**known, **found.tables})
    for index, finding in neighbours.inspect_order(visit.file.plan.mappings, targets):
        visit.add(("mappings", index), finding)


def _visit_database(visit: _Visit, name: str, database: Database) -> None:
    here, plan = ("databases", name), visit.file.plan
    try:
        if name in {mapping.source.database for mapping in plan.mappings} and primary.follows_another(database):
            visit.error(here, "is a standby or takes no writes: rows it does not have yet look like deletions; name the primary")
        elif primary.refuses_writes(database):
            visit.error(
                here, "takes no writes from us: neither rows nor the toolkit's own tables; name the primary, or its writer"
            )
        elif statement := grants.missing_create(database):
            visit.warn(here, f"the toolkit may not make its own tables there (names begin with strangler_): {statement}")
        reads = {each.source.database for each in plan.mappings} | {each.target.database for each in plan.mappings if each.back}
        for message in durability.inspect_durability(durability.settings(database), read=name in reads):
            visit.warn(here, message)
    except DatabaseError as error:
        visit.error(here, str(error))


def _visit_schedule(visit: _Visit) -> None:
    """Lines that are never due, as the scheduler reads them."""
    from reconcile.jobs.schedule import Cron  # which needs the scheduler

    schedule = visit.file.plan.schedule
    for name, line in {"reconcile": schedule.reconcile, "sweep": schedule.sweep}.items() if schedule else ():
        try:
            Cron(line or "* * * * *")
        except UsageError as error:
            visit.error(("schedule", name), str(error).removeprefix("schedule: "))


def _visit_outbox(visit: _Visit) -> None:
    """The table with the events, as it is."""
    outbox = visit.file.plan.outbox
    if outbox is None or outbox.database not in visit.databases:
        return
    try:
        for finding in check_outbox(visit.databases[outbox.database], outbox):
            visit.add(("outbox",), finding)
    except DatabaseError as error:
        visit.error(("outbox", "table"), str(error))
