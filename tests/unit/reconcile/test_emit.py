"""Events of tables whose code nobody touches: what triggers keep of each change, and what the mapping makes of it."""

import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine

from reconcile.capturing import install, sqlite, state
from reconcile.capturing.captured import Captured
from reconcile.capturing.feed import Feed
from reconcile.capturing.origin import mark
from reconcile.capturing.tables import EMITTED
from reconcile.databases.database import opened
from reconcile.databases.pair import paired
from reconcile.emitting.emissions import Emissions, databases
from reconcile.emitting.evaluating import evaluate
from reconcile.emitting.ferry import Everywhere, Ferry, emissions
from reconcile.emitting.image import literal_value, parse
from reconcile.emitting.taking import UNMAPPED, Unmappable
from reconcile.mapping.model import Column, Database, Mapping, Plan, Source, Target
from reconcile.outbox import letters, rounds
from reconcile.outbox.init import init
from reconcile.outbox.model import Outbox, Route
from reconcile.outbox.relay import OutboxRelay
from reconcile.outbox.status import status
from reconcile.owning.ownership import set_owner
from reconcile.sinks.memory import MemorySink
from reconcile.sinks.settings import Custom
from tests.unit.reconcile.capture_world import World
from tests.unit.reconcile.outbox_world import driver

COLUMNS = {
    "id": Column("no"),
    "email": Column(sql="lower(customer.email)"),
    "status": Column("st", values={"A": "active", "I": "inactive"}),
    "points": Column("points"),
}
CUSTOMER = Mapping(
    *("customers", Source("old", ("no",), "customer", where="gone = 0"), Target("new", "customers", ("id",)), COLUMNS),
    emit="customer",
)
OLD = "CREATE TABLE customer (no bigint PRIMARY KEY, email {text} UNIQUE, st varchar(9), points decimal(9,2), gone int, o {text})"
NEW = "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT, status TEXT, points DECIMAL(9,2))"
ADA = {"id": 7, "email": "ada@x", "status": "active", "points": "1.50"}


