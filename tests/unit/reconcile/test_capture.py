"""What the triggers write, for everything that an application can do to a table, on each dialect."""

import threading

import pytest
from sqlalchemy import text

from reconcile.capturing.heartbeat import beat
from reconcile.capturing.origin import mark
from tests.unit.reconcile.capture_world import World, mapping

CUSTOMER = mapping("customer", "customer", "no")
LINE = mapping("line", "Order Line", "Order", "line no")
TAG = mapping("tag", "tag", "name")

TABLES = (
    "CREATE TABLE customer (no bigint PRIMARY KEY, email {text} UNIQUE, points integer)",
    'CREATE TABLE "Order Line" ("Order" integer, "line no" integer, "select" integer, PRIMARY KEY ("Order", "line no"))',
    "CREATE TABLE tag (name {text} PRIMARY KEY, n integer)",
)


@pytest.fixture
def world(fresh, dialect):
    found = World(dialect, fresh(dialect), fresh("sqlite"), (CUSTOMER, LINE, TAG))
    found.run(*TABLES)
    found.install()
    yield found
    found.close()


def test_an_insert_an_update_and_a_delete_each_write_the_key(world):
    world.run("INSERT INTO customer VALUES (7, 'a', 1)", "UPDATE customer SET points = 2", "DELETE FROM customer WHERE no = 7")
    assert world.take() == [("I", 7, None), ("U", 7, None), ("D", 7, None)]


def test_a_row_of_the_outbox_says_which_feed_and_when(world):
    world.run("INSERT INTO customer VALUES (7, 'a', 1)")
    [row] = world.outbox()
    assert (row.feed, row.origin) == ("customer:no", "")
    assert 1_700_000_000_000_000 < row.at < 5_000_000_000_000_000


def test_every_row_of_a_statement_is_captured_once(world):
    world.run("INSERT INTO customer VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1)", "UPDATE customer SET points = 9 WHERE no > 1")
    world.run("DELETE FROM customer WHERE no <> 2")
    assert sorted(world.take()) == [
        *[("D", 1, None), ("D", 3, None)],
        *[("I", 1, None), ("I", 2, None), ("I", 3, None)],
        *[("U", 2, None), ("U", 3, None)],
    ]


def test_a_statement_that_touches_no_row_writes_nothing(world):
    world.run("UPDATE customer SET points = 9", "DELETE FROM customer", "INSERT INTO customer SELECT * FROM customer")
    assert world.take() == []


def test_a_key_that_changes_is_written_with_the_old_one(world):
    world.run("INSERT INTO customer VALUES (1, 'a', 1), (2, 'b', 1)")
    world.take()
    world.run("UPDATE customer SET no = 5 WHERE no = 1")
    assert ("U", 5, 1) in world.take()
    world.run("UPDATE customer SET no = no + 10, points = 0")
    found = world.take()
    assert {("U", 15, 5), ("U", 12, 2)} <= set(found)
    assert {row[1] for row in found} == {15, 12}


@pytest.mark.parametrize("column", ['"Order"', '"line no"'])
def test_a_key_of_two_parts_is_written_whole_and_in_order(world, column):
    world.run('INSERT INTO "Order Line" VALUES (5, 1, 0)')
    assert world.take() == [("I", (5, 1), None)]
    world.run(f'UPDATE "Order Line" SET {column} = 9')
    expected = (9, 1) if column == '"Order"' else (5, 9)
    assert ("U", expected, (5, 1)) in world.take()


def test_a_key_that_only_changes_its_case_has_changed(world):
    world.run("INSERT INTO tag VALUES ('a', 1)", "UPDATE tag SET name = 'A'")
    assert ("U", "A", "a") in world.take()


def test_a_whole_number_is_exact(world):
    for number in (0, -1, 2**53 + 1, 2**63 - 1, -(2**63)):
        world.bind("INSERT INTO customer VALUES (:no, NULL, 1)", {"no": number})
        assert world.take() == [("I", number, None)]


