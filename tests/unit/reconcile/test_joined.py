"""Two SQLite files in one connection: what is found there is what reading every row finds, whatever a column holds."""

from __future__ import annotations

from itertools import product

import pytest

from reconcile.comparing.recheck import Patience

AT_ONCE = Patience(settle=0.0, pause=0.0)
MAPPING = "{name: things, from: {database: old, table: thing, key: id}, to: {database: new, table: things, key: id}, "
NUMBERS = [1, 1.0, -0.0, 0, 1.5, 0.1 + 0.2, 0.3, 19.99, -19.99, 0.001, 2**53 + 1, float(2**53), 10**15, 1e20, "1", "1.50"]
TEXTS = ["", "a", "A", "a ", "é", "e\u0301", "a\x00b", "a\x00c", "abc", b"abc", b"", "N", "1"]
TIMES = ["2024-01-02 03:04:05", "2024-01-02 03:04:05.000000", "2024-01-02T03:04:05", "2024-02-30 00:00:00", "2024-01-02"]
TIMES += ["2024-01-02 03:04:05.12345Z", "2024-01-02 03:04:05.1234 5", "0000-01-01 00:00:00", "24:00:00", "03:04:05", "now"]
TYPES = ["INTEGER", "BIGINT", "TEXT", "VARCHAR(3)", "NUMERIC(12, 2)", "DECIMAL", "BOOLEAN", "REAL", "TIMESTAMP", "DATE", "TIME"]
TYPES += ["BLOB", "CHAR(32)", "STRING", "JSON", ""]


def told(report):
    return (
        {each.key: (each.kind, each.columns) for each in report.differences},
        set(report.misfits),
        report.old_rows,
        report.new_rows,
        report.verdict,
    )


@pytest.mark.parametrize("declared", TYPES)
@pytest.mark.parametrize("values", [NUMBERS, TEXTS, TIMES], ids=["numbers", "texts", "times"])
def test_every_value_beside_every_other_is_judged_as_row_by_row(world, declared, values):
    table = f"(id INTEGER PRIMARY KEY, value {declared});"
    world.create(f"CREATE TABLE thing {table}", f"CREATE TABLE things {table}", f"{MAPPING} columns: {{id: id, value: value}}}}")
    pairs = list(product([*values, None], repeat=2))
    world.old("INSERT INTO thing VALUES (?, ?)", [(number, one) for number, (one, _) in enumerate(pairs)])
    world.new("INSERT INTO things VALUES (?, ?)", [(number, other) for number, (_, other) in enumerate(pairs)])
    reports = [world.reconcile(strategy=way, patience=AT_ONCE) for way in (None, "rows")]
    assert reports[0].strategy in ("joined", "rows")  # what SQL cannot spell is for Python
    assert told(reports[0]) == told(reports[1])


@pytest.mark.parametrize("columns", ["value: {column: value, convert: cents}", "value: {column: value, map: {'1': 5, '2': 7}}"])
def test_what_a_mapping_changes_is_compared_as_it_means(world, columns):
    world.create(
        "CREATE TABLE thing (id INTEGER PRIMARY KEY, value NUMERIC);",
        "CREATE TABLE things (id INTEGER PRIMARY KEY, value INTEGER);",
        f"{MAPPING} columns: {{id: id, {columns}}}}}",
    )
    pairs = list(product([1, 2, 1.5, 0.01, "x", None], [1, 5, 7, 100, 150, 200, 5.0, None]))
    world.old("INSERT INTO thing VALUES (?, ?)", [(number, one) for number, (one, _) in enumerate(pairs)])
    world.new("INSERT INTO things VALUES (?, ?)", [(number, other) for number, (_, other) in enumerate(pairs)])
    found = world.reconcile(strategy="joined", patience=AT_ONCE)
    assert told(found) == told(world.reconcile(strategy="rows", patience=AT_ONCE))
    assert 0 < found.drifted < len(pairs)


def test_rows_of_one_side_only_are_found_wherever_they_are(world):
    world.create(
        "CREATE TABLE thing (a INTEGER, b INTEGER, gone INTEGER, PRIMARY KEY (a, b));",
        "CREATE TABLE things (b INTEGER, a INTEGER, PRIMARY KEY (a, b));",
        "{name: things, from: {database: old, table: thing, key: [a, b], where: 'gone = 0'}, "
        "to: {database: new, table: things, key: [a, b]}, columns: {a: a, b: b}}",
    )
    world.old("INSERT INTO thing VALUES (?, ?, ?)", [(a, b, a == 3 and b == 3) for a in range(10) for b in range(10)])
    new = {(a, b) for a in range(10) for b in range(10)} - {(0, 0), (5, 5), (9, 9), (3, 3)} | {(-1, 0), (4, 77), (10, 0), (11, 0)}
    world.new("INSERT INTO things (a, b) VALUES (?, ?)", sorted(new))
    for rows in (1, 3, 1000):
        report = world.reconcile(strategy="joined", chunk_rows=rows, patience=AT_ONCE)
        assert {each.key: each.kind.value for each in report.differences} == {
            **dict.fromkeys([(0, 0), (5, 5), (9, 9)], "missing"),
            **dict.fromkeys([(-1, 0), (4, 77), (10, 0), (11, 0)], "extra"),
        }
        assert (report.old_rows, report.new_rows) == (99, 100)
    world.new("INSERT INTO things (a, b) VALUES (3, 3)")  # which the old side leaves out
    assert (3, 3) in {each.key for each in world.reconcile(strategy="joined", patience=AT_ONCE).differences}


@pytest.mark.parametrize(
    ("source", "target", "columns", "chosen"),
    [
        ("", "", "value: value", "joined"),
        (", where: 'value > 0'", "", "value: value", "joined"),
        ("", ", where: 'value > 0'", "value: value", "text"),  # its names would be looked for in the old file first
        ("", "", "value: {sql: 'value'}", "rows"),
    ],
)
def test_it_is_chosen_where_all_names_stay_what_they_are(world, source, target, columns, chosen):
    table = "(id INTEGER PRIMARY KEY, value INTEGER);"
    world.create(
        f"CREATE TABLE thing {table}",
        f"CREATE TABLE things {table}",
        f"{{name: things, from: {{database: old, table: thing, key: id{source}}}, "
        f"to: {{database: new, table: things, key: id{target}}}, columns: {{id: id, {columns}}}}}",
    )
    world.old("INSERT INTO thing VALUES (1, 5)")
    world.new("INSERT INTO things VALUES (1, 5)")
    report = world.reconcile()
    assert (report.strategy, report.clean) == (chosen, True)
