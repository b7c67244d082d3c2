"""Pairs over live databases: what a mappings file can say is read alike on every dialect, and keys sort alike."""

from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent, indent

import pytest
from sqlalchemy import create_engine, text

import reconcile
from reconcile.databases.chunk import Chunk
from reconcile.databases.pair import opened_back_pair, opened_pair
from reconcile.mapping.pipeline import Misfit
from strangler.core.errors import ConfigError, DatabaseError, Refusal, UsageError

CODED = """
    name: things
    from: {database: old, table: thing, key: code}
    to: {database: new, table: things, key: code}
    columns: {code: code}
"""


class Place:
    """Two live databases and the mappings file between them."""

    def __init__(self, folder: Path, old: str, new: str) -> None:
        self.folder, self.addresses = folder, {"old": old, "new": new}
        self.file = folder / "mappings.yaml"

    def run(self, name: str, *statements: str) -> None:
        engine = create_engine(self.addresses[name].replace("mariadb://", "mariadb+pymysql://"))
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement.replace(":", r"\:")))
        engine.dispose()

    def write(self, mapping: str) -> None:
        head = f"version: 1\ndatabases: {{old: '{self.addresses['old']}', new: '{self.addresses['new']}'}}\nmappings:\n"
        self.file.write_text(head + "  - " + indent(dedent(mapping).strip(), "    ").lstrip() + "\n", "utf-8")

    @contextmanager
    def pair(self, opened=opened_pair):
        with opened(reconcile.load(self.file, {}), "things") as pair:
            yield pair

    def wanted(self) -> dict:
        with self.pair() as pair:
            return {
                key: row if isinstance(row, Misfit) else row.values for key, row in pair.wanted(every(pair.source), Counter())
            }


def every(side):
    return list(side.chunk(Chunk()))


@pytest.fixture
def place(tmp_path, fresh, dialect):
    return Place(tmp_path, fresh(dialect), fresh(dialect))


def quoted(dialect: str, name: str) -> str:
    return f"`{name}`" if dialect == "mariadb" else f'"{name}"'


ORDERS = (
    "CREATE TABLE customer (id INTEGER PRIMARY KEY, name VARCHAR(40))",
    "CREATE TABLE orders (no INTEGER PRIMARY KEY, customer_id INTEGER)",
    "CREATE TABLE line (order_no INTEGER, pos INTEGER, amount INTEGER, PRIMARY KEY (order_no, pos))",
    "INSERT INTO customer VALUES (1, '10:30 :x'), (2, '100%')",
    "INSERT INTO orders VALUES (5, 1), (7, 2), (8, NULL)",
    "INSERT INTO line VALUES (5, 1, 10), (5, 2, 20), (7, 1, 5)",
)
JOINED = """
    name: things
    from:
      database: old
      query: |
        SELECT o.no, c.name AS customer, coalesce(sum(l.amount), 0) AS total
        FROM orders o LEFT JOIN customer c ON c.id = o.customer_id AND c.name <> ':nobody' AND c.name NOT LIKE '%z'
        LEFT JOIN line l ON l.order_no = o.no
        GROUP BY o.no, c.name; -- one row per order
      key: no
      captured_from: {orders: no, line: order_no}
    to: {database: new, table: things, key: id}
    columns: {id: no, customer: customer, total: total}
"""


@pytest.mark.parametrize("semicolon", [";", ""])
def test_a_join_with_sums_is_read_by_key(place, semicolon):
    place.run("old", *ORDERS)
    place.run("new", "CREATE TABLE things (id INTEGER PRIMARY KEY, customer VARCHAR(40), total INTEGER)")
    place.write(JOINED.replace("; -- one row per order", semicolon))
    with place.pair() as pair:
        assert str(pair.source) == "old.things (query)"
        assert pair.source.count() == 3
        with pair.source.database.reading() as connection:
            rows = list(pair.wanted(pair.source.rows(connection, [(5,), (8,), (99,)]), Counter()))
        assert [(key, row.values) for key, row in rows] == [((5,), (5, "10:30 :x", 30)), ((8,), (8, None, 0))]
        assert pair.source.keys(Chunk((6,), (8,))) == [(7,)]


