"""What a comparison says: every trap as one case with the verdict it must have."""

import hashlib
import json
import sqlite3
from dataclasses import replace

import pytest

import reconcile
from reconcile.applying.budget import Budget
from reconcile.reports.report import KEPT, Drift, Report, Standing, Verdict
from strangler.core.errors import DatabaseError
from strangler.core.units import Share

MAPPING = """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns: {id: id, value: value}
"""
CLEAN: list[tuple[object, ...]] = []
CHANGED = [("changed", 1, ("value",))]


@pytest.mark.parametrize(
    ("old_type", "new_type", "old", "new", "expected"),
    [
        ("TEXT", "TEXT", "a", "a", CLEAN),
        ("TEXT", "TEXT", None, None, CLEAN),
        ("TEXT", "TEXT", None, "", CHANGED),
        ("TEXT", "TEXT", "", None, CHANGED),
        ("TEXT", "TEXT", None, "NULL", CHANGED),
        ("TEXT", "TEXT", "", " ", CHANGED),
        ("TEXT", "TEXT", "é", "e\u0301", CHANGED),  # same on the screen, not the same text
        ("TEXT", "TEXT COLLATE NOCASE", "a", "A", CHANGED),
        ("TEXT", "TEXT", "a\x00b", "a\x00c", CHANGED),  # SQLite's own length() stops at NUL
        ("TEXT", "TEXT", "\U0001f6b2", "\U0001f6b2", CLEAN),
        ("INTEGER", "INTEGER", 2**53 + 1, 2**53 + 1, CLEAN),
        ("INTEGER", "INTEGER", 2**53 + 1, 2**53, CHANGED),
        ("INTEGER", "INTEGER", -(2**63), -(2**63), CLEAN),
        ("TEXT", "INTEGER", "1", 1, CLEAN),  # the column makes '1' a number
        ("INTEGER", "TEXT", 1, "1", CLEAN),  # and this one makes 1 a text
        ("INTEGER", "", 1, "1", CHANGED),  # a column without a type keeps both as they are
        ("INTEGER", "", 1, 1, CLEAN),
        ("INTEGER", "INTEGER", 1, "abc", CHANGED),  # SQLite keeps a text in an INTEGER column
        ("REAL", "REAL", 0.0, -0.0, CLEAN),
        ("REAL", "REAL", 0.1 + 0.2, 0.3, CHANGED),
        ("REAL", "NUMERIC(10, 2)", 0.1 + 0.2, 0.3, CLEAN),
        ("REAL", "DECIMAL(10, 2)", -0.0, 0, CLEAN),
        ("TEXT", "DECIMAL(10, 2)", "12.50", 12.5, CLEAN),
        ("INTEGER", "REAL", 1, 1.0, CLEAN),
        ("INTEGER", "BOOLEAN", 1, 1, CLEAN),
        ("INTEGER", "BOOLEAN", 1, 0, CHANGED),
        ("TEXT", "DATETIME", "2024-01-02 03:04:05", "2024-01-02T03:04:05.000000", CLEAN),
        ("TEXT", "DATE", "2024-01-02", "2024-01-03", CHANGED),
        ("BLOB", "BLOB", b"\x00\xff", b"\x00\xff", CLEAN),
        ("BLOB", "BLOB", b"", None, CHANGED),
        ("BLOB", "BLOB", b"a", "a", CHANGED),
    ],
)
def test_one_value_on_each_side(world, old_type, new_type, old, new, expected):
    world.create(
        f"CREATE TABLE thing (id INTEGER PRIMARY KEY, value {old_type});",
        f"CREATE TABLE things (id INTEGER PRIMARY KEY, value {new_type});",
        MAPPING,
    )
    world.old("INSERT INTO thing VALUES (?, ?)", [(1, old)])
    world.new("INSERT INTO things VALUES (?, ?)", [(1, new)])
    assert world.drift() == expected
    assert world.reconcile().verdict == (Verdict.DRIFT if expected else Verdict.CLEAN)
    world.backfill()
    assert world.reconcile().clean


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_rows_on_one_side_only_are_found_wherever_they_are(numbered, size):
    numbered.backfill()
    numbered.old("DELETE FROM thing WHERE id IN (1, 10)")
    numbered.old("INSERT INTO thing VALUES (-7, 'x'), (0, 'x'), (500, 'x');")
    numbered.new("DELETE FROM things WHERE id = 5")
    numbered.new("INSERT INTO things VALUES (-9, 'y'), (9223372036854775807, 'y');")
    numbered.new("UPDATE things SET value = NULL WHERE id = 6")
    expected = {-9: "extra", -7: "missing", 0: "missing", 1: "extra", 5: "missing", 6: "changed", 10: "extra", 500: "missing"}
    expected[2**63 - 1] = "extra"
    report = numbered.reconcile(chunk_rows=size)
    assert {each.key[0]: each.kind for each in report.differences} == expected
    assert (report.verdict, report.covered, report.old_rows, report.new_rows) == (Verdict.DRIFT, True, 11, 11)
    assert report.counts == {Drift.MISSING: 4, Drift.EXTRA: 4, Drift.CHANGED: 1}
    assert report.columns == {"value": 1}
    assert report.exit_code == 3


