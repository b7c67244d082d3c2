"""Making the table, and writing events into it in the transaction of the business change, through whatever connects."""

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from reconcile.capturing.script import Patience
from reconcile.mapping.model import Database, Plan
from reconcile.outbox import Outbox, publish, publish_async
from reconcile.outbox.init import init
from reconcile.outbox.model import Outbox as Section
from reconcile.outbox.publisher import make_id
from strangler.core.errors import Refusal, UsageError
from tests.unit.reconcile.outbox_world import driver, entered, events, plain

ANXIOUS = Patience(2, 0.0, lambda: 0.5, lambda _: None)


class Shop:
    """A database with an outbox, and every way into it that an application may have."""

    def __init__(self, dialect, url):
        self.dialect, self.url = dialect, url
        self.section = Section("old")
        self.plan = Plan({"old": Database(url)}, (), outbox=self.section)
        self.engine = create_engine(driver(url))

    def events(self):
        return events(self.plan.databases, self.section)

    def run(self, statement):
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture
def bare(fresh, dialect):
    found = Shop(dialect, fresh(dialect))
    yield found
    found.engine.dispose()


@pytest.fixture
def shop(bare):
    init(bare.plan, patience=ANXIOUS)
    return bare


def test_the_table_is_made_once_and_printed_before_that(bare):
    [printed] = init(bare.plan, print_sql=True)
    assert "CREATE TABLE IF NOT EXISTS outbox_events" in printed.text
    [made] = init(bare.plan, patience=ANXIOUS)
    assert made == printed
    assert init(bare.plan, patience=ANXIOUS) == ()
    assert bare.events() == []


def test_a_table_of_that_name_that_is_another_one_is_left_alone(bare):
    bare.run("CREATE TABLE outbox_events (id integer PRIMARY KEY, type varchar(9), body varchar(9))")
    with pytest.raises(Refusal, match=r"is there already, without event_id, key, payload.* say under `columns`"):
        init(bare.plan)


def test_a_table_of_ones_own_is_never_made(bare):
    plan = Plan({"old": Database(bare.url)}, (), outbox=Section("old", "mine", {"order": "seq"}))
    with pytest.raises(Refusal, match="correct its name"):
        init(plan)


def test_what_a_writer_says_is_what_is_read(shop):
    at = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    with Session(shop.engine) as session, session.begin():
        publish(session, "order.placed", {"no": 7, "ä": None}, key=7, version=3, headers={"Trace": "x"}, id="one", at=at)
    [row] = shop.events()
    assert row == {
        **{"id": "one", "type": "order.placed", "key": "7", "payload": '{"no":7,"ä":null}'.encode(), "version": 3},
        **{"content_type": "application/json", "headers": '{"trace": "x"}', "at": 1_767_323_045_678_901},
    }


def test_what_is_not_said_is_given(shop):
    with Session(shop.engine) as session, session.begin():
        found = publish(session, "a", "{}")
        at = session.execute(text("SELECT at FROM outbox_events")).scalar_one()
    [row] = shop.events()
    assert (row["id"], row["key"], row["version"], row["headers"]) == (found, None, None, None)
    assert UUID(found).version == 7
    assert row["at"] == at > 1_767_323_045_000_000


def test_ids_grow_with_time_and_are_uuids_of_version_7():
    ids = [make_id(moment, b"\xff" * 10) for moment in (0, 1, 1_767_323_045_678, 2**48 - 1)]
    assert ids == sorted(ids)
    assert {(UUID(each).version, UUID(each).variant) for each in ids} == {(7, "specified in RFC 4122")}
    assert make_id(5, b"\x00" * 10) == "00000000-0005-7000-8000-000000000000"


@pytest.mark.parametrize("way", ["session", "connection", "plain"])
def test_an_event_shares_the_fate_of_its_transaction(shop, way):
    for commits in (False, True):
        with entered(shop, way) as mine:
            publish(mine, "a", {"commits": commits}, key="100% 'k")
            mine.commit() if commits else mine.rollback()
    assert [(row["payload"], row["key"]) for row in shop.events()] == [(b'{"commits":true}', "100% 'k")]


async def test_an_async_session_is_awaited(fresh):
    shop = Shop("postgresql", fresh("postgresql"))
    init(shop.plan, patience=ANXIOUS)
    engine = create_async_engine(shop.engine.url)
    async with AsyncSession(engine) as session, session.begin():
        with pytest.raises(UsageError, match="await publish_async"):
            publish(session, "a", "{}")
        await publish_async(session, "a", {"n": 1}, key="k")
    await engine.dispose()
    shop.engine.dispose()
    assert [(row["payload"], row["key"]) for row in shop.events()] == [(b'{"n":1}', "k")]


