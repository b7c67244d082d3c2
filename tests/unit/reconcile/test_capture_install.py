"""Installing, pausing, tampering, removing, on each dialect: what is there afterwards, and what status says of it."""

import re
from contextlib import ExitStack

import pytest
from sqlalchemy import literal_column, text

from reconcile.capturing import known, state
from reconcile.capturing.captured import HEARTBEAT_FEED, stem
from reconcile.capturing.feed import Feed
from reconcile.capturing.install import install, pause, remove, resume
from reconcile.capturing.script import Patience
from reconcile.capturing.status import status
from strangler.core.errors import DatabaseError, Refusal, UsageError
from tests.unit.reconcile.capture_world import QUOTE, World, mapping

CUSTOMER = mapping("customer", "customer", "no")
AGAIN = mapping("again", "customer", "no")
ODD = mapping("odd", 'It\'s "odd" \\ `x` $$', "a:b")
FEED = "customer:no"


@pytest.fixture
def world(fresh, dialect):
    found = World(dialect, fresh(dialect), fresh("sqlite"), (CUSTOMER, AGAIN, ODD))
    quoted = {
        "sqlite": '"It\'s ""odd"" \\ `x` $$" ("a:b" integer)',
        "postgresql": '"It\'s ""odd"" \\ `x` $$" ("a:b" integer)',
        "mariadb": '`It\'s "odd" \\ ``x`` $$` (`a:b` integer)',
    }
    with found.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE customer (no integer PRIMARY KEY, points integer)")
        connection.exec_driver_sql(f"CREATE TABLE {quoted[dialect]}")
    yield found
    found.close()


def insert(world, number):
    world.run(f"INSERT INTO customer VALUES ({number}, 1)")


def feed_state(world, feed=FEED):
    with world.old() as database, database.reading() as connection:
        return state.read(connection, world.dialect, [feed])[feed].state


def objects(world):
    """Everything in the database that has our name on it."""
    statement = {
        "sqlite": "SELECT name FROM sqlite_master WHERE name LIKE 'strangler%'",
        "postgresql": """SELECT relname FROM pg_class WHERE relname LIKE 'strangler%' UNION ALL SELECT tgname FROM pg_trigger
            WHERE tgname LIKE 'strangler%' UNION ALL SELECT proname FROM pg_proc WHERE proname LIKE 'strangler%'""",
        "mariadb": """SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE
            'strangler%' UNION ALL SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()""",
    }[world.dialect]
    with world.engine.connect() as connection:
        return sorted(connection.execute(text(statement)).scalars())


def settle(world):
    """A full pass was clean."""
    with world.old() as database:
        for each in world.plan.mappings:
            known.clear_unknown(database, each, known.witness(database, each))


def told(world, name="customer"):
    [found] = status(world.plan, [name])
    return found.known, found.why.removeprefix(f"{FEED}: ")


def test_installing_twice_changes_nothing_the_second_time(world):
    assert world.install()
    before = objects(world)
    assert world.install() == ()
    assert objects(world) == before
    insert(world, 1)
    assert world.take() == [("I", 1, None)]


def test_only_the_named_mappings_are_captured(world):
    world.install("customer")
    assert (feed_state(world), feed_state(world, ODD.source.table)) == ("installed", "missing")
    with pytest.raises(UsageError, match="customers"):
        world.install("customers")


def test_a_name_with_everything_in_it_is_captured(world):
    world.install("odd")
    with world.engine.connect() as connection:
        quote = QUOTE[world.dialect]
        name = f"{quote}{ODD.source.table.replace(quote, quote * 2)}{quote}"
        connection.exec_driver_sql(f"INSERT INTO {name} VALUES (3)")
    [row] = world.outbox()
    assert (row.feed, row.key) == (Feed(ODD.source.table, ("a:b",)).name, "[3]")


def test_what_is_printed_is_what_is_run(world):
    printed = world.install(print_sql=True)
    assert objects(world) == []
    ran = world.install()
    assert [_without_numbers(script.text) for script in ran] == [_without_numbers(script.text) for script in printed]


def _without_numbers(words):
    return re.sub(r"\d{10,}", "N", words)


def test_what_was_printed_can_be_run_by_hand_and_is_then_confirmed(world):
    for script in world.install(print_sql=True):
        with world.engine.connect() as connection:
            for statement in script.statements:
                connection.exec_driver_sql(statement)
    assert feed_state(world) == "unconfirmed"
    assert told(world) == (False, "its triggers were made by hand, and are confirmed by the next `capture install`")
    insert(world, 1)
    assert world.take() == [("I", 1, None)]
    assert world.install() == ()
    assert feed_state(world) == "installed"


def triggers(world):
    with world.old() as database, database.reading() as connection:
        return state.read(connection, world.dialect, [FEED])[FEED].found