def test_several_old_tables_become_one(place):
    table = "(no INTEGER PRIMARY KEY, total INTEGER)"
    place.run("old", *(f"CREATE TABLE sales_{year} {table}" for year in (2023, 2024)))
    place.run("old", "INSERT INTO sales_2023 VALUES (1, 10)", "INSERT INTO sales_2024 VALUES (2, 20)")
    place.run("new", "CREATE TABLE things (id INTEGER PRIMARY KEY, year INTEGER, total INTEGER)")
    place.write("""
        name: things
        from:
          database: old
          query: SELECT no, 2023 AS year, total FROM sales_2023 UNION ALL SELECT no, 2024, total FROM sales_2024
          key: no
          captured_from: {sales_2023: no, sales_2024: no}
        to: {database: new, table: things, key: id}
        columns: {id: no, year: year, total: total}
    """)
    assert place.wanted() == {(1,): (1, 2023, 10), (2,): (2, 2024, 20)}


def test_one_old_row_becomes_several_new_ones_by_several_mappings(place):
    """Each says which rows of the new table are its own, so a key need only be unique among those."""
    place.run("old", "CREATE TABLE person (id INTEGER PRIMARY KEY, home VARCHAR(9), work VARCHAR(9))")
    place.run("old", "INSERT INTO person VALUES (1, 'a', 'b'), (2, NULL, 'c')")
    place.run("new", "CREATE TABLE phone (person INTEGER, kind VARCHAR(9), value VARCHAR(9), PRIMARY KEY (person, kind))")
    place.run("new", "INSERT INTO phone VALUES (1, 'home', 'a'), (1, 'work', 'b'), (2, 'work', 'c')")
    mappings = """
        name: NAME
        from: {database: old, table: person, key: id, where: "NAME IS NOT NULL"}
        to: {database: new, table: phone, key: person, where: "kind = 'NAME'"}
        columns: {person: id, kind: {value: NAME}, value: NAME}
    """
    place.write(mappings.replace("NAME", "home"))
    second = indent(dedent(mappings.replace("NAME", "work")).strip(), "    ").lstrip()
    place.file.write_text(f"{place.file.read_text()}  - {second}\n")
    plan = reconcile.load(place.file, {})
    for name, keys in {"home": [(1,)], "work": [(1,), (2,)]}.items():
        with opened_pair(plan, name) as pair:
            assert (pair.source.keys(Chunk()), pair.target.keys(Chunk())) == (keys, keys)
        assert reconcile.reconcile(plan, name).clean


def test_a_query_that_gives_a_key_twice_is_refused(place):
    place.run("old", *ORDERS)
    place.run("new", "CREATE TABLE things (id INTEGER PRIMARY KEY)")
    place.write("""
        name: things
        from:
          database: old
          query: SELECT o.no FROM orders o JOIN line l ON l.order_no = o.no
          key: no
          captured_from: {orders: no}
        to: {database: new, table: things, key: id}
        columns: {id: no}
    """)
    with pytest.raises(Refusal, match=r"old.things \(query\) has the key 5 twice"):
        place.wanted()


def test_a_query_that_the_database_cannot_read_says_so(place):
    place.run("new", "CREATE TABLE things (id INTEGER PRIMARY KEY)")
    place.write("""
        name: things
        from: {database: old, query: "SELECT no FROM nowhere", key: no, captured_from: {nowhere: no}}
        to: {database: new, table: things, key: id}
        columns: {id: no}
    """)
    with pytest.raises(DatabaseError, match="nowhere"):
        place.wanted()


SCRIPT = """
from neighbour import TWO

def grade(points, name):
    return f"{name}{points * TWO}" if points else None

def broken(points):
    secret = "hunter2"
    raise KeyError(secret)
"""
SCRIPTED = """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns:
      id: id
      grade: {python: "my_mappings:FUNCTION", needs: [NEEDS]}
      last: name
"""


@pytest.fixture
def scripted(place):
    place.run("old", "CREATE TABLE thing (id INTEGER PRIMARY KEY, points INTEGER, name VARCHAR(9))")
    place.run("old", "INSERT INTO thing VALUES (1, 4, 'a'), (2, 0, 'b')")
    place.run("new", "CREATE TABLE things (id INTEGER PRIMARY KEY, grade VARCHAR(9), last VARCHAR(9))")
    (place.folder / "neighbour.py").write_text("TWO = 2\n")
    (place.folder / "my_mappings.py").write_text(SCRIPT)
    return place


def test_a_function_beside_the_file_is_given_the_columns_it_needs(scripted):
    scripted.write(SCRIPTED.replace("FUNCTION", "grade").replace("NEEDS", "points, name"))
    assert scripted.wanted() == {(1,): (1, "a8", "a"), (2,): (2, None, "b")}


