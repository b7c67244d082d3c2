"""The SQL that capture is made of, as text: no name can end a string, a name or a body early, and every script is whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.capturing import mariadb, postgresql, sqlite
from reconcile.capturing.captured import HEARTBEAT_FEED, Captured, literal, stem
from reconcile.capturing.feed import Feed
from reconcile.capturing.script import Script

DIALECTS = {"sqlite": sqlite, "postgresql": postgresql, "mariadb": mariadb}
PLAIN = Captured(Feed("thing", ("id",)), ("int8",), 7, '"public"."thing"', '"public"')
NAMES = st.text(alphabet="a\"'`\\$:;,. -/*\n", min_size=1, max_size=12)


def made(dialect, captured):
    return "\n".join(DIALECTS[dialect].creations(captured))


@given(NAMES, NAMES)
def test_names_of_triggers_are_short_and_plain_whatever_the_feed_is_called(table, column):
    name = stem(Feed(table, (column,)).name)
    assert len(name) == 22
    assert name.replace("_", "").isalnum()


@given(NAMES)
def test_a_literal_ends_where_its_text_ends(words):
    inside = literal(words)[1:-1]
    assert "'" not in inside.replace("''", "")
    assert inside.replace("''", "'") == words


@pytest.mark.parametrize("dialect", DIALECTS)
def test_triggers_look_at_the_switch_of_their_own_generation(dialect):
    assert "generation = 7" in made(dialect, PLAIN)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_heartbeat_cannot_be_paused(dialect):
    captured = Captured(HEARTBEAT_FEED, ("varchar",), 7, '"public".strangler_heartbeat', '"public"')
    assert "strangler_paused" not in made(dialect, captured)
    assert "'H'" in made(dialect, captured)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_all_of_a_feed_is_one_transaction(dialect):
    statements = DIALECTS[dialect].wrap('"thing"', ("CREATE",), ("INSERT",))
    assert statements[0].startswith("BEGIN")
    assert statements[-3:] == ("CREATE", "INSERT", "COMMIT")


def test_mariadb_makes_all_triggers_under_one_lock_that_is_asked_for_two_seconds():
    statements = mariadb.wrap("`thing`", ("CREATE 1", "CREATE 2"), ("INSERT",))
    assert "lock_wait_timeout = 2" in statements[2]
    assert statements[3:] == (
        *("LOCK TABLES `thing` WRITE", "CREATE 1", "CREATE 2", "UNLOCK TABLES"),
        *("START TRANSACTION", "INSERT", "COMMIT"),
    )


def test_postgresql_waits_two_seconds_for_the_table_before_it_changes_anything():
    statements = postgresql.wrap('"thing"', ("CREATE",), ())
    assert statements[1] == "SET LOCAL lock_timeout = '2s'"
    assert statements[2] == 'LOCK TABLE "thing" IN SHARE ROW EXCLUSIVE MODE'


def test_postgresql_captures_by_statement_unless_rows_come_in_by_another_door():
    by_row = Captured(PLAIN.feed, PLAIN.types, 7, PLAIN.relation, PLAIN.home, by_row=True)
    assert [trigger.name.rpartition("_")[2] for trigger in postgresql.triggers(PLAIN)] == [
        "truncate",
        "key",
        "insert",
        "update",
        "delete",
    ]
    assert [trigger.name.rpartition("_")[2] for trigger in postgresql.triggers(by_row)] == ["truncate", "row"]
    assert made("postgresql", PLAIN).count("ENABLE ALWAYS") == 5


def test_a_key_that_is_text_is_compared_byte_by_byte():
    of_text = Captured(PLAIN.feed, ("citext",), 7, PLAIN.relation, PLAIN.home)
    assert 'OLD."id"::text COLLATE "C" IS DISTINCT FROM NEW."id"::text COLLATE "C"' in made("postgresql", of_text)
    assert 'NEW."id" COLLATE BINARY IS NOT OLD."id" COLLATE BINARY' in made("sqlite", PLAIN)
    assert "NOT (BINARY NEW.`id` <=> BINARY OLD.`id`)" in made("mariadb", PLAIN)


def test_sqlite_looks_for_rows_in_the_way_only_where_something_else_is_unique():
    assert "BEFORE" not in made("sqlite", PLAIN)
    assert made("sqlite", Captured(PLAIN.feed, PLAIN.types, 7, uniques=(("email",),))).count("BEFORE") == 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_printed_script_says_what_it_is_about_and_what_it_takes(dialect):
    words = Script("old", dialect, "a\nb", ("ONE", "TWO")).text
    assert words.startswith("-- database old: a b\n-- takes ")
    assert words.count("//" if dialect == "mariadb" else ";\n") >= 2
