"""What is peculiar to one database: where rows come in by another door, and what no trigger sees."""

import pytest

from reconcile.capturing.install import pause, remove
from reconcile.capturing.script import Script, run
from reconcile.capturing.status import status
from strangler.core.errors import DatabaseError
from tests.unit.reconcile.capture_world import World, mapping

THING = mapping("thing", "thing", "id")


@pytest.fixture
def captured(fresh):
    """Makes a world with these tables, and captures `thing` in it."""
    made = []

    def make(dialect, *statements, mappings=(THING,)):
        world = World(dialect, fresh(dialect), fresh("sqlite"), mappings)
        made.append(world)
        world.run(*statements)
        world.install()
        return world

    yield make
    for world in made:
        world.close()


PARTS = (
    "CREATE TABLE thing (id integer PRIMARY KEY, n integer) PARTITION BY RANGE (id)",
    "CREATE TABLE low PARTITION OF thing FOR VALUES FROM (0) TO (100)",
)


def test_partitions_are_captured_by_either_name_and_those_that_come_later_too(captured):
    world = captured("postgresql", *PARTS)
    world.run("CREATE TABLE high PARTITION OF thing FOR VALUES FROM (100) TO (200)")
    world.run("INSERT INTO thing VALUES (1, 1), (101, 1)", "INSERT INTO low VALUES (2, 1)", "UPDATE high SET n = 2")
    assert sorted(world.take()) == [("I", 1, None), ("I", 2, None), ("I", 101, None), ("U", 101, None)]
    world.run("UPDATE thing SET id = 150 WHERE id = 1")  # from one partition into another
    assert world.keys() == {1, 150}
    world.run("DELETE FROM high")
    assert world.keys() == {101, 150}
    assert status(world.plan)[0].feeds[0].state == "installed"
    assert status(world.plan)[0].feeds[0].blind == ("a TRUNCATE of one of its partitions",)


def test_a_partition_alone_is_captured_also_when_it_is_written_through_its_parent(captured):
    world = captured("postgresql", *PARTS, mappings=(mapping("thing", "low", "id"),))
    world.run("INSERT INTO thing VALUES (1, 1)", "INSERT INTO low VALUES (2, 1)")
    assert world.keys() == {1, 2}


def test_a_table_that_became_a_partition_has_to_be_installed_again(captured):
    world = captured("postgresql", "CREATE TABLE thing (id integer PRIMARY KEY, n integer)")
    world.run("CREATE TABLE whole (id integer NOT NULL, n integer) PARTITION BY RANGE (id)")
    world.run("ALTER TABLE whole ATTACH PARTITION thing FOR VALUES FROM (0) TO (100)")
    assert status(world.plan)[0].feeds[0].state == "changed"
    world.install()
    world.run("INSERT INTO whole VALUES (1, 1)")
    assert world.keys() == {1}


def test_a_session_that_says_it_is_a_replica_is_captured(captured):
    world = captured("postgresql", "CREATE TABLE thing (id integer PRIMARY KEY, n integer)")
    with world.engine.connect() as connection:
        connection.exec_driver_sql("SET session_replication_role = replica")
        connection.exec_driver_sql("INSERT INTO thing VALUES (1, 1)")
        connection.exec_driver_sql("UPDATE thing SET id = 2")
        connection.exec_driver_sql("DELETE FROM thing")
        connection.exec_driver_sql("SET session_replication_role = origin")
    assert world.keys() == {1, 2}


def test_a_writer_needs_no_rights_to_our_tables_and_no_search_path(captured):
    world = captured("postgresql", "CREATE TABLE thing (id integer PRIMARY KEY, n integer)")
    world.run(
        "CREATE SCHEMA elsewhere",
        "DROP ROLE IF EXISTS strangler_clerk",
        "CREATE ROLE strangler_clerk",
        "GRANT INSERT ON thing TO strangler_clerk",
    )
    with world.engine.connect() as connection:
        connection.exec_driver_sql("SET ROLE strangler_clerk")
        connection.exec_driver_sql("SET search_path = elsewhere")
        connection.exec_driver_sql("INSERT INTO public.thing VALUES (1, 1)")
        connection.exec_driver_sql("RESET ROLE")
        connection.exec_driver_sql("RESET search_path")
    assert world.keys() == {1}
    world.run("REVOKE ALL ON thing FROM strangler_clerk", "DROP ROLE strangler_clerk")