def test_a_function_that_fails_makes_its_row_a_misfit_without_showing_values(scripted):
    scripted.write(SCRIPTED.replace("FUNCTION", "broken").replace("NEEDS", "points"))
    found = scripted.wanted()[(1,)]
    assert (found.column, found.reason) == ("grade", "my_mappings:broken raised KeyError (my_mappings.py, line 9)")
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("function", "needs", "expected"),
    [
        (
            "grade",
            "points",
            "my_mappings:grade cannot be called with the 1 columns of `needs`: missing a required argument: 'name'",
        ),
        ("graed", "points", "my_mappings has no function graed"),
        ("TWO", "points", "my_mappings has no function TWO"),
    ],
)
def test_a_function_that_cannot_be_called_is_refused_before_anything_runs(scripted, function, needs, expected):
    scripted.write(SCRIPTED.replace("FUNCTION", function).replace("NEEDS", needs))
    with pytest.raises(ConfigError, match=expected):
        scripted.wanted()


def test_a_module_that_is_not_there_is_named(scripted):
    scripted.write(SCRIPTED.replace("my_mappings:FUNCTION", "mine.all:f").replace("NEEDS", "points"))
    with pytest.raises(ConfigError, match=r"columns.grade.python: mine.all cannot be loaded: there is no all.py beside"):
        scripted.wanted()


def test_names_with_spaces_capitals_quotes_and_reserved_words(place, dialect):
    name, key, value = (quoted(dialect, each) for each in ("Order Details", "select", "it's % :a"))
    place.run("old", f"CREATE TABLE {name} ({key} INTEGER PRIMARY KEY, {value} VARCHAR(9))")
    place.run("old", f"INSERT INTO {name} VALUES (2, 'b'), (1, 'a')")
    place.run("new", "CREATE TABLE things (id INTEGER PRIMARY KEY, value VARCHAR(9))")
    place.write("""
        name: things
        from: {database: old, table: Order Details, key: select}
        to: {database: new, table: things, key: id}
        columns: {id: select, value: "it's % :a"}
    """)
    assert place.wanted() == {(1,): (1, "a"), (2,): (2, "b")}


TEXTS = [
    "",
    " ",
    "a",
    "A",
    "a ",
    "a\t",
    "ab",
    "a-b",
    "aa",
    "é",
    "e\u0301",
    "É",
    "ß",
    "ss",
    "Z",
    "z",
    "0",
    "10",
    "9",
    "中",
    "🚲",
    "\uffee",
    "\\",
    "'",
]


@pytest.mark.parametrize("collation", ["default", "loose", "code point"])
def test_text_keys_sort_by_code_point_and_are_found_exactly(place, dialect, collation):
    declared = {
        ("sqlite", "loose"): "VARCHAR(20) COLLATE NOCASE",
        ("postgresql", "loose"): 'VARCHAR(20) COLLATE "en-x-icu"',
        ("postgresql", "code point"): 'VARCHAR(20) COLLATE "C"',
        ("mariadb", "loose"): "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        ("mariadb", "code point"): "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
    }.get((dialect, collation), "VARCHAR(20)")
    place.run("old", f"CREATE TABLE thing (code {declared}, n INTEGER)", "CREATE INDEX by_code ON thing (code)")
    place.run("new", f"CREATE TABLE things (code {declared})")
    place.write(CODED)
    with place.pair() as pair:
        with pair.source.database.writing() as connection:
            connection.execute(text("INSERT INTO thing VALUES (:code, 1)"), [{"code": each} for each in TEXTS])
        ordered = sorted((each,) for each in TEXTS)
        assert pair.source.keys(Chunk()) == ordered
        assert pair.source.keys(Chunk(("A",), ("a\t",))) == [key for key in ordered if ("A",) <= key < ("a\t",)]
        with pair.source.database.reading() as connection:
            for key in ordered:
                assert [found for found, _ in pair.source.rows(connection, [key, ("nobody",)])] == [key]
            assert [found for found, _ in pair.source.rows(connection, ordered)] == ordered


def test_text_keys_of_a_legacy_character_set(place, dialect):
    if dialect != "mariadb":
        pytest.skip("only MariaDB has several character sets in one database")
    place.run("old", "CREATE TABLE thing (code VARCHAR(20) CHARACTER SET latin1 PRIMARY KEY)")
    place.run("old", "INSERT INTO thing VALUES ('a'), ('é'), ('Z'), ('\N{EURO SIGN}')")
    place.run("new", "CREATE TABLE things (code VARCHAR(20) PRIMARY KEY)")
    place.write(CODED)
    with place.pair() as pair:
        assert pair.source.keys(Chunk()) == [("Z",), ("a",), ("é",), ("€",)]
        with pair.source.database.reading() as connection:
            assert [key for key, _ in pair.source.rows(connection, [("é",), ("a",), ("🚲",)])] == [("a",), ("é",)]