def test_without_a_transaction_it_is_refused(shop):
    with (
        shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        pytest.raises(UsageError, match="no transaction is open"),
    ):
        publish(connection, "a", "{}")
    with plain(shop.url) as mine:
        _make_automatic(mine)
        with pytest.raises(UsageError, match="no transaction is open"):
            publish(mine, "a", "{}")
        mine.cursor().execute("BEGIN")
        publish(mine, "b", "{}")
        mine.cursor().execute("COMMIT")
    assert [row["type"] for row in shop.events()] == ["b"]


def _make_automatic(mine):
    if isinstance(mine, sqlite3.Connection):
        mine.isolation_level = None
    elif isinstance(mine, psycopg.Connection):
        mine.autocommit = True
    else:
        mine.autocommit(True)


@pytest.mark.parametrize(
    ("payload", "written"),
    [
        ('{"as": "it is"}', b'{"as": "it is"}'),
        (b"{}", b"{}"),
        ([1, "ä"], '[1,"ä"]'.encode()),
        ({"at": datetime(2026, 1, 2, tzinfo=UTC)}, b'{"at":"2026-01-02T00:00:00+00:00"}'),
        ({"day": date(2026, 1, 2), "sum": Decimal("1.10")}, b'{"day":"2026-01-02","sum":"1.10"}'),
        (None, b"null"),
    ],
)
def test_payloads(fresh, payload, written):
    shop = Shop("sqlite", fresh("sqlite"))
    init(shop.plan)
    with plain(shop.url) as mine:
        publish(mine, "a", payload)
        mine.commit()
    assert [row["payload"] for row in shop.events()] == [written]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"type": ""}, "is not an event's type"),
        ({"type": None}, "is not an event's type"),
        ({"payload": float("nan")}, "cannot be written as JSON"),
        ({"payload": {1, 2}}, "a set has no place in it"),
        ({"payload": b"\xff"}, "is no UTF-8"),
        ({"headers": {"a": 1}}, "are texts"),
        ({"at": datetime(2026, 1, 2)}, "is in no time zone"),
        ({"outbox": Outbox("mine", {"type": "kind", "payload": "body"}), "id": "x"}, "has no column for id"),
    ],
)
def test_what_is_no_event_is_refused_before_the_database_sees_it(said, words):
    with sqlite3.connect(":memory:") as connection, pytest.raises(UsageError, match=words):
        publish(connection, **{"type": "a", "payload": "{}"} | said)
    connection.close()


def test_what_cannot_be_written_through_is_refused():
    with pytest.raises(UsageError, match="a dict is nothing to write through"):
        publish({}, "a", "{}")


_DEBEZIUM = "CREATE TABLE outbox (seq {}, id {}, aggregatetype varchar(99) NOT NULL, aggregateid text, type text, payload {})"
DEBEZIUM = {
    "sqlite": _DEBEZIUM.format("INTEGER PRIMARY KEY AUTOINCREMENT", "TEXT", "BLOB"),
    "postgresql": _DEBEZIUM.format("bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "uuid", "jsonb"),
    "mariadb": _DEBEZIUM.format("bigint AUTO_INCREMENT PRIMARY KEY", "char(36)", "json"),
}


@pytest.mark.parametrize("way", ["session", "plain"])
def test_a_table_of_ones_own_takes_events_too(bare, way):
    bare.run(DEBEZIUM[bare.dialect])
    columns = {"id": "id", "type": "type", "key": "aggregateid", "payload": "payload"}
    mine = Outbox("outbox", columns, binary=bare.dialect == "sqlite")
    with Session(bare.engine) if way == "session" else plain(bare.url) as connection:
        found = publish(connection, "placed", {"no": 7}, key=7, also={"aggregatetype": "order"}, outbox=mine)
        connection.commit()
    bare.section = Section("old", "outbox", {**columns, "order": "seq"})
    [row] = bare.events()
    assert (row["id"], row["type"], row["key"], json.loads(row["payload"])) == (found, "placed", "7", {"no": 7})


def test_publishing_imports_nothing_that_is_heavy():
    code = (
        "import sys; from reconcile.outbox import publish; print({'sqlalchemy', 'httpx', 'yaml', 'click'} & sys.modules.keys())"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "set()\n"