class Emitting(World):
    """A captured legacy database that emits."""

    def take(self, rows=100, size=10**6, database="old"):
        with opened(self.plan.databases, database) as (found,), found.writing() as connection:
            return Emissions(self.plan, database).take(connection, rows, size)

    def events(self, **how):
        return [(event.type, event.key, json.loads(event.payload)) for event in self.take(**how)]

    def again(self, payload):
        with self.old() as database, database.reading() as connection:
            return Emissions(self.plan, "old").again(connection, payload)

    def modern(self, *statements):
        engine = create_engine(driver(self.plan.databases["new"].url), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()


@pytest.fixture
def world(fresh, dialect):
    found = Emitting(dialect, fresh(dialect), fresh("sqlite"), (CUSTOMER,))
    found.run(OLD)
    found.modern(NEW)
    found.install()
    yield found
    found.close()


def insert(no=7, email="Ada@X", st="A", points="1.50", gone=0):
    return f"INSERT INTO customer VALUES ({no}, '{email}', '{st}', {points}, {gone}, 'o')"


def test_what_comes_changes_and_goes_is_told_in_the_new_schemas_words(world):
    world.run(insert(), "UPDATE customer SET points = 2", "DELETE FROM customer")
    changed = ADA | {"points": "2.00"}
    assert world.events() == [
        ("customer.created", "customer/7", {"before": None, "after": ADA}),
        ("customer.updated", "customer/7", {"before": ADA, "after": changed}),
        ("customer.deleted", "customer/7", {"before": changed, "after": None}),
    ]
    assert world.events() == []


def test_every_event_has_a_name_of_its_own_and_the_moment_of_its_change(world):
    world.run(insert(), "UPDATE customer SET no = 8")
    found = world.take()
    assert len({event.id for event in found}) == 3
    assert all(1_700_000_000_000_000 < event.at < 5_000_000_000_000_000 for event in found)


def test_a_row_is_there_as_long_as_where_says_so(world):
    world.run(insert(gone=1), "UPDATE customer SET points = 3", "UPDATE customer SET gone = 0", "UPDATE customer SET gone = 1")
    assert [event[0] for event in world.events()] == ["customer.created", "customer.deleted"]


def test_a_change_of_nothing_that_is_mapped_is_no_event(world):
    world.run(insert(), "UPDATE customer SET o = 'p'", "UPDATE customer SET email = 'ADA@x'")
    assert [event[0] for event in world.events()] == ["customer.created"]


def test_a_key_that_changes_goes_and_comes(world):
    world.run(insert(), "UPDATE customer SET no = 8")
    assert [event[:2] for event in world.events()[1:]] == [("customer.deleted", "customer/7"), ("customer.created", "customer/8")]


def test_what_is_taken_back_or_written_by_the_toolkit_is_no_event(world):
    with world.engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        connection.exec_driver_sql(insert())
        connection.rollback()
    with world.old() as database, database.writing() as connection:
        mark(connection, world.dialect, "relay")
        connection.exec_driver_sql(insert())
    assert world.events() == []
    world.run("UPDATE customer SET points = 2")
    assert [event[0] for event in world.events()] == ["customer.updated"]


def test_the_kill_switch_stops_events_too(world):
    install.pause(world.plan)
    world.run(insert())
    install.resume(world.plan)
    world.run("UPDATE customer SET points = 2")
    assert [event[0] for event in world.events()] == ["customer.updated"]


def test_only_so_many_rows_and_bytes_are_taken_at_once(world):
    world.run(*(insert(no, f"e{no}") for no in range(5)))
    assert [len(world.take(rows=2)), len(world.take(size=1)), len(world.take(rows=9))] == [2, 1, 2]


def test_what_is_not_taken_for_good_is_there_again(world):
    world.run(insert())
    with world.old() as database:
        emissions = Emissions(world.plan, "old")
        with pytest.raises(ZeroDivisionError), database.writing() as connection:
            raise ZeroDivisionError(emissions.take(connection, 9, 9))
        with database.reading() as connection:
            assert emissions.waiting(connection)
    assert len(world.take()) == 1
    with world.old() as database, database.reading() as connection:
        assert not emissions.waiting(connection)


def test_what_cannot_be_mapped_is_told_why_and_is_an_event_once_it_can(world):
    world.run(insert(), insert(8, "b", st="?"), insert(9, "c"))
    good, bad, other = world.take()
    assert [each.content_type == UNMAPPED for each in (good, bad, other)] == [False, True, False]
    assert (bad.type, bad.key) == ("customer.created", "customer/8")
    assert world.again(bad.payload) == Unmappable("status: is not in the map: add it, or correct the row")
    world.plan = _with(world.plan, status=Column("st"))
    found = world.again(bad.payload)
    assert (found.type, found.id, json.loads(found.payload)["after"]["status"]) == ("customer.created", bad.id, "?")


def test_an_expression_that_fails_for_one_row_fails_for_that_row_only(world):
    failing = {
        "sqlite": "json_extract(email, '$.a')",
        "postgresql": "CAST(email AS json) ->> 'a'",
        "mariadb": "CASE WHEN email = 'no' THEN (SELECT 1 UNION SELECT 2) ELSE 1 END",
    }[world.dialect]
    world.plan = _with(world.plan, email=Column(sql=failing))
    world.run(insert(1, "{}"), insert(2, "no"), insert(3, "[]"))
    found = world.take()
    assert [each.content_type == UNMAPPED for each in found] == [False, True, False]
    assert isinstance(world.again(found[1].payload), Unmappable)


def test_a_mapping_that_does_not_fit_is_held_and_keeps_nobody_else_from_its_events(world):
    misfit = replace(CUSTOMER, name="misfit", emit="odd", columns=dict(CUSTOMER.columns) | {"email": Column("mail")})
    alone = replace(world.plan, mappings=(misfit,))
    world.run(insert())
    now = [0.0]
    with world.old() as database:
        emissions = Emissions(alone, "old", clock=lambda: now[0])
        with database.writing() as connection:
            assert emissions.waiting(connection)
            assert emissions.take(connection, 9, 9) == []
            assert "'mail' is not a column of customer" in emissions.held["misfit"]
            assert not emissions.waiting(connection)
            emissions.plan, now[0] = replace(alone, mappings=(replace(CUSTOMER, name="misfit"),)), 11.0
            assert [event.type for event in emissions.take(connection, 9, 9)] == ["customer.created"]
            assert emissions.held == {}


def test_where_nothing_was_ever_captured_nothing_waits(fresh, dialect):
    plan = Plan({"old": Database(fresh(dialect))}, (CUSTOMER,))
    with opened(plan.databases, "old") as (database,), database.reading() as connection:
        assert not Emissions(plan, "old").waiting(connection)


def _with(plan, **columns):
    mapping = replace(plan.mappings[0], columns=dict(plan.mappings[0].columns) | columns)
    return replace(plan, mappings=(mapping,))


def test_triggers_that_were_tampered_with_are_noticed_and_taken_out_whole(world):
    name = f"{install.feeds(CUSTOMER)[0].name}"
    with world.old() as database, database.reading() as connection:
        found = state.read(connection, world.dialect, [name])[name]
    assert found.state == state.INSTALLED
    emitting = next(each for each in found.found if "emitted" in each.body)
    world.run(f'DROP TRIGGER "{emitting.name}"' + (f" ON {emitting.table}" if world.dialect == "postgresql" else ""))
    with world.old() as database, database.reading() as connection:
        assert state.read(connection, world.dialect, [name])[name].state == state.CHANGED
    world.install()
    world.run(insert())
    assert len(world.take()) == 1
    install.remove(world.plan, discard=True, patience=world.patience)
    with world.old() as database, database.reading() as connection:
        assert state.read(connection, world.dialect, [name])[name].found == ()


def test_what_was_not_taken_yet_outlives_the_capture_that_kept_it(world):
    world.run(insert(), "DELETE FROM strangler_outbox")
    install.remove(world.plan, patience=world.patience)
    assert [event[0] for event in world.events()] == ["customer.created"]


def test_a_mapping_that_begins_to_emit_has_its_triggers_made_anew(fresh, dialect):
    quiet = replace(CUSTOMER, emit=None)
    world = Emitting(dialect, fresh(dialect), fresh("sqlite"), (quiet,))
    world.run(OLD)
    world.modern(NEW)
    world.install()
    world.run(insert(1, "a"))
    world.plan = replace(world.plan, mappings=(replace(quiet, name="other"), CUSTOMER))
    world.install("other")  # shares the feed
    world.run(insert(2, "b"))
    assert [event[1] for event in world.events()] == ["customer/2"]
    assert databases(world.plan) == ("old", "new")
    world.close()


def test_a_column_that_is_dropped_makes_no_writer_fail(world):
    if world.dialect == "sqlite":
        return  # which refuses to drop a column that a trigger names
    world.run("ALTER TABLE customer DROP COLUMN o", "INSERT INTO customer VALUES (1, 'a', 'A', 1, 0)")
    [event] = world.take()
    assert event.key == "customer/1"
    assert (event.content_type == UNMAPPED) == (world.dialect == "mariadb")


def test_a_row_that_is_too_large_to_be_kept_makes_no_writer_fail(fresh):
    """MariaDB gives up at `max_allowed_packet`."""
    world = Emitting("mariadb", fresh("mariadb"), fresh("sqlite"), (CUSTOMER,))
    world.run(OLD.replace("o {text}", "o longblob"))
    world.modern(NEW)
    world.install()
    world.run("INSERT INTO customer SELECT 1, 'a', 'A', 1, 0, repeat('x', @@max_allowed_packet - 1000)")
    [event] = world.take()
    assert "too large" in world.again(event.payload).why
    world.close()


def test_while_the_new_side_owns_its_rows_are_told_as_they_are(fresh, dialect):
    world = Emitting(dialect, fresh(dialect), fresh("sqlite"), (CUSTOMER,))
    world.run(OLD)
    world.modern(NEW)
    world.install()
    world.install(side="new")
    world.modern("INSERT INTO customers VALUES (1, 'rogue', 'active', 1)")
    assert world.events(database="new") == []
    world.run(insert(2, "before the cutover"))
    set_owner(world.plan, "customers", "new")
    world.run(insert(3, "rogue"))
    world.modern("INSERT INTO customers VALUES (4, 'Told@X', 'odd', 2.5)")
    assert [event[1] for event in world.events()] == ["customer/2"]
    after = {"id": 4, "email": "Told@X", "status": "odd", "points": "2.50"}
    assert world.events(database="new") == [("customer.created", "customer/4", {"before": None, "after": after})]
    world.close()


@pytest.fixture
def lite(fresh):
    found = Emitting("sqlite", fresh("sqlite"), fresh("sqlite"), (CUSTOMER,))
    found.run(OLD)
    found.modern(NEW)
    found.install()
    found.run(insert(1, "a"), insert(2, "b"))
    found.take()
    yield found
    found.close()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("INSERT OR REPLACE INTO customer VALUES (1, 'c', 'A', 1, 0, '')", [("updated", 1)]),
        ("INSERT OR REPLACE INTO customer VALUES (3, 'a', 'A', 1, 0, '')", [("deleted", 1), ("created", 3)]),
        ("INSERT OR REPLACE INTO customer VALUES (1, 'b', 'A', 1, 0, '')", [("deleted", 2), ("updated", 1)]),
        ("UPDATE OR REPLACE customer SET email = 'b' WHERE no = 1", [("deleted", 2), ("updated", 1)]),
        ("INSERT OR IGNORE INTO customer VALUES (1, 'c', 'A', 1, 0, ''), (3, 'd', 'A', 1, 0, '')", [("created", 3)]),
        ("INSERT INTO customer VALUES (1, 'c', 'A', 1, 0, '') ON CONFLICT (no) DO UPDATE SET points = 9", [("updated", 1)]),
        ("INSERT INTO customer VALUES (3, 'a', 'A', 1, 0, '') ON CONFLICT DO NOTHING", []),
        ("UPDATE OR IGNORE customer SET email = 'b', points = 9", [("updated", 2)]),
    ],
)
def test_what_sqlite_replaces_goes_and_what_it_ignores_stays(lite, statement, told):
    lite.run(statement)
    assert [(event[0].removeprefix("customer."), event[1]) for event in lite.events()] == [
        (what, f"customer/{key}") for what, key in told
    ]