WORDS = [
    "",
    " ",
    "it's",
    'say "x"',
    "back\\slash",
    "\\",
    "%s %(a)s :b ${c} {}",
    "é",
    "e\u0301",
    "𝄞😀",
    "a\tb\nc\r",
    "\x01\x1f\x7f",
    "null",
    "[1]",
    "ß",
]


def test_a_text_is_read_back_as_it_was(world):
    for word in WORDS:
        world.bind("INSERT INTO tag VALUES (:name, 1)", {"name": word})
        world.run("UPDATE tag SET n = 2", "DELETE FROM tag")
        assert world.take() == [("I", word, None), ("U", word, None), ("D", word, None)]


def test_what_is_rolled_back_was_never_captured(world):
    with world.engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("INSERT INTO customer VALUES (7, 'a', 1)")
        connection.exec_driver_sql("ROLLBACK")
    assert world.take() == []


def test_a_statement_that_fails_leaves_nothing(world):
    world.run("INSERT INTO customer VALUES (7, 'a', 1)")
    world.take()
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        world.run("INSERT INTO customer VALUES (8, 'b', 1), (7, 'c', 1)")
    assert world.take() == []


UPSERTS = {
    "sqlite": "INSERT INTO customer VALUES (7, 'b', 2), (8, 'c', 2) ON CONFLICT (no) DO UPDATE SET email = excluded.email",
    "postgresql": "INSERT INTO customer VALUES (7, 'b', 2), (8, 'c', 2) ON CONFLICT (no) DO UPDATE SET email = excluded.email",
    "mariadb": "INSERT INTO customer VALUES (7, 'b', 2), (8, 'c', 2) ON DUPLICATE KEY UPDATE email = VALUES(email)",
}


def test_an_upsert_writes_both_the_new_and_the_changed(world):
    world.run("INSERT INTO customer VALUES (7, 'a', 1)")
    world.take()
    world.run(UPSERTS[world.dialect])
    assert sorted(world.take()) == [("I", 8, None), ("U", 7, None)]


@pytest.mark.parametrize(
    "row", ["(7, 'new', 2)", "(9, 'a', 2)", "(7, 'b', 2)"], ids=["same key", "same email", "key of one, email of another"]
)
def test_replace_writes_the_rows_that_it_deletes(world, row):
    if world.dialect == "postgresql":
        pytest.skip("PostgreSQL has no REPLACE")
    world.run("INSERT INTO customer VALUES (7, 'a', 1), (8, 'b', 1)")
    world.take()
    with world.engine.connect() as connection:
        before = {found[0] for found in connection.exec_driver_sql("SELECT no FROM customer")}
        connection.exec_driver_sql(f"REPLACE INTO customer VALUES {row}")
        after = {found[0] for found in connection.exec_driver_sql("SELECT no FROM customer")}
    assert world.keys() >= (before - after) | {int(row[1])}


def test_an_update_that_replaces_writes_the_row_that_it_deletes(world):
    if world.dialect != "sqlite":
        pytest.skip("only SQLite has UPDATE OR REPLACE")
    world.run("INSERT INTO customer VALUES (7, 'a', 1), (8, 'b', 1)")
    world.take()
    world.run("UPDATE OR REPLACE customer SET email = 'a' WHERE no = 8")
    assert world.keys() == {7, 8}


JOINS = {
    "sqlite": "UPDATE customer SET points = tag.n FROM tag WHERE tag.name = customer.email",
    "postgresql": "UPDATE customer SET points = tag.n FROM tag WHERE tag.name = customer.email",
    "mariadb": "UPDATE customer JOIN tag ON tag.name = customer.email SET customer.points = tag.n, tag.n = tag.n + 1",
}


def test_an_update_by_a_join_writes_every_row_that_it_changed(world):
    world.run("INSERT INTO customer VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1)", "INSERT INTO tag VALUES ('a', 8), ('b', 9)")
    world.take()
    world.run(JOINS[world.dialect])
    assert world.keys() - {"a", "b"} == {1, 2}