FAMILY = (
    "CREATE TABLE parent (id integer PRIMARY KEY)",
    "CREATE TABLE thing (id integer PRIMARY KEY, parent integer, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE)",
)


def test_rows_that_a_foreign_key_deletes_are_captured_or_named_as_blind(captured, dialect):
    world = captured(dialect, *FAMILY)
    with world.engine.connect() as connection:
        if dialect == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.exec_driver_sql("INSERT INTO parent VALUES (1)")
        connection.exec_driver_sql("INSERT INTO thing VALUES (7, 1)")
        connection.exec_driver_sql("DELETE FROM parent")
    blind = status(world.plan)[0].feeds[0].blind
    assert (("D", 7, None) in world.take()) != any("parent" in each for each in blind)


def test_copy_and_merge_are_captured(captured):
    world = captured("postgresql", "CREATE TABLE thing (id integer PRIMARY KEY, n integer)")
    with world.engine.connect() as connection:
        with connection.connection.cursor() as cursor, cursor.copy("COPY thing FROM STDIN") as copy:
            copy.write_row((1, 1))
            copy.write_row((2, 1))
        connection.exec_driver_sql(
            "MERGE INTO thing USING (VALUES (1), (3)) AS new (id) ON thing.id = new.id "
            "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (new.id, 1)"
        )
    assert sorted(world.take()) == [("D", 1, None), ("I", 1, None), ("I", 2, None), ("I", 3, None)]


def test_a_table_without_rowids_is_captured(captured):
    world = captured("sqlite", "CREATE TABLE thing (id TEXT PRIMARY KEY, n integer) WITHOUT ROWID")
    world.run("INSERT INTO thing VALUES ('a', 1)", "REPLACE INTO thing VALUES ('a', 2)", "DELETE FROM thing")
    assert world.keys() == {"a"}


def test_a_child_that_replace_deletes_is_captured_by_the_parent_it_had(captured):
    world = captured("sqlite", "CREATE TABLE thing (no INTEGER PRIMARY KEY, id integer)")
    world.run("INSERT INTO thing VALUES (1, 10)")
    world.take()
    world.run("REPLACE INTO thing VALUES (1, 20)")
    assert world.keys() == {10, 20}


def test_an_index_on_an_expression_is_named_as_blind(captured):
    world = captured(
        "sqlite", "CREATE TABLE thing (id integer PRIMARY KEY, n text)", "CREATE UNIQUE INDEX folded ON thing (lower(n))"
    )
    [words] = status(world.plan)[0].feeds[0].blind
    assert "folded" in words


def test_a_unique_index_that_comes_later_is_taken_up_by_the_next_install(captured):
    world = captured("sqlite", "CREATE TABLE thing (id integer PRIMARY KEY, n text)")
    world.run("CREATE UNIQUE INDEX later ON thing (n)", "INSERT INTO thing VALUES (1, 'a')")
    assert world.install()
    world.take()
    world.run("REPLACE INTO thing VALUES (2, 'a')")
    assert world.keys() == {1, 2}


def test_any_value_may_stand_in_a_key_of_sqlite(captured):
    world = captured("sqlite", "CREATE TABLE thing (id, n integer)")
    world.run("INSERT INTO thing VALUES (1, 1), (1.5, 1), ('x', 1), (x'ff', 1), (NULL, 1)")
    assert [row[1] for row in world.take()] == [1, 1.5, "x", "FF", None]


