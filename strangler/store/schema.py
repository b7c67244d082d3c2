"""The tables. All begin with ``strangler_``: the database may be one that others use too.

A change here needs a revision in ``migrations/versions``; a test compares the two. Times of events are seconds since 1970,
times of counts minutes since 1970. Texts that came from outside are cut by `text.clean`, so that every key fits PostgreSQL's
index pages.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION_TABLE = "strangler_version"
HOUR = 60  # minutes; what is old is counted by the hour

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

_Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only rows whose key is an INTEGER


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


def _number(name: str, **options: Any) -> Column[int]:
    return Column(name, _Number, nullable=False, **options)


def _double(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


def _of(table: str, **options: Any) -> Column[int]:
    return Column(table, _Number, ForeignKey(f"strangler_{table}s.number", ondelete="CASCADE"), nullable=False, **options)


# One life of a `serve`. `batch` tells whether a transaction whose end was not heard of was committed after all.
runs = Table(
    "strangler_runs",
    metadata,
    _number("number", primary_key=True),
    _text("instance"),
    _double("started"),
    _text("version"),
    Column("ended", Double),
    _text("alive"),  # JSON list of incarnations
    _text("batch"),
    Column("snapshot", LargeBinary, nullable=False),
    UniqueConstraint("instance", "started"),
    sqlite_autoincrement=True,
)

strata = Table(
    "strangler_strata",
    metadata,
    _number("number", primary_key=True),
    *map(_text, ("route", "stage", "control", "rules", "version", "method", "status_class")),
    UniqueConstraint("route", "stage", "control", "rules", "version", "method", "status_class"),
)

# By the minute; what is older than two days by the hour, under its first minute.
counts = Table(
    "strangler_counts",
    metadata,
    Column("stratum", _Number, ForeignKey("strangler_strata.number"), primary_key=True),
    _number("minute", primary_key=True),
    _text("outcome", primary_key=True),
    _number("count"),
    _number("repeated"),
    sqlite_with_rowid=False,  # the key is all there is to look things up by
)

arms = Table(
    "strangler_arms",
    metadata,
    _text("route", primary_key=True),
    _number("minute", primary_key=True),
    *(_text(name, primary_key=True) for name in ("stage", "version", "side")),
    _text("cells"),  # JSON list
    sqlite_with_rowid=False,
)

for _table in (counts, arms):  # what the roll-up looks for, and nothing else
    _uneven = _table.c.minute % HOUR != 0
    Index(f"ix_{_table.name}_uneven", _table.c.minute, sqlite_where=_uneven, postgresql_where=_uneven)

causes = Table(
    "strangler_causes",
    metadata,
    _number("number", primary_key=True),
    _text("id", unique=True),
    *map(_text, ("route", "rules", "version", "pattern", "kind", "transform")),
    _number("count"),
    _double("first_seen"),
    _double("last_seen"),
    _text("state"),
    UniqueConstraint("route", "rules", "version", "pattern", "kind", "transform"),
)

examples = Table(
    "strangler_examples",
    metadata,
    _number("number", primary_key=True),
    _text("id", unique=True),
    Column("at", Double, nullable=False, index=True),
    _text("route"),
    _text("outcome"),
    _number("size"),  # of the payload, in bytes
    Column("payload", LargeBinary, nullable=False),
    Index(None, "route", "number"),
    sqlite_autoincrement=True,  # a number is never given again: whoever follows asks for what comes after one
)

example_causes = Table(
    "strangler_example_causes",
    metadata,
    _of("cause", primary_key=True),
    _of("example", primary_key=True, index=True),
    _number("rank"),
    sqlite_with_rowid=False,
)

# How many of a worker's pairs control has settled.
settled = Table(
    "strangler_settled",
    metadata,
    _of("run", primary_key=True),
    *(_text(name, primary_key=True) for name in ("incarnation", "route")),
    _number("count"),
    sqlite_with_rowid=False,
)

# What the ledger is made of. `counter` is who counted, worker or control; labels are those of `core.ledger`.
tallies = Table(
    "strangler_tallies",
    metadata,
    _of("run", primary_key=True),
    *(_text(name, primary_key=True) for name in ("route", "counter", "label")),
    _number("count"),
    sqlite_with_rowid=False,
)

noise = Table(
    "strangler_noise",
    metadata,
    *(_text(name, primary_key=True) for name in ("route", "pattern")),
    _text("observed"),  # JSON object
    sqlite_with_rowid=False,
)

# A sample of the requests that came, without their secrets: the newest ones only.
requests = Table(
    "strangler_requests",
    metadata,
    _number("number", primary_key=True),
    Column("at", Double, nullable=False, index=True),
    _double("weight"),  # of how many requests it was drawn
    *map(_text, ("method", "target", "host")),
    _text("seen"),  # JSON object: what some route looks at
    *map(_text, ("route", "upstream", "copies_to")),
    _text("place"),  # JSON list, or null
    sqlite_autoincrement=True,
)

# Every flip and hold, only ever added to. `id` was made by whoever wrote the entry: the same one, handed in twice, is one.
journal = Table(
    "strangler_journal",
    metadata,
    _number("number", primary_key=True),
    _text("id", unique=True),
    _text("kind"),
    _text("flip"),
    _double("at"),
    _text("actor"),
    _text("route"),
    _text("before_stage"),
    _double("before_weight"),
    _text("after_stage"),
    _double("after_weight"),
    _text("reason"),
    Column("forced", Boolean, nullable=False),
    _text("verdict"),
    _text("evidence"),  # JSON list
    _text("digest"),
    Index(None, "route", "at"),
    sqlite_autoincrement=True,
)
