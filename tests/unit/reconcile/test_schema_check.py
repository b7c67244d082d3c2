"""`check`: what a mapping gets wrong about two schemas; as values, and once with live databases for the places in the file."""

import pytest

import reconcile
from reconcile.checking.inspection import inspect
from reconcile.databases.schema import Column as Live
from reconcile.databases.schema import Schema, Table
from reconcile.mapping.kind import ANY, BYTES, FLOAT, INTEGER, MOMENT, TEXT
from reconcile.mapping.model import Column, Mapping, Source, Target

KEY = (("id",),)
OLD = Table(
    "thing",
    {
        "id": Live("INTEGER", INTEGER, False),
        "code": Live("TEXT", TEXT, False),
        "maybe": Live("TEXT", TEXT, True),
        "price": Live("REAL", FLOAT, False),
        "photo": Live("BLOB", BYTES, True),
        "odd": Live("JSON", None, True),
    },
    KEY,
    KEY,
)
NEW = Table(
    "things",
    {
        "id": Live("INTEGER", INTEGER, False),
        "name": Live("VARCHAR(20)", TEXT, False),
        "note": Live("TEXT", TEXT, True),
        "size": Live("INTEGER", INTEGER, True),
        "at": Live("DATETIME", MOMENT, True),
        "odd": Live("JSON", None, True),
        "any": Live("", ANY, True),
        "made": Live("TEXT", TEXT, False, filled=True),
    },
    KEY,
    KEY,
)


def found(
    columns: dict[str, Column], source: str = "thing", target: str = "things", key: str = "id", old: Table = OLD
) -> list[str]:
    mapping = Mapping("m", Source("old", (key,), source), Target("new", target, ("id",)), {"id": Column(key), **columns})
    schemas = Schema(("thing", "view"), {"thing": old}), Schema(("things",), {"things": NEW})
    return [f"{'.'.join(each.steps)}: {'warning: ' if each.warning else ''}{each.message}" for each in inspect(mapping, *schemas)]


NAME = {"name": Column("code")}


def test_a_mapping_that_fits_has_no_findings():
    assert found(NAME) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({}, "columns: things.name is NOT NULL without a default: say what goes into it"),
        ({"name": Column("cod")}, "columns.name: 'cod' is not a column of thing; did you mean 'code'?"),
        (NAME | {"sise": Column("code")}, "columns.sise: 'sise' is not a column of things; did you mean 'size'?"),
        (NAME | {"odd": Column("odd")}, "columns.odd: things.odd is JSON, which cannot be compared yet: leave it out"),
        ({"name": Column("price")}, "columns.name: thing.price is REAL, which has no place in VARCHAR(20): convert it"),
        (NAME | {"at": Column("id")}, "columns.at: thing.id is INTEGER, which has no place in DATETIME: convert it"),
        (NAME | {"note": Column("photo")}, "columns.note: thing.photo is BLOB, which has no place in TEXT: convert it"),
        (
            {"name": Column("maybe")},
            "columns.name: warning: thing.maybe may be NULL, the column is NOT NULL: such a row stops a backfill",
        ),
        ({"name": Column(constant=None)}, "columns.name: is NOT NULL, and cannot be null"),
        (NAME | {"size": Column(constant="big")}, "columns.size: 'big' is not a whole number: the column holds a whole number"),
        (
            NAME | {"size": Column("code", values={"A": "1", "B": "x"})},
            "columns.size: 'x' is not a whole number: the column holds",
        ),
        ({"name": Column("price", convert="cents")}, None),
        (NAME | {"at": Column("price", convert="cents")}, "columns.at: `cents` gives integer values, the column is DATETIME"),
        (
            NAME | {"size": Column("code", convert="local_time")},
            "columns.size: `local_time` gives moment values, the column is INTEGER",
        ),
        (NAME | {"any": Column("photo"), "note": Column("maybe")}, None),
        (NAME | {"size": Column(sql="1 + 1")}, None),
    ],
)
def test_each_misfit_is_found(columns: dict[str, Column], expected: str | None):
    findings = found(columns)
    assert findings == [] if expected is None else [each for each in findings if each.startswith(expected)], findings