OTHERS = {
    "sqlite": "CREATE TRIGGER theirs AFTER INSERT ON thing BEGIN UPDATE thing SET n = n + 1 WHERE id = NEW.id; END",
    "mariadb": "CREATE TRIGGER theirs AFTER INSERT ON thing FOR EACH ROW INSERT INTO other VALUES (NEW.id)",
    "postgresql": "CREATE TRIGGER theirs AFTER INSERT ON thing FOR EACH ROW EXECUTE FUNCTION theirs()",
}
FUNCTION = """
    CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN UPDATE thing SET n = n + 1 WHERE id = NEW.id; RETURN NULL; END'
"""


def test_triggers_of_the_application_go_on_and_what_they_write_is_captured(captured, dialect):
    made = ["CREATE TABLE other (id integer)", "CREATE TABLE thing (id integer PRIMARY KEY, n integer)"]
    world = captured(dialect, *made, *((FUNCTION,) if dialect == "postgresql" else ()), OTHERS[dialect])
    world.run("INSERT INTO thing VALUES (1, 1)")
    operations = sorted(row[0] for row in world.take())
    assert operations == (["I"] if dialect == "mariadb" else ["I", "U"])
    remove(world.plan, discard=True)
    world.run("INSERT INTO thing VALUES (2, 1)")
    with world.engine.connect() as connection:
        statement = "SELECT count(*) FROM other" if dialect == "mariadb" else "SELECT sum(n) FROM thing"
        assert int(connection.exec_driver_sql(statement).scalar_one()) in (2, 4)


def test_a_feed_of_a_schema_other_than_ours_is_captured(fresh):
    world = World("postgresql", fresh("postgresql"), fresh("sqlite"), (mapping("thing", "Sales.thing", "id"),))
    world.run('CREATE SCHEMA "Sales"', 'CREATE TABLE "Sales".thing (id integer PRIMARY KEY)')
    world.install()
    world.run('INSERT INTO "Sales".thing VALUES (1)')
    assert world.keys() == {1}
    remove(world.plan, discard=True)
    world.close()


def test_without_the_outbox_writers_fail_until_capture_is_removed(captured, dialect):
    world = captured(dialect, "CREATE TABLE thing (id integer PRIMARY KEY, n integer)")
    world.run("DROP TABLE strangler_outbox")
    with pytest.raises(Exception, match="strangler_outbox"):
        world.run("INSERT INTO thing VALUES (1, 1)")
    remove(world.plan)
    world.run("SELECT * FROM thing")  # an open connection of SQLite notices at its next read that triggers have gone
    world.run("INSERT INTO thing VALUES (1, 1)")


def test_a_pause_helps_where_rows_cannot_be_written_to_the_outbox(captured, dialect):
    world = captured(dialect, "CREATE TABLE thing (id integer PRIMARY KEY, n integer)")
    full = {
        "sqlite": "CREATE TRIGGER full BEFORE INSERT ON strangler_outbox BEGIN SELECT raise(ABORT, 'full'); END",
        "postgresql": "ALTER TABLE strangler_outbox ADD CONSTRAINT full_ CHECK (id < 0)",
        "mariadb": "ALTER TABLE strangler_outbox ADD CONSTRAINT full_ CHECK (origin = 'full')",
    }
    world.run(full[dialect])
    with pytest.raises(Exception, match="full"):
        world.run("INSERT INTO thing VALUES (1, 1)")
    pause(world.plan)
    world.run("INSERT INTO thing VALUES (1, 1)")


def test_a_user_without_the_right_to_install_is_told_what_is_needed(fresh):
    world = World("postgresql", fresh("postgresql"), fresh("sqlite"), (THING,))
    world.run("CREATE TABLE thing (id integer PRIMARY KEY)")
    refused = ("BEGIN", "SET ROLE pg_monitor", "LOCK TABLE thing IN SHARE ROW EXCLUSIVE MODE")
    with world.old() as database, pytest.raises(DatabaseError, match=r"permission denied.*own the table"):
        run(database, Script("old", "postgresql", "thing:id", refused), world.patience)
    world.close()
