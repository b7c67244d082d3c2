"""Values that other tools spell wrongly, each with the one cell that SQL and Python must both make of it."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from sqlalchemy import column, select, table, text

from reconcile.databases.database import opened
from reconcile.databases.schema import read
from reconcile.databases.spelling import spell_target
from reconcile.mapping.canonical import encode_found
from reconcile.mapping.model import Database as Address

NOTHING_SURE = "X"
TRAPS: dict[str, list[tuple[str, str, Any, str]]] = {  # what, type, value, its cell
    "sqlite": [
        ("NULL is not the word", "TEXT", None, "N"),
        ("the word is not NULL", "TEXT", "NULL", "4:NULL"),
        ("length() stops at a NUL", "TEXT", "a\x00b", "3:a\x00b"),
        ("printf gives -0.00 for a sum's noise", "DECIMAL(12,2)", -1e-9, "0.00;"),
        ("a sum of floats", "DECIMAL(12,2)", 0.1 + 0.2, "0.30;"),
        ("money as a float", "DECIMAL(12,2)", 19.99, "19.99;"),
        ("a half cent is none of 2 places", "DECIMAL(12,2)", 1.005, NOTHING_SURE),
        ("more digits than a double has", "NUMERIC", "12345678901234567.1234567890", NOTHING_SURE),
        ("text in a column of numbers", "INTEGER", "abc", NOTHING_SURE),
        ("the lowest integer, of which abs() fails", "DECIMAL(20,2)", -(2**63), NOTHING_SURE),
        ("the word true", "BOOLEAN", "t", NOTHING_SURE),
        ("the 30th of February", "DATETIME", "2024-02-30 00:00:00", NOTHING_SURE),
        ("microseconds, which strftime does not have", "DATETIME", "2024-01-02 03:04:05.000001", "2024-01-02 03:04:05.000001;"),
        ("a float that databases print in three ways", "REAL", 1e20, "1e20;"),
    ],
    "postgresql": [
        ("CHAR(n), of which || and octet_length differ", "char(5)", "a", "1:a"),
        ("infinity, of which to_char gives nothing", "timestamp", "infinity", "infinity;"),
        ("a moment in another zone", "timestamptz", "2024-01-02 03:04:05+02", "2024-01-02 01:04:05;"),
        ("a float cast to numeric keeps 15 digits", "double precision", float(2**53), "9007199254740992e0;"),
        ("NaN", "double precision", float("nan"), "NaN;"),
        ("minus nothing", "double precision", -0.0, "0e0;"),
        (
            "more digits than a double has",
            "numeric(30,10)",
            Decimal("12345678901234567.1234567890"),
            "12345678901234567.1234567890;",
        ),
        ("zeros that do not count", "numeric", Decimal("1.500"), "1.5;"),
        ("two letters for one", "text", "e\u0301", "3:e\u0301"),
    ],
    "mariadb": [
        ("blanks at the end count", "varchar(9)", "a ", "2:a "),
        ("latin1 is measured as UTF-8", "varchar(9) character set latin1", "é", "2:é"),
        ("four bytes", "varchar(9)", "😀", "4:😀"),
        ("a boolean that is two", "tinyint(1)", 2, NOTHING_SURE),
        ("BIT is a byte to its driver", "bit(1)", b"\x01", "1;"),
        ("no day at all", "datetime", "0000-00-00 00:00:00", "0000-00-00 00:00:00;"),
        ("the largest unsigned", "bigint unsigned", 2**64 - 1, "18446744073709551615;"),
        ("BINARY(n) is filled with zeros", "binary(3)", b"a", "610000;"),
        ("a float that databases print in three ways", "double", 1e20, "1e20;"),
        ("a time that is none of a day", "time", "838:59:59", NOTHING_SURE),
    ],
}


def test_each_trap_has_its_one_cell(fresh, dialect):
    found: dict[str, set[str]] = defaultdict(set)
    with opened({"it": Address(fresh(dialect))}, "it") as (database,):
        for number, (what, declared, value, _) in enumerate(TRAPS[dialect]):
            with database.writing() as connection:
                connection.execute(text(f"CREATE TABLE t{number} (value {declared} NULL)"))
                connection.execute(text(f"INSERT INTO t{number} VALUES (:value)"), {"value": value})
            kind = read(database, f"t{number}").tables[f"t{number}"].columns["value"].kind
            clause = table(f"t{number}", column("value"))
            assert kind is not None
            with database.reading() as connection:
                raw, cell = connection.execute(select(clause.c.value, spell_target(kind, clause.c.value, dialect))).one()
            spelled = encode_found(kind, raw)
            found[what] = {cell, NOTHING_SURE if spelled.startswith(b"X") else spelled.decode()}
    assert found == {what: {cell} for what, _, _, cell in TRAPS[dialect]}