def test_text_keys_are_walked_by_code_point_whatever_the_columns_say(world):
    world.create(
        "CREATE TABLE thing (id TEXT COLLATE NOCASE PRIMARY KEY, value TEXT);",
        "CREATE TABLE things (id TEXT PRIMARY KEY, value TEXT);",
        MAPPING,
    )
    keys = ["", " ", "B", "a", "a-b", "aa", "ab ", "b2", "é", "e\u0301", "ß", "ss", "10", "9", "\U0001f6b2", "\uffff"]
    world.old("INSERT INTO thing VALUES (?, ?)", [(key, key) for key in keys])
    for size in (1, 2, 5):
        world.backfill(chunk_rows=size)
        report = world.reconcile(chunk_rows=size)
        assert (report.clean, report.old_rows, report.new_rows) == (True, len(keys), len(keys))
    world.new("UPDATE things SET id = 'A' WHERE id = 'a'")
    assert world.drift(chunk_rows=2) == [("extra", "A", ()), ("missing", "a", ())]


def test_composite_keys(world):
    world.create(
        "CREATE TABLE thing (a INTEGER, b TEXT, value TEXT, PRIMARY KEY (a, b));",
        "CREATE TABLE things (x INTEGER, y TEXT, value TEXT, PRIMARY KEY (x, y));",
        "{name: things, from: {database: old, table: thing, key: [a, b]}, to: {database: new, table: things, key: [x, y]}, "
        "columns: {x: a, y: b, value: value}}",
    )
    world.old("INSERT INTO thing VALUES (?, ?, 'v')", [(a, b) for a in (-1, 0, 1) for b in ("", "a", "b")])
    world.backfill(chunk_rows=2)
    assert world.reconcile(chunk_rows=2).clean
    world.new("DELETE FROM things WHERE x = 0 AND y = 'a'")
    world.new("INSERT INTO things VALUES (1, 'c', 'v');")
    for size in (1, 2, 4, 100):
        assert world.drift(chunk_rows=size) == [("missing", (0, "a"), ()), ("extra", (1, "c"), ())]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_soft_deleted_rows_count_as_gone_and_rows_out_of_scope_as_not_there(world, size):
    world.create(
        "CREATE TABLE thing (id INTEGER PRIMARY KEY, value TEXT, gone INTEGER);",
        "CREATE TABLE things (id INTEGER PRIMARY KEY, value TEXT, source TEXT);",
        "{name: things, from: {database: old, table: thing, key: id, where: 'gone = 0 -- not yet'}, "
        "to: {database: new, table: things, key: id, where: \"source = 'shop'\"}, "
        "columns: {id: id, value: value, source: {value: shop}}}",
    )
    world.old("INSERT INTO thing VALUES (1, 'a', 0), (2, 'b', 1), (3, 'c', 0);")
    world.new("INSERT INTO things VALUES (2, 'b', 'shop'), (3, 'c', 'shop'), (99, 'z', 'other');")
    report = world.reconcile(chunk_rows=size)
    assert [(each.kind, each.key) for each in report.differences] == [("missing", (1,)), ("extra", (2,))]
    assert (report.old_rows, report.new_rows) == (2, 2)
    world.backfill(chunk_rows=size)
    assert world.reconcile(chunk_rows=size).clean
    assert world.new("SELECT id FROM things ORDER BY id") == [(1,), (3,), (99,)]


