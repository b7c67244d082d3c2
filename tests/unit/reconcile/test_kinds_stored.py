"""What a kind says a column holds is what the column holds: each fitted value is stored, read back and spelled the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, column, insert, select, table, text

from reconcile.databases.database import opened
from reconcile.databases.schema import read
from reconcile.mapping.canonical import encode, encode_found
from reconcile.mapping.model import Database as Address

VALUES: list[Any] = [
    *(0, 1, -1, 127, 128, 255, 256, 32767, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63), "7", "007", True, False),
    *("", " ", "a", "a ", "é", "e\u0301", "😀", "a\x00b", "true", "x" * 300, "a'b\\c%s:d", "b ", "infinity", "0000-00-00"),
    *(0.1 + 0.2, 1.5, -0.0, 1e300, 1e-300, float("inf"), float("nan"), 0.1, 16777217.0, 3.4e38, 123456.789),
    *(Decimal("19.99"), Decimal("-0.00"), Decimal("0.005"), Decimal("12345678901234567890.12"), Decimal("NaN"), Decimal("1E+5")),
    *(
        datetime(2024, 2, 29, 23, 59, 59, 999999),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 2, tzinfo=UTC),
        "2024-01-02 03:04:05.5",
    ),
    *(date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31), "2024-02-29", "10000-01-01", "0044-03-15 BC"),
    *(time(23, 59, 59, 999999), time(0), "03:04:05", timedelta(hours=3), timedelta(hours=-1), timedelta(hours=30)),
    *(b"", b"\x00", b"abc", b"\xff" * 16, UUID(int=7), str(UUID(int=7)), UUID(int=7).hex),
    *('{"b": 1.0, "a": [true, null, "é"]}', "[1e2]", "{}", "P1DT2H", "1 day", 2024),
]

TYPES = {
    "sqlite": [
        *(
            "INTEGER",
            "TEXT",
            "VARCHAR(5)",
            "DECIMAL(12,2)",
            "NUMERIC",
            "BOOLEAN",
            "DATETIME",
            "DATE",
            "TIME",
            "REAL",
            "BLOB",
            "JSON",
            "UUID",
        ),
    ],
    "postgresql": [
        *("smallint", "integer", "bigint", "text", "varchar(5)", "char(5)", "numeric(12,2)", "numeric", "boolean", "timestamp"),
        *(
            "timestamp(0)",
            "timestamptz",
            "timestamptz(3)",
            "date",
            "time",
            "time(0)",
            "real",
            "double precision",
            "bytea",
            "uuid",
        ),
        *("json", "jsonb", "interval", "varchar(32)", "varchar(36)"),
    ],
    "mariadb": [
        *(
            "tinyint",
            "tinyint unsigned",
            "smallint",
            "mediumint",
            "int unsigned",
            "bigint",
            "bigint unsigned",
            "varchar(5)",
            "char(5)",
        ),
        *(
            "longtext",
            "decimal(12,2)",
            "decimal(30,10)",
            "tinyint(1)",
            "bit(1)",
            "bit(9)",
            "datetime",
            "datetime(3)",
            "datetime(6)",
            "date",
        ),
        *(
            "time",
            "time(6)",
            "double",
            "longblob",
            "binary(16)",
            "varbinary(20)",
            "uuid",
            "json",
            "year",
            "enum('a','b ')",
            "char(32)",
        ),
    ],
}


def test_what_fits_is_kept_as_it_was_fitted(fresh, dialect):
    wrong = []
    with opened({"it": Address(fresh(dialect))}, "it") as (database,):
        for number, name in enumerate(TYPES[dialect]):
            with database.writing() as connection:
                connection.execute(text(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, value {name} NULL)"))
            kind = read(database, f"t{number}").tables[f"t{number}"].columns["value"].kind
            assert kind is not None, name
            fitted = dict(enumerate(found for found in (fit(kind, value) for value in VALUES) if found is not None))
            assert fitted, name
            clause = table(f"t{number}", column("id"), column("value"))
            adding = insert(clause).values({clause.c.id: bindparam("number"), clause.c.value: bindparam("stored")})
            with database.writing() as connection:
                connection.execute(adding, [{"number": row, "stored": kind.stored(value)} for row, value in fitted.items()])
            with database.reading() as connection:
                for row, value in connection.execute(select(clause.c.id, clause.c.value)):
                    if encode_found(kind, value) != encode(kind, fitted[row]):
                        wrong.append((name, fitted[row], value))
    assert not wrong, "\n".join(map(repr, wrong))


def fit(kind: Any, value: Any) -> Any:
    try:
        return kind.fit(value)
    except ValueError:
        return None