def test_sql_of_the_mapping_sees_the_tables_own_types_and_collations(fresh, dialect):
    """A text of digits is found by a number, and letters by those of another size, where the column says so."""
    text = {
        "sqlite": "TEXT COLLATE NOCASE UNIQUE",
        "postgresql": "varchar(9)",
        "mariadb": "varchar(9) COLLATE utf8mb4_general_ci",
    }
    digits, like = ("code = 7", "name = 'ADA'") if dialect != "postgresql" else ("code = '7'", "name = 'ada'")
    source = Source("old", ("no",), "thing", where=f"{digits} AND {like}")
    mapping = Mapping("things", source, Target("new", "things", ("id",)), {"id": Column("no")}, emit="thing")
    world = Emitting(dialect, fresh(dialect), fresh("sqlite"), (mapping,))
    world.run(f"CREATE TABLE thing (no integer PRIMARY KEY, code varchar(9), name {text[dialect]})")
    world.modern("CREATE TABLE things (id INTEGER PRIMARY KEY)")
    world.install()
    world.run("INSERT INTO thing VALUES (1, '7', 'ada')", "INSERT INTO thing VALUES (2, '8', 'adb')")
    assert [event.key for event in world.take()] == ["thing/1"]
    world.close()


AWKWARD = {
    "sqlite": (
        'a, b integer, c text COLLATE NOCASE, d real, e blob, f numeric, "g h\'i" text',
        [
            ("NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"),
            ("1", "9223372036854775807", "'O''Brien'", "0.1", "X'00ff27'", "12.50", "''"),
            ("'1'", "'x'", "char(97, 0, 98)", "1e300", "zeroblob(3)", "'abc'", "'ä€😀'"),
            ("1.0", "-9223372036854775807 - 1", "X'41'", "3", "'text'", "9007199254740993", "'NULL'"),
            ("X'27'", "1.5", "'{\"a\": 1}'", "9e999", "5e-324", "-0.0", "'X''00'''"),
        ],
    ),
    "postgresql": (
        "a bigint, b text, c numeric, d double precision, e bytea, f timestamptz, g timestamp, h date, i interval, j jsonb, "
        'k uuid, l boolean, m integer[], n char(5), o time, "p q" money, r real, s json',
        [
            ("NULL",) * 18,
            (
                *("9223372036854775807", "'O''Brien \\ \"x\"'", "12345678901234567890.0123456789", "0.1", r"'\x00ff'"),
                *("'2026-01-02 03:04:05.678901+02'", "'infinity'", "'0044-03-15 BC'", "'1 mon -2 days 03:04:05.6'"),
                *("""'{"n": 12345678901234567890.10, "a": [null]}'""", "'6f9619ff-8b86-d011-b42d-00cf4fc964ff'", "true"),
                *("'{1,NULL,3}'", "'ab'", "'24:00'", "'12.50'", "0.1", "'[1]'"),
            ),
            (
                *("0", "''", "'NaN'", "'-Infinity'", "''", "'-infinity'", "'9999-12-31 23:59:59.999999'", "'infinity'"),
                *("'0'", "'{}'", "NULL", "false", "'{}'", "''", "'00:00'", "NULL", "'NaN'", "'{}'"),
            ),
        ],
    ),
    "mariadb": (
        "a bigint unsigned, b text, c decimal(30,10), d double, e varbinary(20), f timestamp(6) NULL, g datetime(6), h date, "
        "i time(3), j json, k enum('x','y'), l boolean, m bit(9), n char(5), o year, `p q` varchar(9) CHARACTER SET latin1, "
        "r float, s set('u','v')",
        [
            ("NULL",) * 18,
            (
                *("18446744073709551615", "'O''Brien \\\\ \"x\" 😀'", "12345678901234567890.0123456789", "0.1", "X'00ff27'"),
                *("'2026-01-02 03:04:05.678901'", "'9999-12-31 23:59:59.999999'", "'0000-00-00'", "'-838:59:58.999'"),
                *("""'{"a": 1.10}'""", "'y'", "true", "b'100000001'", "'ab'", "2026", "'ä'", "0.1", "'u,v'"),
            ),
            (
                *("0", "''", "0", "1e300", "''", "'2026-07-01 00:00:00'", "'1000-01-01'", "'2026-01-02'", "'00:00'", "'null'"),
                *("'x'", "false", "b'0'", "''", "1901", "''", "-1e30", "''"),
            ),
        ],
    ),
}