def test_writers_at_once_lose_nothing(world):
    def write(start: int) -> None:
        for number in range(start, start + 25):
            world.bind("INSERT INTO customer VALUES (:no, :email, 1)", {"no": number, "email": str(number)})

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(world.take()) == [("I", start + number, None) for start in (0, 100, 200) for number in range(25)]


def test_our_own_writes_carry_their_origin_and_the_next_ones_do_not(world):
    with world.old() as database:
        for origin in ("relay", ""):
            with database.writing() as connection:
                if origin:
                    mark(connection, world.dialect, origin)
                connection.execute(text("INSERT INTO customer VALUES (:no, :origin, 1)"), {"no": len(origin), "origin": origin})
    world.run("INSERT INTO customer VALUES (9, 'x', 1)")
    assert [row.origin for row in world.outbox()] == ["relay", "", ""]


def test_a_beat_goes_through_its_own_trigger(world):
    with world.old() as database:
        assert [beat(database), beat(database)] == [1, 2]
    assert [(row.feed, row.key, row.operation) for row in world.outbox()] == [
        ("strangler_heartbeat:name", '["capture"]', "H")
    ] * 2


def test_ids_of_the_outbox_are_never_used_twice(world):
    world.run("INSERT INTO customer VALUES (1, 'a', 1)")
    [first] = world.outbox()
    world.run("DELETE FROM strangler_outbox", "INSERT INTO customer VALUES (2, 'b', 1)")
    [second] = world.outbox()
    assert second.id > first.id


KEYS = {
    "sqlite": [
        ("blob", "x'00ff'", "00FF"),
        ("text", "'5'", "5"),
        ("", "5", 5),
        ("real", "5", 5.0),
        ("date", "'2024-02-29'", "2024-02-29"),
    ],
    "postgresql": [
        ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("date", "'2024-02-29'", "2024-02-29"),
        ("numeric(30,2)", "12345678901234567890.10", "12345678901234567890.10"),
        ("char(3)", "'a'", "a  "),
        ("timestamp", "'2024-02-29 01:02:03.000004'", "2024-02-29T01:02:03.000004"),
    ],
    "mariadb": [
        ("binary(2)", "x'00ff'", "00FF"),
        ("date", "'2024-02-29'", "2024-02-29"),
        ("decimal(30,2)", "12345678901234567890.10", "12345678901234567890.10"),
        ("bigint unsigned", "18446744073709551615", 18446744073709551615),
        ("varchar(9) CHARACTER SET latin1", "'\u00e9'", "\u00e9"),
        ("datetime(6)", "'2024-02-29 01:02:03.000004'", "2024-02-29 01:02:03.000004"),
        ("timestamp", "'2024-02-29 01:02:03'", "2024-02-29 01:02:03.000000"),
        ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("enum('x','y')", "'y'", "y"),
        ("bit(3)", "b'101'", 5),
    ],
}


@pytest.mark.parametrize(("dialect", "kind", "value", "key"), [(name, *case) for name, cases in KEYS.items() for case in cases])
def test_keys_of_other_types(fresh, dialect, kind, value, key):
    world = World(dialect, fresh(dialect), fresh("sqlite"), (mapping("odd", "odd", "k"),))
    world.run(f"CREATE TABLE odd (k {kind} PRIMARY KEY, n integer)")
    world.install()
    with world.engine.connect() as connection:
        if dialect == "mariadb":
            connection.exec_driver_sql("SET time_zone = '+00:00'")
        connection.exec_driver_sql(f"INSERT INTO odd VALUES ({value}, 1)")
        if dialect == "mariadb":
            connection.exec_driver_sql("SET time_zone = '+05:00', sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH'")
        connection.exec_driver_sql("UPDATE odd SET n = 2")
    assert world.take() == [("I", key, None), ("U", key, None)]
    world.close()