def test_unknown_tables_are_named_with_the_nearest():
    assert found(NAME, source="thin") == ["from.table: 'thin' is not a table; did you mean 'thing'?"]
    assert found(NAME, target="thinks")[0] == "to.table: 'thinks' is not a table; did you mean 'things'?"


def test_keys_must_be_of_one_sortable_kind():
    assert found(NAME, key="code")[-1] == (
        "to.key: thing.code is TEXT, things.id is INTEGER: "
        "a key must be the same kind on both sides: whole numbers, text, UUIDs or dates"
    )


@pytest.mark.parametrize(
    ("unique", "indexes", "expected"),
    [
        (KEY, KEY, []),
        ((), KEY, ["from.key: warning: nothing keeps id unique in thing: a key that stands twice stops the pass"]),
        ((), (("id", "code"),), ["from.key: warning: nothing keeps id unique in thing: a key that stands twice stops the pass"]),
        ((), (("code", "id"),), ["from.key: warning: no index of thing starts with id: every chunk reads the whole table"]),
    ],
)
def test_a_key_wants_an_index(unique, indexes, expected):
    assert found(NAME, old=Table("thing", OLD.columns, unique, indexes)) == expected


def test_rows_that_a_delete_takes_along_are_named(world):
    table = "(id INTEGER PRIMARY KEY);"
    sides = "from: {database: old, table: thing, key: id}, to: {database: new, table: things, key: id}"
    world.create(
        f"CREATE TABLE thing {table}",
        f"CREATE TABLE things {table} CREATE TABLE kept (id INTEGER REFERENCES things (id));"
        "CREATE TABLE lines (id INTEGER REFERENCES things (id) ON DELETE CASCADE);",
        f"{{name: things, {sides}, columns: {{id: id}}}}",
    )
    (problem,) = reconcile.check(world.file, {})
    assert (problem.path, problem.warning) == ("mappings[0].to.table", True)
    assert "takes rows of lines with it" in problem.message


def test_problems_with_live_schemas_stand_at_their_places(world):
    world.create(
        "CREATE TABLE thing (id INTEGER PRIMARY KEY, value TEXT, at TEXT); CREATE INDEX x ON thing (lower(value));",
        "CREATE TABLE things (id INTEGER PRIMARY KEY, value TEXT NOT NULL, n INTEGER NOT NULL, d TEXT NOT NULL DEFAULT 'x');",
        """
        name: things
        from: {database: old, table: thing, key: id, where: "gone = 0"}
        to:
          database: new
          table: things
          key: id
          where: "nonsense("
        columns:
          id: id
          value: {sql: "lowr(value)"}
          m: value
        """,
    )
    problems = [(each.line, each.path, each.message, each.warning) for each in reconcile.check(world.file, {})]
    assert [(line, path) for line, path, *_ in problems] == [
        (5, "mappings[0].from.where"),
        (10, "mappings[0].to.where"),
        (12, "mappings[0].columns"),
        (13, "mappings[0].columns.value.sql"),
        (14, "mappings[0].columns.m"),
    ]
    assert problems[0][2] == "database old: no such column: gone"
    assert "things.n is NOT NULL" in problems[2][2]
    assert problems[3][2] == "database old: no such function: lowr"
    assert [warning for *_, warning in problems] == [False] * 5


def test_every_database_that_is_not_there_is_said_once_without_its_password(tmp_path):
    file = tmp_path / "mappings.yaml"
    file.write_text(
        "version: 1\ndatabases:\n  old: sqlite:///gone.db\n  new: postgresql+psycopg://me:hunter2@127.0.0.1:1/shop\n"
        "mappings:\n  - name: a\n    from: {database: old, table: t, key: id}\n"
        "    to: {database: new, table: t, key: id}\n    columns: {id: id}\n"
        "outbox: {database: old, table: events}\n"
    )
    problems = reconcile.check(file, {})
    assert [(each.line, each.warning) for each in problems] == [(3, False), (4, False)]
    assert "127.0.0.1" in problems[1].message
    assert "hunter2" not in str(problems)