UUIDS = ["00000000-0000-4000-8000-ffffffffffff", "123e4567-e89b-12d3-a456-426614174000", "a0000000-0000-4000-8000-ffffffffffff"]
LAST = "ffffffff-0000-1000-8000-000000000000"  # MariaDB's own order of uuids begins with the last digits
KEYS = {
    "uuid": ("UUID", [*UUIDS, LAST]),
    "date": ("DATE", ["0999-12-31", "1999-01-02", "2024-02-29"]),
    "whole decimal": ("DECIMAL(20, 0)", [-5, 0, 7, 10**17]),
    "integer": ("BIGINT", [-(2**63), -1, 0, 3, 2**63 - 1]),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys_of_other_kinds_sort_and_are_found(place, dialect, name):
    declared, values = KEYS[name]
    declared = "CHAR(36)" if (dialect, declared) == ("sqlite", "UUID") else declared
    if (dialect, name) == ("sqlite", "whole decimal"):
        values = [-5, 0, 7, 10**14]  # it keeps decimals as floats
    place.run("old", f"CREATE TABLE thing (k {declared} PRIMARY KEY)")
    place.run("new", f"CREATE TABLE things (k {declared} PRIMARY KEY)")
    place.run("old", *(f"INSERT INTO thing VALUES ('{value}')" for value in reversed(values)))
    place.write("""
        name: things
        from: {database: old, table: thing, key: k}
        to: {database: new, table: things, key: k}
        columns: {k: k}
    """)
    with place.pair() as pair:
        keys = [pair.source.parse_key([value]) for value in values]
        assert pair.source.keys(Chunk()) == sorted(keys)
        for index, low in enumerate(keys):
            assert pair.source.keys(Chunk(low)) == keys[index:]
            assert pair.source.keys(Chunk(None, low)) == keys[:index]
        with pair.source.database.reading() as connection:
            assert [key for key, _ in pair.source.rows(connection, keys[1:])] == keys[1:]


@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_a_uuid_that_the_old_side_keeps_as_text(place):
    place.run("old", "CREATE TABLE thing (k CHAR(36) PRIMARY KEY)", f"INSERT INTO thing VALUES ('{UUIDS[1]}')")
    place.run("new", "CREATE TABLE things (k UUID PRIMARY KEY)", f"INSERT INTO things VALUES ('{UUIDS[1]}')")
    place.write("""
        name: things
        from: {database: old, table: thing, key: k}
        to: {database: new, table: things, key: k}
        columns: {k: k}
        back: {columns: {k: k}}
    """)
    for opened in (opened_pair, opened_back_pair):
        with place.pair(opened) as pair:
            (key,) = pair.source.keys(Chunk())
            assert pair.target.keys(Chunk(key)) == [key]
            with pair.target.database.reading() as connection:
                assert [found for found, _ in pair.target.rows(connection, [key])] == [key]
    place.run("old", f"INSERT INTO thing VALUES ('{UUIDS[2].upper()}')")
    with place.pair() as pair, pytest.raises(Refusal, match="is not the one way to write a UUID there"):
        pair.source.keys(Chunk())


def test_composite_keys_are_found_by_index_in_any_order(place, dialect):
    table = "(a INTEGER, b VARCHAR(9), c INTEGER, PRIMARY KEY (a, b))"
    place.run(
        "old", f"CREATE TABLE thing {table}", "INSERT INTO thing VALUES (1, 'x', 1), (1, 'y', 2), (2, 'x', 3), (-1, 'z', 4)"
    )
    place.run("new", f"CREATE TABLE things {table}")
    place.write("""
        name: things
        from: {database: old, table: thing, key: [a, b]}
        to: {database: new, table: things, key: [a, b]}
        columns: {a: a, b: b, c: c}
    """)
    with place.pair() as pair, pair.source.database.reading() as connection:
        wanted = [(2, "x"), (1, "y"), (1, "nobody"), (-1, "z")]
        assert [key for key, _ in pair.source.rows(connection, wanted)] == [(-1, "z"), (1, "y"), (2, "x")]
        assert list(pair.source.rows(connection, [])) == []


def test_a_key_that_a_column_cannot_hold_is_nobodys(place, dialect):
    place.run("old", "CREATE TABLE thing (k SMALLINT PRIMARY KEY)", "INSERT INTO thing VALUES (5)")
    place.run("new", "CREATE TABLE things (k BIGINT PRIMARY KEY)")
    place.write("""
        name: things
        from: {database: old, table: thing, key: k}
        to: {database: new, table: things, key: k}
        columns: {k: k}
    """)
    with place.pair() as pair, pair.source.database.reading() as connection:
        assert [key for key, _ in pair.source.rows(connection, [(5,), (2**40,)])] == [(5,)]
        assert pair.source.keys(Chunk((2,), (2**40,))) == [(5,)]


@pytest.mark.parametrize(
    ("words", "key"),
    [("[7]", (7,)), ("[ 7 ]", (7,)), ('["7"]', (7,)), ("[9007199254740993]", (9007199254740993,)), ("[7.0]", (7,))],
)
def test_a_key_is_read_from_any_spelling_of_its_json(numbered, words, key):
    with opened_pair(numbered.plan, "things") as pair:
        assert pair.source.parse_key_text(words) == key


@pytest.mark.parametrize("words", ["7", "[", "[]", "[7, 8]", "[null]", "[7.5]", '{"a": 1}', '["x"]'])
def test_what_is_no_key_is_refused(numbered, words):
    with opened_pair(numbered.plan, "things") as pair, pytest.raises(UsageError):
        pair.source.parse_key_text(words)


HOME = """
    name: things
    from: {database: old, table: customer, key: no, where: "deleted = 0"}
    to: {database: new, table: customers, key: id}
    columns:
      id: no
      name: {sql: "lower(name)"}
      euros: {sql: "(cents - cents % 100) / 100"}
    back:
      columns: {name: name, cents: {sql: "euros * 100"}}
      defaults: {deleted: 0, branch: 7}
      delete: {set: {deleted: 1, gone: "2024-01-02"}}
"""


@pytest.fixture
def home(place):
    """Names lose their capitals on the way out, and amounts their cents."""
    place.run(
        "old",
        "CREATE TABLE customer (no INTEGER PRIMARY KEY, name VARCHAR(9), cents INTEGER, branch INTEGER NOT NULL, "
        "deleted INTEGER NOT NULL, gone DATE)",
    )
    place.run(
        "old", "INSERT INTO customer VALUES (1, 'Ann', 199, 1, 0, NULL), (2, 'Bob', 250, 1, 0, NULL), (3, 'Cy', 5, 1, 1, NULL)"
    )
    place.run("new", "CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(9), euros INTEGER)")
    place.run("new", "INSERT INTO customers VALUES (1, 'ann', 1), (2, 'rob', 2), (3, 'cy', 0), (4, 'eve', 3)")
    place.write(HOME)
    return place


def test_the_way_back_reads_the_new_side_and_leaves_alone_what_the_way_out_still_gives(home):
    with home.pair(opened_back_pair) as pair:
        assert (str(pair.source), str(pair.target)) == ("new.customers", "old.customer")
        assert list(pair.mapping.columns) == ["no", "name", "cents"]
        rows = dict(pair.wanted(every(pair.source), Counter()))
        assert rows[(4,)].values == (4, "eve", 300)
        with pair.source.database.reading() as new, pair.target.database.writing() as old:
            kept = pair.kept(new, old, [(1,), (2,), (3,), (4,)])
        assert kept == {(1,): {"no", "name", "cents"}, (2,): {"no", "cents"}}


def test_the_way_back_knows_what_rows_are_born_with_and_what_a_deletion_sets(home, dialect):
    with home.pair(opened_back_pair) as pair:
        assert pair.back.defaults == {"deleted": 0, "branch": 7}
        assert pair.back.revival == {"deleted": 0}
        assert pair.back.deletion["deleted"] == 1
        assert str(pair.back.deletion["gone"]) == "2024-01-02"
        assert isinstance(pair.back.deletion["gone"], str) is (dialect == "sqlite")


def test_a_mapping_without_a_way_back_has_no_pair_for_it(home):
    home.write(HOME[: HOME.index("    back:")])
    with pytest.raises(Refusal, match="things has no way back: write `back`"), home.pair(opened_back_pair):
        pass


def test_a_way_back_that_cannot_work_is_refused_before_anything_is_written(home):
    home.write(HOME.replace("defaults: {deleted: 0, branch: 7}", "defaults: {deleted: 0}"))
    expected = r"mappings\[0\].back.columns: customer.branch is NOT NULL without a default"
    with pytest.raises(ConfigError, match=expected), home.pair(opened_back_pair):
        pass
    with home.pair() as pair:
        assert pair.back is None