def tamper(world, how):
    name = next(trigger.name for trigger in triggers(world) if trigger.name.endswith(("delete", "row")))
    on = "ON customer" if world.dialect == "postgresql" else ""
    if how == "switched off":
        world.run(f"ALTER TABLE customer DISABLE TRIGGER {name}")
        return
    if how == "function":
        world.run(f"CREATE OR REPLACE FUNCTION {stem(FEED)}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
        return
    world.run(f"DROP TRIGGER {name} {on}")
    if how == "altered":
        body = {
            "sqlite": "BEGIN SELECT 1; END",
            "postgresql": f"FOR EACH STATEMENT EXECUTE FUNCTION {stem(FEED)}()",
            "mariadb": "FOR EACH ROW SET @x = 1",
        }[world.dialect]
        world.run(f"CREATE TRIGGER {name} AFTER DELETE ON customer {body}")


def test_what_was_made_by_hand_otherwise_than_printed_is_made_anew(world):
    for script in world.install("customer", print_sql=True):
        with world.engine.connect() as connection:
            for statement in script.statements:
                connection.exec_driver_sql(statement)
    tamper(world, "altered")
    assert feed_state(world) == "unconfirmed"
    assert [script.subject for script in world.install("customer")] == [FEED]
    insert(world, 1)
    world.run("DELETE FROM customer")
    assert world.take() == [("I", 1, None), ("D", 1, None)]


@pytest.mark.parametrize("how", ["dropped", "altered", "switched off", "function"])
def test_a_trigger_that_others_touched_is_noticed_and_put_right(world, how):
    if how in ("switched off", "function") and world.dialect != "postgresql":
        pytest.skip("only PostgreSQL's triggers can be switched off, and call a function that others may change")
    world.install()
    settle(world)
    assert told(world) == (True, "")
    tamper(world, how)
    assert feed_state(world) == "changed"
    assert told(world) == (False, "its triggers are not those that were installed")
    world.install()
    assert feed_state(world) == "installed"
    assert told(world) == (False, "its triggers had been changed, and no full pass has been clean since")
    settle(world)
    assert told(world) == (True, "")
    insert(world, 1)
    world.run("DELETE FROM customer")
    assert world.take() == [("I", 1, None), ("D", 1, None)]


def test_a_table_that_was_made_anew_has_no_capture(world):
    world.install()
    settle(world)
    world.run("DROP TABLE customer", "CREATE TABLE customer (no integer PRIMARY KEY, points integer)")
    assert feed_state(world) == "missing"
    assert told(world) == (False, "capture is not installed")


def test_a_mapping_is_unknown_until_a_full_pass_was_clean(world):
    assert told(world) == (False, "capture is not installed")
    world.install()
    assert told(world) == (False, "capture was not installed, and no full pass has been clean since")
    settle(world)
    assert told(world) == (True, "")


def test_paused_triggers_write_nothing_and_every_listener_is_unknown(world):
    world.install()
    settle(world)
    assert pause(world.plan, ["customer"]) == (FEED,)
    assert pause(world.plan, ["customer"]) == ()
    insert(world, 1)
    assert world.take() == []
    assert (told(world), told(world, "again")) == ((False, "capture is paused"),) * 2
    assert told(world, "odd")[0]
    settle(world)  # a pass while it is paused proves nothing
    assert world.install() == ()
    assert resume(world.plan) == (FEED,)
    insert(world, 2)
    assert world.take() == [("I", 2, None)]
    assert told(world) == (False, "capture was paused, and no full pass has been clean since")
    settle(world)
    assert told(world)[0]


def test_feeds_that_were_installed_at_the_same_moment_are_paused_apart(world, monkeypatch):
    monkeypatch.setattr("reconcile.capturing.placement.now", lambda database: literal_column("1700000000000000"))
    world.install()
    pause(world.plan)
    resume(world.plan, ["odd"])
    insert(world, 1)
    assert world.take() == []


def test_a_pass_that_began_before_a_loss_makes_up_for_nothing_of_it(world):
    world.install()
    with world.old() as database:
        before = known.witness(database, CUSTOMER)
        pause(world.plan)
        during = known.witness(database, CUSTOMER)
        resume(world.plan)
        for seen, taken in ((before, True), (during, False)):
            assert known.clear_unknown(database, CUSTOMER, seen) is taken
            assert told(world) == (False, "capture was paused, and no full pass has been clean since")
        known.clear_unknown(database, CUSTOMER, known.witness(database, CUSTOMER))
    assert told(world) == (True, "")


def test_pausing_does_not_wait_for_a_writer(world):
    if world.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time: no other transaction can be open meanwhile")
    world.install()
    with world.engine.connect() as writer:
        writer.exec_driver_sql("BEGIN")
        writer.exec_driver_sql("INSERT INTO customer VALUES (1, 1)")
        assert pause(world.plan, ["customer"]) == (FEED,)
        with world.engine.connect() as other:
            other.exec_driver_sql("INSERT INTO customer VALUES (2, 1)")
        writer.exec_driver_sql("COMMIT")
    assert world.take() == [("I", 1, None)]


def test_a_transaction_that_still_sees_the_pause_is_captured_after_it(world):
    if world.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time: no other transaction can be open meanwhile")
    world.run("CREATE TABLE elsewhere (n integer)")
    world.install()
    pause(world.plan)
    with world.engine.connect() as writer:
        writer.exec_driver_sql(
            "BEGIN ISOLATION LEVEL REPEATABLE READ"
            if world.dialect == "postgresql"
            else "START TRANSACTION WITH CONSISTENT SNAPSHOT"
        )
        writer.exec_driver_sql("SELECT * FROM elsewhere")
        resume(world.plan)
        writer.exec_driver_sql("INSERT INTO customer VALUES (1, 1)")
        writer.exec_driver_sql("COMMIT")
    assert world.take() == [("I", 1, None)]


BEGIN = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN", "mariadb": "BEGIN"}


def test_while_others_hold_the_table_install_gives_up_and_leaves_nothing_of_the_feed(world):
    world.install("odd")
    before = objects(world)
    with world.engine.connect() as writer:
        writer.exec_driver_sql(BEGIN[world.dialect])
        writer.exec_driver_sql("INSERT INTO customer VALUES (1, 1)")
        with pytest.raises(DatabaseError, match="held what it needs at each of 2 attempts; nothing of it was changed"):
            world.install()
        writer.exec_driver_sql("COMMIT")
    assert objects(world) == before
    assert world.slept == [1.0]
    world.install()
    assert feed_state(world) == "installed"


def test_install_goes_on_as_soon_as_the_table_is_free(world):
    world.install("odd")
    stack = ExitStack()
    writer = stack.enter_context(world.engine.connect())
    writer.exec_driver_sql(BEGIN[world.dialect])
    writer.exec_driver_sql("INSERT INTO customer VALUES (1, 1)")

    def finish(seconds):
        writer.exec_driver_sql("COMMIT")

    install(world.plan, patience=Patience(2, 1.0, lambda: 0.0, finish))
    stack.close()
    assert feed_state(world) == "installed"


def test_a_truncate_makes_the_mapping_unknown_where_it_can_be_seen(world):
    world.install()
    settle(world)
    if world.dialect != "postgresql":
        blind = status(world.plan, ["customer"])[0].feeds[0].blind
        assert ("TRUNCATE" in blind) == (world.dialect == "mariadb")
        return
    world.run("TRUNCATE customer")
    assert told(world) == (False, "the table was truncated, and no full pass has been clean since")
    settle(world)
    assert told(world)[0]


def test_removing_leaves_nothing_behind(world):
    world.run("CREATE TABLE strange (n integer)")
    world.install()
    insert(world, 1)
    world.take()
    assert remove(world.plan)
    assert objects(world) == []
    assert remove(world.plan) == ()
    insert(world, 2)


def test_an_outbox_with_rows_stays_unless_it_is_to_be_discarded(world):
    world.install()
    insert(world, 1)
    remove(world.plan)
    assert {name for name in objects(world) if "seq" not in name and "pkey" not in name} == {"strangler_outbox"}
    world.install()
    assert world.take() == [("I", 1, None)]
    insert(world, 2)
    remove(world.plan, discard=True)
    assert objects(world) == []


def test_what_removing_prints_is_what_it_runs(world):
    world.install()
    printed = remove(world.plan, print_sql=True)
    assert feed_state(world) == "installed"
    assert remove(world.plan) == printed


def test_a_feed_that_another_mapping_listens_to_stays(world):
    world.install()
    assert remove(world.plan, ["customer"]) == ()
    assert feed_state(world) == "installed"
    assert remove(world.plan, ["customer", "again"])
    assert (feed_state(world), feed_state(world, Feed(ODD.source.table, ("a:b",)).name)) == ("missing", "installed")


def test_a_feed_that_was_removed_and_installed_again_starts_unknown(world):
    world.install()
    settle(world)
    remove(world.plan)
    world.install()
    assert not told(world)[0]


def test_status_counts_what_waits(world):
    assert status(world.plan)[0].heartbeat is None
    world.install()
    [before, *_] = status(world.plan)
    assert (before.waiting, before.oldest, before.heart) == (0, None, "installed")
    insert(world, 1)
    insert(world, 2)
    found, again, odd = status(world.plan)
    assert (found.waiting, again.waiting, odd.waiting) == (2, 2, 0)
    assert found.oldest is not None
    assert 0 <= found.oldest < 60
    assert found.document()["feeds"][0]["state"] == "installed"


@pytest.mark.parametrize(
    ("table", "key", "message"),
    [
        ("nothing", "no", "there is no table nothing"),
        ("customer", "number", "customer has no column number"),
        ("view", "no", "is not a table"),
    ],
)
def test_what_cannot_be_captured_is_refused_before_anything_is_made(fresh, dialect, table, key, message):
    world = World(dialect, fresh(dialect), fresh("sqlite"), (CUSTOMER, mapping("bad", table, key)))
    world.run("CREATE TABLE customer (no integer PRIMARY KEY)", 'CREATE VIEW "view" AS SELECT no FROM customer')
    with pytest.raises(Refusal, match=message):
        world.install()
    assert objects(world) == []
    world.close()


def test_the_heartbeat_has_a_feed_of_its_own(world):
    world.install()
    assert feed_state(world, HEARTBEAT_FEED.name) == "installed"
