"""What SQL spells is what Python spells, byte by byte, or it is a doubt: for each kind, dialect and way through a mapping."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import column, literal_column, select, table, text

from reconcile.databases.database import Database, opened
from reconcile.databases.expression import kind_of_expression
from reconcile.databases.schema import read
from reconcile.databases.spelling import spell_source, spell_target
from reconcile.mapping import kind as kinds
from reconcile.mapping.canonical import encode, encode_found
from reconcile.mapping.fitting import EXACT
from reconcile.mapping.kind import Kind
from reconcile.mapping.model import Column, Mapping, Source, Target
from reconcile.mapping.model import Database as Address
from reconcile.mapping.pipeline import Misfit, build

SEEDED = Random(20240229)
TRAPS = [
    "",
    " ",
    "NULL",
    "N",
    "0:",
    "a",
    "a ",
    "A",
    "é",
    "e\u0301",
    "ß",
    "a|b",
    "a\tb",
    "a\nb",
    "a\\b",
    "a'b",
    "%s",
    ":x",
    "😀",
    "a;b",
]


DOUBTED: set[Any] = {  # what SQL leaves to Python although it fits
    *(
        1e300,
        1e22,
        1e20,
        2**62,
        -(2**63),
        1e-9,
        -1e-9,
        1e-5,
        0.001,
        -0.001,
        -0.0001,
        0.1 + 0.2,
        999999999.999,
        -999999999.999,
        "true",
    ),
    *("2024-01-02T03:04:05", "2024-01-02", "2024-01-02 03:04:05Z", "2024-01-02 03:04", "2024-01-02 03:04:05.5", "03:04", "5"),
}


def whole(bits: int) -> list[int]:
    edge = 2 ** (bits - 1)
    return [0, 1, -1, 2, 7, 10, -10, edge - 1, -edge, *(SEEDED.randrange(-edge, edge) for _ in range(50))]


def amounts(digits: int, places: int) -> list[Decimal]:
    end = 10**digits
    picked = [0, 1, -1, 10, 50, 100, end - 1, 1 - end, *(SEEDED.randrange(-end, end) for _ in range(100))]
    return [Decimal(number).scaleb(-places, EXACT) for number in picked]


CHANGES = [datetime(2024, 3, 31, 2, 30), datetime(2024, 10, 27, 2, 30), datetime(2024, 10, 27, 1, 59), datetime(2024, 10, 27, 3)]
MOMENTS = [
    datetime(1, 1, 1),
    datetime(1970, 1, 1),
    datetime(2024, 2, 29, 23, 59, 59, 999999),
    datetime(2024, 1, 2, 10, 20, 30),
    datetime(2024, 1, 2, 10, 20, 30, 100000),
    datetime(2024, 1, 2, 10, 20, 30, 10),
    datetime(9999, 12, 31, 23, 59, 59, 999999),
    *(datetime(2000 + SEEDED.randrange(50), 3, 4, 5, 6, 7, SEEDED.randrange(10**6)) for _ in range(30)),
]
DATES = [date(1, 1, 1), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)]
FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    0.1,
    0.1 + 0.2,
    1e15,
    1e16,
    123456789012345.67,
    1e20,
    1e22,
    1.5e300,
    1e-5,
    1.25e-7,
    5e-324,
    2.0**53,
    2.0**63,
]
FLOATS += [SEEDED.uniform(-1, 1) * 10.0 ** SEEDED.randrange(-20, 20) for _ in range(300)]
FLOATS += [float(f"{SEEDED.uniform(-1, 1):.3g}") * 10.0 ** SEEDED.randrange(-20, 20) for _ in range(100)]
CLOCKS = ["00:00:00", "23:59:59", "03:04:05", "03:04:05.100000", "03:04:05.000001", "23:59:59.999999"]
UUIDS = [UUID(int=0), UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), UUID(int=2**128 - 1)]
BYTES = [b"", b"\x00", b"\x00\xff", b"abc", b"\\x00", bytes(range(256))]

# A type, and what is written into a column of it, by dialect.
COLUMNS: dict[str, dict[str, list[Any]]] = {
    "sqlite": {
        "INTEGER": [*whole(64), "abc", 1.5, b"1", 1e300, "", " 1", "99999999999999999999"],
        "TEXT": [*TRAPS, "\x00", "a\x00b", 5, 1.5, b"a"],
        "VARCHAR(3)": ["longer than three"],
        "DECIMAL(12,2)": [
            *(float(each) for each in amounts(12, 2)),
            0.1 + 0.2,
            1.005,
            -0.0001,
            1e-9,
            -1e-9,
            2**62,
            "x",
            b"1",
            1e300,
            5,
        ],
        "NUMERIC": [
            *(float(each) for each in amounts(12, 3)),
            0.1 + 0.2,
            1e-9,
            1e22,
            12345678901234567,
            "x",
            5,
            -7,
            100,
            0.0,
            -0.0,
        ],
        "BOOLEAN": [0, 1, 2, "t", "true", 1.5, b"1"],
        "DATETIME": [
            *(each.isoformat(" ", "microseconds") for each in MOMENTS),
            *(each.isoformat(" ", "seconds") for each in MOMENTS),
            *(
                "2024-02-30 00:00:00",
                "2024-01-02T03:04:05",
                "2024-01-02",
                "0000-00-00 00:00:00",
                "2024-01-02 03:04:05Z",
                "soon",
                5,
                1.5,
            ),
            *("2024-01-02 24:00:00", "2024-01-02 03:04:05.5", "2024-01-02 03:04", " 2024-01-02 03:04:0", "0000-01-01 00:00:00"),
        ],
        "DATE": [
            *map(str, DATES),
            "2024-02-30",
            "2024-1-2",
            "0000-00-00",
            "0000-01-01",
            "now",
            "2024-01-02 00:00:00",
            20240102,
            5,
        ],
        "TIME": [*CLOCKS, "00:00:00", "24:00:00", "03:04", "3:04:05", "-01:00:00", "03:04:05.000000", 5],
        "UUID": [*(str(each) for each in UUIDS), 5, "x"],
        "CHAR(32)": [each.hex for each in UUIDS],
        "REAL": [*FLOATS, float("inf"), float("-inf"), 1.7976931348623157e308, "x", b"1"],
        "BLOB": [*BYTES, "a", 5],
    },
    "postgresql": {
        "smallint": whole(16),
        "integer": whole(32),
        "bigint": whole(64),
        "text": TRAPS,
        "varchar(40)": TRAPS,
        "char(5)": ["", "a", "a b", "é"],
        "numeric(12,2)": amounts(12, 2),
        "numeric(30,10)": amounts(30, 10),
        "numeric": [*amounts(30, 15), Decimal("1E+5"), Decimal("0.00"), Decimal("1.500")],
        "boolean": [True, False],
        "timestamp": [*MOMENTS, *CHANGES],
        "timestamp(0)": MOMENTS[:-1],
        "timestamptz": MOMENTS[1:],
        "date": DATES,
        "double precision": [*FLOATS, float("inf"), float("-inf"), float("nan"), 1.7976931348623157e308],
        "real": [each for each in FLOATS if 1e-30 < abs(each) < 1e30],
        "timestamp(3)": ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC"],
        "timestamptz(0)": ["infinity", "10000-01-01 00:00:00+02", "0044-03-15 00:00:00+02 BC"],
        "date ": ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC"],
        "time": [*CLOCKS, "24:00:00"],
        "time(0)": CLOCKS,
        "uuid": UUIDS,
        "interval": ["1 day", "-1 day 2 hours", "1 year 2 months 3.5 seconds", "0"],
        "numeric ": [Decimal("NaN")],
        "bytea": BYTES,
    },
    "mariadb": {
        "smallint": whole(16),
        "int unsigned": [0, 2**32 - 1],
        "bigint": whole(64),
        "bigint unsigned": [0, 1, 2**63, 2**64 - 1],
        "varchar(40)": TRAPS,
        "varchar(40) character set latin1": [each for each in TRAPS if each.isascii() or each in "éß"],
        "varchar(40) collate utf8mb4_bin": TRAPS,
        "char(5)": ["", "a", "a b", "é"],
        "text": [*TRAPS, "\x00"],
        "decimal(12,2)": amounts(12, 2),
        "decimal(30,10)": amounts(30, 10),
        "tinyint(1)": [0, 1, 2],
        "bit(1)": [b"\x00", b"\x01"],
        "datetime": [each.replace(microsecond=0) for each in MOMENTS],
        "datetime(6)": MOMENTS,
        "datetime(3)": MOMENTS,
        "date": DATES,
        "double": [*FLOATS, 1.7976931348623157e308],
        "datetime(6) ": ["0000-00-00", "2024-00-00 00:00:00"],
        "date ": ["0000-00-00", "2024-01-00"],
        "time": [*CLOCKS, "-01:00:00", "838:59:59"],
        "time(6)": [*CLOCKS, "-00:00:01", "24:00:00"],
        "year": [0, 1901, 2024],
        "bit(8)": [b"\x00", b"\x01", b"\xff"],
        "uuid": UUIDS,
        "char(36) ": [str(each).upper() for each in UUIDS],
        "enum('a','b ', '')": ["a", "b "],
        "blob": BYTES,
        "binary(4)": [b"", b"\x00", b"abc"],
    },
}


@dataclass
class Bench:
    """A database with one table per type, each filled with that type's values, and NULL."""

    database: Database
    kinds: dict[str, Kind] = field(default_factory=dict)

    def fill(self, columns: dict[str, list[Any]]) -> None:
        for number, (name, values) in enumerate(columns.items()):
            with self.database.writing() as connection:
                connection.execute(text(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, value {name} NULL)"))
                values = [str(each) if isinstance(each, UUID) else each for each in values]
                rows = [{"id": row, "value": value} for row, value in enumerate([None, *values])]
                connection.execute(text(f"INSERT INTO t{number} VALUES (:id, :value)"), rows)
            kind = read(self.database, f"t{number}").tables[f"t{number}"].columns["value"].kind
            assert kind is not None, name
            self.kinds[name] = kind

    def clause(self, name: str) -> Any:
        return table(f"t{list(self.kinds).index(name)}", column("id"), column("value"))

    def fetch(self, clause: Any, *outputs: Any) -> list[Any]:
        with self.database.reading() as connection:
            return list(connection.execute(select(*outputs).select_from(clause).order_by(clause.c.id)))


@pytest.fixture(params=sorted(COLUMNS), scope="module")
def bench(request: pytest.FixtureRequest, fresh_for_module) -> Iterator[Bench]:
    with opened({"it": Address(fresh_for_module(request.param))}, "it") as (database,):
        found = Bench(database)
        found.fill(COLUMNS[request.param])
        yield found


def test_a_target_is_spelled_alike_in_sql_and_in_python(bench):
    for name, kind in bench.kinds.items():
        clause = bench.clause(name)
        cell = spell_target(kind, clause.c.value, bench.database.dialect)
        assert cell is not None, name
        for value, spelled in bench.fetch(clause, clause.c.value, cell):
            expected = encode_found(kind, value)
            doubtful = expected.startswith(b"X") or may_be_doubted(kind, value)
            assert spelled.encode() == expected or (spelled == "X" and doubtful), (name, value, spelled, expected)


WANTED = {
    "integer": kinds.integer(),
    "tiny": kinds.integer(-128, 127),
    "unsigned": kinds.integer(0, 2**64 - 1),
    "text": kinds.text(nul=False),
    "short text": kinds.text(3),
    "padded text": kinds.text(5, padded=True),
    "uuid as text": kinds.text(32),
    "amount": kinds.decimal(2, digits=None, whole=10),
    "amount in SQLite": kinds.decimal(2),
    "fine amount": kinds.decimal(4, digits=None),
    "count": kinds.decimal(0, digits=None),
    "any decimal": kinds.decimal(None, digits=None),
    "any decimal in SQLite": kinds.decimal(None),
    "boolean": kinds.BOOLEAN,
    "moment": kinds.moment(),
    "whole second": kinds.moment(0),
    "millisecond": kinds.moment(3),
    "decisecond": kinds.moment(1),
    "date": kinds.day(),
    "time": kinds.clock(),
    "whole time": kinds.clock(0),
    "bytes": kinds.binary(),
    "padded bytes": kinds.binary(4, padded=True),
    "uuid as bytes": kinds.binary(16),
    "uuid": kinds.UUID,
    "float": kinds.FLOAT,
    "single": kinds.SINGLE,
}


STEPS = {  # name: a column's way, and the kinds it is tried with
    "renamed": (Column(column="value"), list(WANTED)),
    "blank_to_null": (Column(column="value", convert="blank_to_null"), ["text", "integer", "amount"]),
    "trim": (Column(column="value", convert="trim"), ["text", "padded text"]),
    "bool": (Column(column="value", convert="bool"), ["boolean", "integer"]),
    "cents": (Column(column="value", convert="cents"), ["integer", "amount", "text"]),
    "epoch_seconds": (Column(column="value", convert="epoch_seconds"), ["moment", "whole second", "text"]),
    "local_time": (Column(column="value", convert="local_time", zone="Europe/Amsterdam"), ["moment", "whole second"]),
    "map of words": (
        Column(column="value", values={"": "none", "a": "it's", "A": "\\", "é": "%s", "true": ":x", None: "nothing", "a ": None}),
        ["text"],
    ),
    "map of numbers": (Column(column="value", values={"0": "7", "1": "-8", "2": "9", "-1": None}), ["integer", "text", "amount"]),
}


@pytest.mark.parametrize("step", STEPS)
def test_what_a_mapping_makes_of_a_column_is_spelled_alike_in_sql_and_in_python(bench, step):
    column, names = STEPS[step]
    made, wrong = 0, []
    for name, found in bench.kinds.items():
        clause, dialect = bench.clause(name), bench.database.dialect
        spelled = {wanted: spell_source(column, WANTED[wanted], clause, found, dialect) for wanted in names}
        cells = {wanted: cell for wanted, cell in spelled.items() if cell is not None}
        made += len(cells)
        for value, *texts in bench.fetch(clause, clause.c.value, *cells.values()):
            for wanted, shown in zip(cells, texts, strict=True):
                if not is_right(column, WANTED[wanted], value, shown):
                    wrong.append((name, wanted, value, shown))
    assert not wrong, "\n".join(map(repr, wrong[:40]))
    assert made or (step, bench.database.dialect) in {("local_time", "sqlite"), ("local_time", "mariadb")}


def is_right(column: Column, kind: Kind, value: Any, shown: str) -> bool:
    """Equal to Python's spelling, or no spelling of anything that the column can hold."""
    notes: list[str] = []
    made = build(mapping_of(column), {"value": kind}).run([value], notes.append)
    if isinstance(made, Misfit):
        return shown == "?" or not could_stand(kind, shown)
    doubtful = value is not None and (notes or may_be_doubted(kind, value) or _is_rare(column, value))
    return shown == made.cells[0].decode() or (shown == "?" and bool(doubtful))


def _is_rare(column: Column, value: Any) -> bool:
    if column.zone:
        return not 1970 < value.year < 2037 or any(abs(value - change) <= timedelta(hours=3) for change in CHANGES)
    if column.convert == "cents":
        return abs(value) >= 10**13 or round(value, 2) != value  # off by no more than a float's noise, since it fits
    return column.convert == "epoch_seconds" and isinstance(value, float)


def mapping_of(column: Column) -> Mapping:
    return Mapping("things", Source("old", ("id",), "thing"), Target("new", "things", ("id",)), {"value": column})


def may_be_doubted(kind: Kind, value: Any) -> bool:
    """Whether SQL may leave it to Python although it fits: rare values, and floats with more digits than are certain."""
    if not isinstance(value, float):
        return value in DOUBTED
    if kind.name == "decimal":
        places = kind.places or 0
        return value in DOUBTED or not 10 ** -(places + 2.0) < abs(value) < 10 ** (12 - places)
    return abs(value) >= (2**24 if kind.kept == "single" else 2**53)


def could_stand(kind: Kind, shown: str) -> bool:
    payload = shown.partition(":")[2] if kind.framed else shown.removesuffix(";")
    try:
        return encode(kind, kind.fit(bytes.fromhex(payload) if kind.name == "bytes" else payload)).decode() == shown
    except ValueError:
        return False


EXPRESSIONS = {
    "sqlite": {"upper(value)": "TEXT", "value + 1": "INTEGER", "coalesce(value, '')": "TEXT", "value = 'a'": "TEXT"},
    "postgresql": {"upper(value)": "text", "value / 2": "integer", "value || 'é'": "varchar(40)", "value > 1": "bigint"},
    "mariadb": {"upper(value)": "varchar(40)", "concat(value, 'é')": "varchar(40) character set latin1"},
}


def test_the_sql_of_a_mapping_is_spelled_alike_in_sql_and_in_python(bench):
    dialect, wrong = bench.database.dialect, []
    for sql, name in EXPRESSIONS[dialect].items():
        clause, column = bench.clause(name), Column(sql=f"({sql}) -- of its own")
        with bench.database.reading() as connection:
            found = kind_of_expression(connection, dialect, clause, column.sql or "")
        cells = {
            wanted: spell_source(column, WANTED[wanted], clause, found, dialect) for wanted in ("text", "integer", "boolean")
        }
        cells = {wanted: cell for wanted, cell in cells.items() if cell is not None}
        assert cells, sql
        for value, *texts in bench.fetch(clause, literal_column(f"({sql})"), *cells.values()):
            for wanted, shown in zip(cells, texts, strict=True):
                if not is_right(column, WANTED[wanted], value, shown):
                    wrong.append((sql, wanted, value, shown))
    assert not wrong, "\n".join(map(repr, wrong[:40]))
