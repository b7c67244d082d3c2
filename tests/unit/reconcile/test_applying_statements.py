"""Many rows go by one statement where that says the same as one for each, and row by row where it might not."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from reconcile.applying import together, writing
from reconcile.applying.applied import Applied
from reconcile.applying.applier import apply
from reconcile.applying.budget import Allowance
from reconcile.reports.report import Counts
from strangler.core.errors import DatabaseError
from tests.unit.reconcile.applying_world import FREE, Applying

TYPES = {
    "sqlite": {"word": "TEXT", "number": "NUMERIC(8,2)", "real": "REAL", "moment": "TIMESTAMP", "day": "DATE"},
    "postgresql": {
        **{"word": "varchar(9)", "number": "numeric(8,2)", "real": "double precision", "moment": "timestamptz"},
        "day": "date",
    },
    "mariadb": {"word": "varchar(9)", "number": "decimal(8,2)", "real": "double", "moment": "datetime(6)", "day": "date"},
}
COLUMNS = "word, number, real_, moment, day"
MAPPING = """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id, where: "word IS NULL OR word <> '100%'"}
    columns: {id: id, word: word, number: number, real_: real_, moment: moment, day: day}
"""
ROWS = {
    1: ("'plain'", "12.34", "0.1", "'2024-02-29 01:02:03.000004'", "'2024-02-29'"),
    2: ("NULL", "NULL", "NULL", "NULL", "NULL"),
    3: ("'it''s %s'", "-0.5", "-1e300", "'1970-01-01 00:00:00'", "'1970-01-01'"),
    4: ("'%(a)s\\n'", "999999.99", "0", "'2038-01-19 03:14:08'", "'2038-01-19'"),
    5: ("''", "0", "3", "'1900-01-01 00:00:00.5'", "'1900-01-01'"),
    6: ("'żółć 🎈'", "1", "1.5", "'2024-12-31 23:59:59.999999'", "'9999-12-31'"),
}


@pytest.fixture
def world(tmp_path, fresh, dialect):
    found = Applying(tmp_path, dialect, fresh(dialect), fresh(dialect))
    found.write(MAPPING)
    types = TYPES[dialect]
    columns = ", ".join(f"{name}{'_' * (name == 'real')} {types[name]}" for name in ("word", "number", "real", "moment", "day"))
    found.old(f"CREATE TABLE thing (id INTEGER PRIMARY KEY, {columns})")
    found.new(f"CREATE TABLE things (id INTEGER PRIMARY KEY, {columns})")
    return found


def fill(world, shift):
    """Each key has the values of another one."""
    values = [(key, *ROWS[(key + shift) % len(ROWS) + 1]) for key in ROWS]
    world.old("DELETE FROM thing", *(f"INSERT INTO thing (id, {COLUMNS}) VALUES ({', '.join(map(str, row))})" for row in values))


def written(world):
    return world.new(f"SELECT id, {COLUMNS} FROM things ORDER BY id")


def apart(monkeypatch):
    for name in ("updated", "inserted"):
        monkeypatch.setattr(writing, name, lambda *_: False)


def test_every_value_is_written_as_it_would_be_by_itself(world, monkeypatch):
    for shift, counts in ((0, Counts(inserted=6)), (1, Counts(updated=6)), (3, Counts(updated=6))):
        fill(world, shift)
        assert world.apply(*ROWS) == Applied(counts)
        assert world.apply(*ROWS) == Applied(Counts(unchanged=6))
    found = written(world)
    world.new("DELETE FROM things")
    with monkeypatch.context() as patch:
        apart(patch)
        world.apply(*ROWS)
    assert written(world) == found


def test_rows_that_take_the_same_columns_go_together(world, dialect):
    if dialect == "sqlite":
        pytest.skip("it sends nothing anywhere")
    keys = range(1, 251)
    for grade in (1, 2):
        world.old("DELETE FROM thing", *(f"INSERT INTO thing (id, number) VALUES ({key}, {key + grade})" for key in keys))
        with world.pair() as pair:
            asked: list[str] = []
            event.listen(pair.target.database.engine, "before_cursor_execute", lambda *found, to=asked: to.append(found[2]))
            applied = apply(pair, [(key,) for key in keys], Allowance("things", FREE))
    assert applied == Applied(Counts(updated=250))
    assert sum(" things" in words.replace("`", " ") and words.startswith("UPDATE") for words in asked) <= 3


def test_what_a_list_might_not_keep_goes_row_by_row(world, dialect):
    if dialect != "postgresql":
        pytest.skip("only PostgreSQL has types of one's own")
    world.new("CREATE TYPE grade AS ENUM ('low', 'high')", "ALTER TABLE things ADD COLUMN grade grade")
    world.old("ALTER TABLE thing ADD COLUMN grade text")
    world.write(MAPPING.replace("day: day}", "day: day, grade: grade}"))
    for grade in ("low", "high"):
        world.old("DELETE FROM thing", *(f"INSERT INTO thing (id, grade) VALUES ({key}, '{grade}')" for key in (1, 2, 3)))
        assert world.apply(1, 2, 3).failed == {}
    assert world.new("SELECT DISTINCT grade::text FROM things") == [("high",)]


def test_a_value_that_is_too_long_is_an_error_and_never_cut(world, dialect):
    if dialect == "sqlite":
        pytest.skip("it keeps any length")
    world.new("CREATE TABLE short (id INTEGER PRIMARY KEY, word varchar(3))", "INSERT INTO short VALUES (1, 'a'), (2, 'b')")
    source, target = "{database: old, table: thing, key: id}", "{database: new, table: short, key: id}"
    world.write(f"{{name: things, from: {source}, to: {target}, columns: {{id: id, word: word}}}}")
    with world.pair() as pair:
        with pytest.raises(DatabaseError, match="too long"), pair.target.database.writing() as connection:
            together.updated(pair, connection, {"id": [1, 2]}, {"word": ["x", "xxxx"]})
        if dialect == "postgresql":
            with pytest.raises(DatabaseError, match="too long"), pair.target.database.writing() as connection:
                together.inserted(pair, connection, {"id": [3, 4], "word": ["x", "xxxx"]})
    assert world.new("SELECT * FROM short ORDER BY id") == [(1, "a"), (2, "b")]


def test_a_statement_of_mariadbs_has_few_rows_and_is_never_long():
    assert [len(rows) for rows in together._portions([range(250)], 250)] == [100, 100, 50]
    long = ["x" * 400_000] * 3 + ["y"]
    assert list(together._portions([long], 4)) == [range(1), range(1, 2), range(2, 4)]
    assert list(together._portions([["x" * 10**7]], 1)) == [range(1)]