def test_empty_tables_are_not_clean(numbered):
    numbered.old("DELETE FROM thing WHERE 1 = 1")
    report = numbered.reconcile()
    assert (report.verdict, report.exit_code) == (Verdict.CANNOT_SAY, 5)
    assert "both sides have no rows" in report.why_not_clean


def test_what_waits_longer_than_the_file_says_is_stuck(numbered):
    numbered.backfill()
    plan = numbered.plan
    reconcile.install_capture(plan)
    numbered.old("UPDATE thing SET value = 'new' WHERE id = 3")
    quick = replace(plan, stuck_after=0.0)
    assert reconcile.reconcile(quick, "things", record=False).standings == {Standing.STUCK: 1}


def accept_empty(world) -> None:
    world.file.write_text(world.file.read_text("utf-8").replace("columns:", "empty: accepted\n    columns:"), "utf-8")


def test_a_table_that_may_be_empty_is_clean_when_both_sides_are(numbered):
    numbered.old("DELETE FROM thing WHERE 1 = 1")
    assert "write `empty: accepted` in the mapping" in numbered.reconcile().why_not_clean
    accept_empty(numbered)
    assert numbered.reconcile().clean
    numbered.new("INSERT INTO things VALUES (1, 'left')")
    assert numbered.reconcile().verdict is Verdict.CANNOT_SAY
    (numbered.folder / "old.db").unlink()
    with pytest.raises(DatabaseError):
        numbered.reconcile()


def test_rows_on_the_new_side_only_are_not_drift_but_a_reason_to_look_at_the_source(numbered):
    numbered.backfill()
    numbered.old("DELETE FROM thing WHERE 1 = 1")
    report = numbered.reconcile(chunk_rows=3)
    assert (report.verdict, report.clean, report.exit_code) == (Verdict.CANNOT_SAY, False, 5)
    assert "the old side has no rows, the new side has 10: are these the right databases?" in next(report.lines())


def test_an_empty_target_is_drift(numbered):
    report = numbered.reconcile()
    assert (report.verdict, report.counts) == (Verdict.DRIFT, {Drift.MISSING: 10})


def test_a_row_that_cannot_be_mapped_is_never_clean_even_if_it_is_the_only_one_and_missing(numbered):
    numbered.file.write_text(numbered.file.read_text().replace("value: value", "value: {column: value, convert: cents}"))
    numbered.old("UPDATE thing SET value = '1.00'")
    numbered.backfill()
    assert numbered.reconcile().clean
    numbered.old("INSERT INTO thing VALUES (11, 'secret');")
    report = numbered.reconcile(chunk_rows=4)
    assert (report.verdict, report.unmapped, report.drifted, report.exit_code) == (Verdict.CANNOT_SAY, 1, 0, 3)
    assert report.why_not_clean == "1 row of the old side cannot be mapped"
    text = "\n".join(report.lines())
    assert "unmapped 11   value (text of 6) is not a number" in text
    assert "secret" not in text + str(report.document()) + repr(report)
    assert "secret" in "\n".join(report.lines(values=True))