def test_a_kept_row_is_read_as_the_row_was(fresh, dialect):
    """Whatever it holds: its values come out of the image as they come out of the table."""
    columns, rows = AWKWARD[dialect]
    mapping = Mapping(
        "things", Source("old", ("no",), "thing"), Target("new", "things", ("id",)), {"id": Column("no")}, emit="thing"
    )
    world = Emitting(dialect, fresh(dialect), fresh("sqlite"), (mapping,))
    world.run(f"CREATE TABLE thing (no integer PRIMARY KEY, {columns})")
    world.modern("CREATE TABLE things (id INTEGER PRIMARY KEY)")
    world.install()
    hostile = {  # settings of a session that must not be seen in what is kept
        "sqlite": [],
        "postgresql": ["SET datestyle = 'German'", "SET extra_float_digits = -15", "SET intervalstyle = 'sql_standard'"],
        "mariadb": ["SET time_zone = '-08:00'"],
    }[dialect]
    with world.engine.connect() as connection:
        for statement in hostile if dialect != "mariadb" else ["SET sql_mode = 'ALLOW_INVALID_DATES'"]:
            connection.exec_driver_sql(statement)
        for number, row in enumerate(rows):
            connection.exec_driver_sql(f"INSERT INTO thing VALUES ({number}, {', '.join(row)})")
    with opened(world.plan.databases, "old", "new") as (old, new), old.reading() as connection:
        pair = paired(world.plan, "things", old, new)
        side = replace(pair.source, outputs=tuple(pair.source.table.c))
        kept = connection.exec_driver_sql("SELECT new_row FROM strangler_emitted ORDER BY id").scalars().all()
        expected = [tuple(row) for row in connection.execute(pair.source.table.select().order_by("no"))]
        found = evaluate(connection, side, kept)
    assert all(isinstance(row, tuple) for row in found), found
    assert [[repr(value) for value in row] for row in found] == [[repr(value) for value in row] for row in expected]
    world.close()


VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.binary(), st.text(st.characters(codec="utf-8"))
)


@given(st.lists(VALUES, min_size=1, max_size=60))
def test_whatever_sqlite_holds_comes_out_of_an_image_as_it_was(values):
    columns = [f"c{number}" for number in range(len(values))]
    captured = Captured(Feed("t", ("c0",), True), ("",), image=tuple((name, "") for name in columns))
    rows = ", ".join(f"? AS {name}" for name in columns)
    with closing(sqlite3.connect(":memory:")) as connection:
        [(kept,)] = connection.execute(f"SELECT {sqlite.image(captured, 'r')} FROM (SELECT {rows}) AS r", values).fetchall()
    assert [repr(literal_value(each)) for each in parse(kept).values()] == [repr(each) for each in values]


def test_from_a_legacy_table_to_a_sink(world):
    """What cannot be mapped stands in the way of its own key, and is delivered once the mapping is put right."""
    route = Route("bus", Custom("memory"), start="beginning")
    world.plan = replace(world.plan, outbox=Outbox("old", sinks=(route,)))
    init(world.plan)
    world.run(insert(1, "a"), insert(2, "b", st="?"), "UPDATE customer SET points = 9")
    assert status(world.plan).waiting == 4
    sink = MemorySink()
    with pytest.raises(Enough):
        rounds.run(OutboxRelay(world.plan, open_sink=lambda *_: sink), world.plan, Event(), on_look=_until(sink, 2))
    assert [(event.type, event.key) for event in sink.delivered] == [
        ("customer.created", "customer/1"),
        ("customer.updated", "customer/1"),
    ]
    world.plan = _with(world.plan, status=Column("st"))
    letters.retry(world.plan, "bus")
    with pytest.raises(Enough):
        rounds.run(OutboxRelay(world.plan, open_sink=lambda *_: sink), world.plan, Event(), on_look=_until(sink, 4))
    assert [event.type for event in sink.delivered if event.key == "customer/2"] == ["customer.created", "customer.updated"]
    assert status(world.plan).waiting == 0


