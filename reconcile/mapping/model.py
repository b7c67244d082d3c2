"""A mappings.yaml as it runs: frozen values, every default in one place. `file` reads them; everything else reads only these.

A column of the new table comes from exactly one origin: a column of the old table, an SQL expression on the old side, a
constant, or a Python function of some of its columns. A value map or a converter may follow a column or an expression.
"""

from __future__ import annotations

from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from hashlib import blake2b

from reconcile.outbox.model import Outbox
from strangler.core.errors import UsageError
from strangler.core.spec.reader import nearest

Constant = str | None  # as written; the type of the column that takes it decides what it becomes


@dataclass(frozen=True, slots=True)
class Database:
    """Where one side lives. The address may carry a password, so it is never shown as it is."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """What is read on the old side: a table, or a query over several.

    Attributes:
        key: the columns that name a row; they do not change while the row lives.
        where: SQL; a row outside it counts as gone, and its row on the new side is deleted.
        captured_from: per table that the query reads, its columns that carry the key, in the key's order.
    """

    database: str
    key: tuple[str, ...]
    table: str | None = None
    query: str | None = None
    where: str | None = None
    captured_from: Map[str, tuple[str, ...]] = field(default_factory=dict)

    def name(self, mapping: str) -> str:
        """What it is called: the table, or the query of that mapping."""
        return f"{mapping} (query)" if self.table is None else self.table


@dataclass(frozen=True, slots=True)
class Target:
    """The table that is written on the new side. Rows outside `where` are neither compared nor deleted."""

    database: str
    table: str
    key: tuple[str, ...]
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """Where the value of one new column comes from, and what is done to it on the way.

    Attributes:
        constant: the value of every row where no origin below is given.
        values: old value to new value; None stands for NULL. A value that is not in it is an error.
    """

    column: str | None = None
    sql: str | None = None
    python: str | None = None
    needs: tuple[str, ...] = ()
    constant: Constant = None
    values: Map[Constant, Constant] | None = None
    convert: str | None = None
    zone: str | None = None

    @property
    def width(self) -> int:
        """How many values it takes from the old row."""
        return len(self.needs) if self.python is not None else int(self.column is not None or self.sql is not None)

    @property
    def is_read(self) -> bool:
        """Whether its origin is in the old row."""
        return self.column is not None or self.sql is not None or self.python is not None

    @property
    def named(self) -> tuple[str, ...]:
        """The old columns that it names. What an expression reads is not known."""
        return self.needs if self.python is not None else (self.column,) if self.column is not None else ()

    @property
    def is_renamed(self) -> bool:
        """Whether it is an old column's value, unchanged."""
        return self.column is not None and self.values is None and self.convert is None


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a row deleted on the new side becomes on the old: the same row with these columns set."""

    set: Map[str, Constant]


@dataclass(frozen=True, slots=True)
class Back:
    """The way home after cutover: old columns from new ones."""

    columns: Map[str, Column]
    defaults: Map[str, Constant] = field(default_factory=dict)
    delete: Deletion | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """How rows of one old table, or of a query, become rows of one new table."""

    name: str
    source: Source
    target: Target
    columns: Map[str, Column]
    back: Back | None = None
    emit: str | None = None
    empty: str | None = None
    one_way: str | None = None

    @property
    def definition(self) -> str:
        """A digest of what is compared: what was found under another one says nothing under this one."""
        described = repr((self.source, self.target, self.columns))
        return blake2b(described.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When jobs run, as cron lines of five fields."""

    reconcile: str | None = None
    sweep: str | None = None


@dataclass(frozen=True, slots=True)
class Behind:
    """What says that a database is behind: SQL that gives a number, and the number above which one waits."""

    database: str
    sql: str
    above: float


@dataclass(frozen=True, slots=True)
class Throttle:
    """What holds backfills back. `rows_per_second` on average; 0 is no limit."""

    rows_per_second: float = 0.0
    behind: Behind | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole mappings.yaml, found to be without problems as far as the file alone can tell.

    `stuck_after`: seconds that a captured change may wait before it counts as drift.
    """

    databases: Map[str, Database]
    mappings: tuple[Mapping, ...]
    state: str | None = None
    outbox: Outbox | None = None
    schedule: Schedule | None = None
    throttle: Throttle = Throttle()
    stuck_after: float = 300.0
    file: str = "mappings.yaml"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(mapping.name for mapping in self.mappings)

    def mapping(self, name: str) -> Mapping:
        """A mapping by its name. Raises UsageError, with the nearest name, if there is none."""
        for mapping in self.mappings:
            if mapping.name == name:
                return mapping
        raise UsageError(f"{self.file} has no mapping {name!r}{nearest(name, list(self.names))}")
