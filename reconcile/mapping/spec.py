"""The mappings file, described once: every key, what it holds and what it is for."""

from __future__ import annotations

import re
from typing import Any

from reconcile.mapping import model as mapping
from reconcile.mapping.convert import CONVERTERS, zone
from reconcile.outbox.spec import outbox
from strangler.core.spec.kinds import Schema, Word, choice, describe, duration, number, text
from strangler.core.spec.node import Node, Scalar, Sequence
from strangler.core.spec.reader import INVALID, Reader
from strangler.core.spec.section import Field, ListOf, MapOf, Section, is_nothing

NAME = r"^[A-Za-z_][A-Za-z0-9_-]*$"
_CRON_FIELD = re.compile(r"[0-9*,/-]+|\*/\d+", re.ASCII)


class Names:
    """One name, or a list of names: ``key: id``, ``key: [order_no, line_no]``."""

    _one, _list = text("a column's name"), ListOf(text("a column's name"), unique=True, least=1)

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        if isinstance(node, Sequence):
            return self._list.read(node, path, reader)
        value = self._one.read(node, path, reader)
        return value if value is INVALID else [value]

    def make(self, written: Any) -> tuple[str, ...]:
        return tuple(written)

    def show(self, value: Any) -> Any:
        return value[0] if len(value) == 1 else list(value)

    def schema(self) -> Schema:
        return {"anyOf": [self._one.schema(), self._list.schema()]}


class Constant:
    """A value as written, for a column whose type decides what it becomes; a plain ``null`` is NULL."""

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        if not isinstance(node, Scalar):
            return reader.problem(node, path, f"expected a value, found {describe(node)}")
        return None if is_nothing(node) else reader.expand(node, path)

    def make(self, written: Any) -> Any:
        return written

    def show(self, value: Any) -> Any:
        return value

    def schema(self) -> Schema:
        return {"type": ["string", "number", "boolean", "null"]}


class Values(MapOf):
    """Old value to new value. A plain ``null`` is NULL on either side, ``"null"`` is the word."""

    def __init__(self) -> None:
        super().__init__(_AnyWord("a value"), Constant(), "a map of values")


class _AnyWord(Word):
    def read(self, node: Node, path: str, reader: Reader) -> Any:
        return None if is_nothing(node) else super().read(node, path, reader)


def _sql(words: str) -> str:
    if not words.strip():
        raise ValueError("is empty")
    if "\x00" in words:
        raise ValueError("has a NUL in it")
    return words.strip()


def _url(words: str) -> str:
    # The message never repeats the address: it may hold a password.
    if not re.match(r"[a-z][a-z0-9]*(\+[a-z0-9_]+)?://", words):
        raise ValueError("is not a database address: write sqlite:///FILE.db or postgresql+psycopg://USER:PASSWORD@HOST/NAME")
    return words


def _cron(words: str) -> str:
    fields = words.split()
    if len(fields) != 5 or not all(_CRON_FIELD.fullmatch(part) for part in fields):
        raise ValueError(f"{words!r} is not a cron line: write five fields such as 0 3 * * *")
    return words