class Enough(Exception):
    """So that the relay ends."""


def _until(sink, count):
    def look(_):
        if len(sink.delivered) >= count:
            raise Enough

    return look


@pytest.fixture
def across(fresh, dialect):
    """The outbox stays in the old database after a cutover; what is emitted comes from the new one."""
    world = Emitting("sqlite", fresh("sqlite"), fresh(dialect), (CUSTOMER,))
    world.run(OLD)
    world.modern("CREATE TABLE customers (id bigint PRIMARY KEY, email varchar(50), status varchar(9), points decimal(9,2))")
    world.install(side="new")
    set_owner(world.plan, "customers", "new")
    world.modern(*(f"INSERT INTO customers VALUES ({number}, 'a', 'b', 1)" for number in range(5)))
    yield world
    world.close()


def left(world):
    with opened(world.plan.databases, "new") as (database,), database.reading() as connection:
        return len(connection.execute(EMITTED.select()).all())


def test_what_is_emitted_in_another_database_is_taken_across_once(across):
    emitted, found = emissions(across.plan, "old"), []
    with across.old() as database:
        emitted.prepare(database)
        for crashes in (True, False, True, False, True, False, False):
            with suppress(ZeroDivisionError), database.writing() as connection:
                some = emitted.take(connection, 2, 10**6)
                if crashes:
                    raise ZeroDivisionError
            found += [] if crashes else [event.key for event in some]
    assert found == [f"customer/{number}" for number in range(5)]
    assert left(across) == 0


def test_a_database_that_is_away_holds_up_nothing_and_is_tried_again(across):
    now = [0.0]
    ferry = Ferry(Emissions(across.plan, "new"), clock=lambda: now[0])
    away = replace(across.plan, databases={**across.plan.databases, "new": Database("sqlite:////nowhere/at-all.db")})
    with across.old() as database:
        Everywhere(Emissions(across.plan, "old"), (ferry,)).prepare(database)
        with database.writing() as connection:
            here, ferry.emissions.plan = ferry.emissions.plan, away
            assert ferry.take(connection, 9, 10**6) == ()
            assert "there is no file" in ferry.held["database new"]
            ferry.emissions.plan = here
            assert not ferry.waiting(connection)
            now[0] = 11.0
            assert ferry.waiting(connection)
            assert len(ferry.take(connection, 9, 10**6)) == 5
            assert ferry.held == {}