@pytest.mark.parametrize(
    ("side", "sql", "reason"),
    [
        ("old", "INSERT INTO thing VALUES (NULL, 'x');", "old.thing has rows whose key is NULL"),
        ("new", "INSERT INTO things VALUES (NULL, 'x');", "new.things has rows whose key is NULL"),
        ("old", "INSERT INTO thing VALUES (3, 'x');", "old.thing has the key 3 twice"),
        ("new", "INSERT INTO things VALUES (3, 'x');", "new.things has the key 3 twice"),
        (
            "new",
            "INSERT INTO things VALUES ('abc', 'x');",
            "new.things has a row with the key 'abc', which is not a whole number",
        ),
        ("old", "INSERT INTO thing VALUES (1.5, 'x');", "old.thing has a row with the key 1.5, which is not a whole number"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_pass_that_cannot_be_trusted_says_so(world, side, sql, reason, size):
    table = "(id INTEGER, value TEXT);"  # nothing keeps the key unique, or there at all
    world.create(f"CREATE TABLE thing {table}", f"CREATE TABLE things {table}", MAPPING)
    world.old("INSERT INTO thing VALUES (?, ?)", [(number, "v") for number in range(5)])
    world.backfill()
    getattr(world, side)(sql)
    report = world.reconcile(chunk_rows=size)
    assert not report.covered
    assert not report.clean
    assert report.exit_code == 3
    assert reason in report.failure


@pytest.fixture
def failing(monkeypatch):
    """The old database is gone after its first chunk."""
    from reconcile.databases.side import Side

    original = Side.chunk

    def chunk(self, chunk):
        if self.database.name == "old" and chunk.low is not None:
            raise DatabaseError("database old: gone")
        return original(self, chunk)

    monkeypatch.setattr(Side, "chunk", chunk)


def test_a_database_that_fails_midway_leaves_no_clean_verdict(numbered, failing):
    numbered.backfill(chunk_rows=1000)
    report = numbered.reconcile(chunk_rows=1, strategy="rows")
    assert (report.verdict, report.covered, report.chunks, report.exit_code) == (Verdict.CANNOT_SAY, False, 1, 5)
    assert "the pass ended early: database old: gone" in next(report.lines())


def test_drift_that_was_found_before_a_failure_is_still_drift(numbered, failing):
    report = numbered.reconcile(chunk_rows=1, strategy="rows")
    assert (report.verdict, report.covered, report.exit_code) == (Verdict.DRIFT, False, 3)


@pytest.mark.parametrize("way", ["joined", "text", "sums", "rows"])
def test_bytes_that_are_no_text_are_the_matter_of_their_row(world, way):
    table = "(id INTEGER PRIMARY KEY, value TEXT);"
    world.create(f"CREATE TABLE thing {table}", f"CREATE TABLE things {table}", MAPPING)
    world.old("INSERT INTO thing VALUES (1, 'a'), (2, CAST(x'ff' AS TEXT)), (3, 'c');")
    world.new("INSERT INTO things VALUES (1, 'a'), (2, 'b'), (3, CAST(x'63fe' AS TEXT));")
    report = world.reconcile(strategy=way)
    assert (report.covered, report.old_rows, [each.key for each in report.differences]) == (True, 3, [(3,)])
    assert (report.misfits[(2,)].column, report.misfits[(2,)].reason) == ("value", "is not valid UTF-8")
    assert "udcfe" in json.dumps(report.document(values=True))


def test_a_key_that_is_no_text_ends_the_pass_and_is_named(world):
    table = "(id TEXT PRIMARY KEY, value TEXT);"
    world.create(f"CREATE TABLE thing {table}", f"CREATE TABLE things {table}", MAPPING)
    world.old("INSERT INTO thing VALUES ('a', 'a'), (CAST(x'ff' AS TEXT), 'b');")
    report = world.reconcile(strategy="rows")
    wanted = "old.thing has a row with the key '\\udcff', which is not valid UTF-8: correct that row"
    assert (report.verdict, report.failure) == (Verdict.CANNOT_SAY, wanted)


def test_a_report_that_covered_only_a_part_is_not_clean():
    assert Report("m", "a", "b", old_rows=1, new_rows=1, chunks=1).verdict is Verdict.CANNOT_SAY
    assert Report("m", "a", "b", old_rows=1, new_rows=1, chunks=1, covered=True).verdict is Verdict.CLEAN


def test_a_pass_that_failed_before_it_saw_an_old_row_does_not_call_the_new_ones_drift():
    assert Report("m", "a", "b", new_rows=5, counts={Drift.EXTRA: 5}, failure="gone").verdict is Verdict.CANNOT_SAY


def test_a_row_without_a_key_that_is_out_of_scope_is_none_of_our_business(world):
    where = "key: id, where: 'value IS NOT NULL'}"
    world.create(
        "CREATE TABLE thing (id INTEGER, value TEXT);",
        "CREATE TABLE things (id INTEGER, value TEXT);",
        MAPPING.replace("key: id}", where),
    )
    world.old("INSERT INTO thing VALUES (1, 'a'), (NULL, NULL);")
    world.new("INSERT INTO things VALUES (1, 'a'), (NULL, NULL), (NULL, NULL);")
    assert world.reconcile().clean


def test_a_missing_file_is_an_error_and_is_not_created(numbered):
    (numbered.folder / "old.db").unlink()
    with pytest.raises(DatabaseError, match="database old: there is no file"):
        numbered.reconcile()
    assert not (numbered.folder / "old.db").exists()


def test_comparing_never_writes(numbered):
    numbered.new("INSERT INTO things VALUES (3, 'x'), (99, 'x');")
    files = [numbered.folder / name for name in ("old.db", "new.db")]
    before = [hashlib.sha256(file.read_bytes()).digest() for file in files]
    numbered.reconcile(chunk_rows=2)
    assert [hashlib.sha256(file.read_bytes()).digest() for file in files] == before


def test_comparing_cannot_write(numbered):
    from reconcile.databases.pair import opened_pair

    with (
        opened_pair(numbered.plan, "things") as pair,
        pytest.raises(DatabaseError, match="readonly"),
        pair.target.database.reading() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM things")


def test_only_chunks_that_differ_are_read_row_by_row(numbered):
    numbered.backfill()
    numbered.new("UPDATE things SET value = 'x' WHERE id = 5")
    report = numbered.reconcile(chunk_rows=2, strategy="text")
    assert (report.cost.rows, report.old_rows, report.new_rows) == (4, 10, 10)


@pytest.mark.parametrize("way", ["joined", "text", "sums"])
@pytest.mark.parametrize("step", [1, 1000], ids=["close", "far apart"])  # whether parts are cut by counting or by looking
def test_of_few_differences_only_their_rows_are_read(world, way, step):
    table = "(id INTEGER PRIMARY KEY, value TEXT);"
    world.create(f"CREATE TABLE thing {table}", f"CREATE TABLE things {table}", MAPPING)
    rows = [(number * step, f"value {number}") for number in range(3000)]
    world.old("INSERT INTO thing VALUES (?, ?)", rows)
    world.new("INSERT INTO things VALUES (?, ?)", rows)
    world.new(f"UPDATE things SET value = 'x' WHERE id = {7 * step}; DELETE FROM things WHERE id = {1500 * step};")
    world.new(f"INSERT INTO things VALUES ({2999 * step + 5}, 'y')")
    report = world.reconcile(strategy=way)
    assert report.counts == {Drift.CHANGED: 1, Drift.MISSING: 1, Drift.EXTRA: 1}
    assert report.cost.rows == 4


@pytest.mark.parametrize(
    ("options", "most"), [({"chunk_rows": 7, "strategy": "rows"}, 7), ({"chunk_rows": 100, "strategy": "text"}, 2048)]
)
def test_no_more_rows_are_read_at_once_than_fit(numbered, monkeypatch, options, most):
    from reconcile.databases.side import Side

    numbered.new("INSERT INTO things VALUES (?, 'x')", [(number,) for number in range(1000, 7000)])
    sizes = []
    original = Side.chunk

    def chunk(self, chunk):
        rows = list(original(self, chunk))
        sizes.append(len(rows))
        return rows

    monkeypatch.setattr(Side, "chunk", chunk)
    assert numbered.reconcile(**options).counts == {Drift.MISSING: 10, Drift.EXTRA: 6000}
    assert max(sizes) <= most


def test_all_differences_are_counted_and_the_first_are_kept(numbered):
    numbered.new("INSERT INTO things VALUES (?, 'x')", [(number,) for number in range(1000, 1000 + KEPT + 5)])
    report = numbered.reconcile()
    assert (report.drifted, len(report.differences)) == (KEPT + 15, KEPT)
    assert "    … and 995 more (--json lists the first 1,000)" in list(report.lines())


def test_names_with_spaces_and_text_keys(world):
    """The shape of the Northwind sample: PascalCase and spaces in names, keys such as 'ALFKI'."""
    world.create(
        "CREATE TABLE [Customer Details] ([Customer ID] TEXT PRIMARY KEY, [Company Name] TEXT, "
        "[Unit Price $] REAL, [Select] TEXT);",
        "CREATE TABLE customers (id TEXT PRIMARY KEY, company TEXT NOT NULL, [price in cents] INTEGER, choice TEXT);",
        """
        name: things
        from: {database: old, table: Customer Details, key: Customer ID, where: "[Company Name] <> '%'"}
        to: {database: new, table: customers, key: id}
        columns:
          id: Customer ID
          company: {sql: "upper([Company Name]) || ':?%s'"}
          price in cents: {column: Unit Price $, convert: cents}
          choice: Select
        """,
    )
    rows = [("ALFKI", "Alfreds Futterkiste", 18.4, "a"), ("ÅNGST", "x:y", None, "b"), ("alfki", "z", 0.1, None)]
    world.old("INSERT INTO [Customer Details] VALUES (?, ?, ?, ?)", rows)
    world.backfill(chunk_rows=1)
    assert world.reconcile(chunk_rows=1).clean
    assert world.new("SELECT * FROM customers WHERE id = 'ALFKI'") == [("ALFKI", "ALFREDS FUTTERKISTE:?%s", 1840, "a")]
    world.new("UPDATE customers SET [price in cents] = 5 WHERE id = 'ÅNGST'")
    assert world.drift() == [("changed", "ÅNGST", ("price in cents",))]


def test_decimals_that_sqlite_cannot_keep_stop_a_backfill_rather_than_drift_for_ever(world):
    world.create(
        "CREATE TABLE thing (id INTEGER PRIMARY KEY, value TEXT);",
        "CREATE TABLE things (id INTEGER PRIMARY KEY, value DECIMAL(30, 10));",
        MAPPING,
    )
    world.old("INSERT INTO thing VALUES (1, '12345678901234567.1234567890');")
    report = world.reconcile()
    assert (report.unmapped, report.misfits[(1,)].column) == (1, "value")
    assert "digits that SQLite keeps" in report.misfits[(1,)].reason


def test_a_locked_database_is_said_with_what_to_do(numbered, monkeypatch):
    monkeypatch.setattr("reconcile.databases.sqlite._BUSY_SECONDS", 0.05)
    other = sqlite3.connect(numbered.folder / "new.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(DatabaseError, match="database new: database is locked: another program is writing, try again"):
            numbered.backfill(budget=Budget(10, Share(1.0)))
    finally:
        other.close()