def _function(words: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", words, re.ASCII):
        raise ValueError(f"{words!r} is not a Python function: write MODULE:FUNCTION")
    return words


def _version(words: str) -> int:
    if words != "1":
        raise ValueError(f"{words!r} is not a version this reader knows: write 1")
    return 1


_named = Word("a name", lambda words: _name(words), pattern=NAME)


def _name(words: str) -> str:
    if not re.fullmatch(NAME, words):
        raise ValueError(f"{words!r} is not a name: letters, digits, _ and -, not starting with a digit or -")
    return words


_column_name = text("a column's name")
_expression = Word("an SQL expression", _sql, bare=True)

COLUMN = Section(
    "a column",
    mapping.Column,
    Field("column", _column_name, "the old column whose value it takes"),
    Field("sql", _expression, "an expression in the old side's SQL"),
    Field("value", Constant(), "one constant for every row", attribute="constant"),
    Field("python", Word("a Python function", _function), "a function, MODULE:FUNCTION, of the old columns in `needs`"),
    Field("needs", ListOf(_column_name, unique=True), "the old columns that the Python function is given"),
    Field("map", Values(), "old value to new value; a value that is not listed is an error", attribute="values"),
    Field("convert", choice(*CONVERTERS), "a built-in converter"),
    Field("zone", Word("a time zone", lambda name: zone(name).key), "the time zone that `convert: local_time` reads"),
    shorthand=_column_name,
)

COLUMNS = MapOf(_column_name, COLUMN, "columns")

FROM = Section(
    "the old side",
    mapping.Source,
    Field("database", _named, "which of `databases` is read", required=True),
    Field("table", text("a table's name"), "the table that is read"),
    Field("query", _expression, "a query that gives one row per key, where one table is not enough"),
    Field("key", Names(), "the column, or the list of columns, that names a row", required=True),
    Field("where", _expression, "which rows exist; the others count as deleted"),
    Field("captured_from", MapOf(text(), Names(), "tables"), "per table of the query, its columns with the key"),
)

TO = Section(
    "the new side",
    mapping.Target,
    Field("database", _named, "which of `databases` is written", required=True),
    Field("table", text("a table's name"), "the table that is written", required=True),
    Field("key", Names(), "the columns that take the old key, in the same order", required=True),
    Field("where", _expression, "which rows are this mapping's; the others are left alone"),
)

DELETE = Section(
    "a deletion",
    mapping.Deletion,
    Field("set", MapOf(_column_name, Constant(), "columns"), "what a deleted row's old columns are set to", required=True),
)

BACK = Section(
    "the way back",
    mapping.Back,
    Field("columns", COLUMNS, "old columns from new ones", required=True),
    Field("defaults", MapOf(_column_name, Constant(), "columns"), "old columns of rows that were born on the new side"),
    Field("delete", DELETE, "how a deletion is written on the old side"),
)

MAPPING = Section(
    "a mapping",
    mapping.Mapping,
    Field("name", _named, "how commands, routes and messages call it", required=True),
    Field("from", FROM, "what is read", required=True, attribute="source"),
    Field("to", TO, "what is written", required=True, attribute="target"),
    Field("columns", COLUMNS, "new column: where its value comes from", required=True),
    Field("back", BACK, "the way home after cutover"),
    Field("emit", text("an event type"), "capture also writes domain events of this type to the outbox"),
    Field("empty", choice("accepted"), "`accepted`: both sides may be without any rows, and are clean then"),
    Field(
        "one_way", choice("accepted"), "`accepted`: a cutover may go ahead although there is no way back, or not for everything"
    ),
)

SCHEDULE = Section(
    "the schedule",
    mapping.Schedule,
    Field("reconcile", Word("a cron line", _cron), "when everything is compared"),
    Field("sweep", Word("a cron line", _cron), "when everything is applied again"),
)


BEHIND = Section(
    "what says that a database is behind",
    mapping.Behind,
    Field("database", _named, "which of `databases` is asked", required=True),
    Field("sql", _expression, "an expression or query in its SQL that gives one number, such as a replica's lag", required=True),
    Field("above", number(0, 1e12), "above this number, and while it is NULL, backfills wait", required=True),
)

THROTTLE = Section(
    "the throttle",
    mapping.Throttle,
    Field("rows_per_second", number(0, 1e9), "so many rows a second at most, on average; 0 is no limit"),
    Field("behind", BEHIND, "asked between chunks: as long as it says so, the backfill waits"),
)


def _plan(version: int, **arguments: Any) -> mapping.Plan:
    urls = arguments.pop("databases")
    databases = {name: mapping.Database(url) for name, url in urls.items()}
    return mapping.Plan(databases=databases, **arguments)


FILE = Section(
    "the file",
    _plan,
    Field("version", Word("a version", _version, bare=True), "the version of this format: 1", required=True),
    Field("databases", MapOf(_named, Word("an address", _url), "databases"), "name: address", required=True),
    Field("state", _named, "which of `databases` keeps the toolkit's own tables"),
    Field("mappings", ListOf(MAPPING), "how rows of the old schema become rows of the new one", required=True),
    Field("outbox", outbox(_named), "domain events and who gets them"),
    Field("schedule", SCHEDULE, "when jobs run"),
    Field("throttle", THROTTLE, "what holds backfills and sweeps back"),
    Field("stuck_after", duration(), "a change that has waited longer for the relay is no longer on its way, but drift"),
)
