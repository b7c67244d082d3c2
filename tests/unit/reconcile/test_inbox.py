"""An event's effect once, whatever arrives twice, late, out of order or at the same moment, on each dialect."""

import json
import re
import sqlite3
import threading
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from reconcile.databases.caller import Caller
from reconcile.inbox import Inbox, Message
from reconcile.inbox.tables import create, script
from reconcile.outbox.init import events_table
from strangler.core.errors import UsageError
from tests.unit.reconcile.outbox_world import driver, entered

HTTP = {"Ce-Id": "a%20b", "ce-source": "/shop", "CE-subject": "k", "ce-version": "3", "content-type": "application/json"}


class Consumer:
    """A service whose effects are rows of a table."""

    def __init__(self, dialect, url):
        self.dialect, self.url = dialect, url
        self.engine = create_engine(driver(url))
        with self.engine.begin() as connection:
            create(connection)
            create(connection)
            connection.exec_driver_sql("CREATE TABLE effect (what text)")

    def deliver(self, message, *, commits=True, consumer="billing"):
        with Session(self.engine) as session:
            with Inbox(session, consumer).once(message) as first:
                if first:
                    write(session, message.id)
            session.commit() if commits else session.rollback()
        return first.why or "first"

    @property
    def effects(self):
        with self.engine.connect() as connection:
            return sorted(connection.exec_driver_sql("SELECT what FROM effect").scalars())


def write(session, what):
    session.connection().exec_driver_sql(f"INSERT INTO effect VALUES ('{what}')")


@pytest.fixture
def consumer(fresh, dialect):
    found = Consumer(dialect, fresh(dialect))
    yield found
    found.engine.dispose()


def test_once_and_no_more_unless_it_was_taken_back(consumer):
    message = Message("a")
    assert consumer.deliver(message, commits=False) == "first"
    assert [consumer.deliver(message), consumer.deliver(message), consumer.deliver(Message("A"))] == [
        "first",
        "duplicate",
        "first",
    ]
    assert consumer.effects == ["A", "a"]
    assert consumer.deliver(message, consumer="shipping") == "first"
    assert consumer.deliver(Message("a", source="/other")) == "first"


def test_what_is_older_than_what_was_done_is_stale(consumer):
    arrivals = [Message(f"v{version}", "k", version) for version in (1, 3, 2, 3, 4)]
    assert [consumer.deliver(each) for each in arrivals] == ["first", "first", "stale", "duplicate", "first"]
    assert consumer.deliver(Message("another", "k", 4)) == "stale"
    assert consumer.deliver(Message("v1 of other", "other", 1)) == "first"
    assert consumer.deliver(Message("without", "k")) == "first"


def test_names_of_any_length_are_told_apart(consumer):
    long = "é" * 500
    assert [consumer.deliver(Message(long + end, long + end, 1)) for end in "aba"] == ["first", "first", "duplicate"]


@pytest.mark.parametrize("way", ["session", "connection", "plain"])
def test_an_effect_that_fails_takes_its_message_along_and_nothing_else(consumer, way):
    with entered(consumer, way) as mine:
        inbox = Inbox(mine, "billing")
        run = Caller(mine).execute
        with inbox.once(Message("good")) as first:
            assert first
            run("INSERT INTO effect VALUES ('good')")
        with suppress(ZeroDivisionError), inbox.once(Message("bad")):
            run("INSERT INTO effect VALUES ('bad')")
            raise ZeroDivisionError
        mine.commit()
    assert consumer.effects == ["good"]
    assert [consumer.deliver(Message(name)) for name in ("good", "bad")] == ["duplicate", "first"]


def test_of_those_that_come_at_the_same_moment_exactly_one_has_its_effect(consumer):
    """Two of the four take back what they had first: whoever waited for one of them must not take that for done."""
    failing, lock, barrier = [True, True], threading.Lock(), threading.Barrier(4)
    verdicts = []

    def work():
        barrier.wait()
        while True:
            with lock:
                fails = bool(failing) and failing.pop()
            try:
                why = consumer.deliver(Message("a", "k", 1), commits=not fails)
            except DBAPIError:  # a deadlock, or a server that is busy: the message is delivered again
                continue
            if not fails:
                verdicts.append(why)
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdicts) == ["duplicate", "duplicate", "duplicate", "first"]
    assert consumer.effects == ["a"]


def test_without_a_transaction_it_is_refused(consumer):
    with (
        consumer.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        pytest.raises(UsageError, match="no transaction is open"),
        Inbox(connection, "billing").once(Message("a")),
    ):
        pass


def test_old_messages_are_forgotten_a_few_at_a_time(consumer):
    for number in range(5):
        consumer.deliver(Message(f"m{number}", f"k{number}", 1))
    with consumer.engine.begin() as connection:
        for table in ("strangler_inbox", "strangler_inbox_version"):
            connection.exec_driver_sql(f"UPDATE {table} SET at = at - 7200000000 WHERE message <> 'm4'")
    with Session(consumer.engine) as session, session.begin():
        inbox = Inbox(session, "billing")
        assert [inbox.prune(older=3600, most=3) for _ in range(3)] == [6, 2, 0]
        assert Inbox(session, "shipping").prune(older=3600) == 0
        with pytest.raises(UsageError, match="at least 3600"):
            inbox.prune(older=3599)
    assert [consumer.deliver(Message(f"m{number}")) for number in (0, 4)] == ["first", "duplicate"]


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        (HTTP, b"{}", Message("a b", "k", 3, "/shop")),
        ({"ce_id": b"a%20b", "ce_subject": b"k", "ce_partitionkey": b"p"}, b"", Message("a%20b", "p")),
        ({"cloudEvents:id": "1", "cloudEvents_source": "/s"}, b"", Message("1", source="/s")),
        (
            {"content-type": "x"},
            json.dumps({"id": "1", "source": "/s", "subject": "k", "version": "7"}),
            Message("1", "k", 7, "/s"),
        ),
    ],
)
def test_a_cloudevent_is_read_from_headers_or_from_its_body(headers, body, message):
    assert Message.from_cloudevent(headers, body) == message


def test_the_place_in_the_outbox_may_serve_as_version():
    found = Message.from_cloudevent({"ce-id": "1", "ce-sequence": "00000000000000000042", "ce-subject": "k"}, version="sequence")
    assert found.version == 42


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        ({}, b"", "has no id"),
        ({}, b"[]", "has no id"),
        ({}, b'{"id": 7}', "has no id"),
        ({"ce-id": "1", "ce-version": "one"}, b"", "is no whole number"),
    ],
)
def test_what_is_no_cloudevent_is_refused(headers, body, words):
    with pytest.raises(UsageError, match=words):
        Message.from_cloudevent(headers, body)


EVENTS = st.lists(st.sampled_from("kl"), min_size=1, max_size=6)
CRASHES = st.lists(st.sampled_from(["none", "before commit", "before acknowledging"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(EVENTS, CRASHES, st.randoms(use_true_random=False))
def test_at_least_once_and_an_inbox_are_once_at_any_crash_point(keys, crashes, draw):
    """A relay sends each event until it is acknowledged, and may send older ones again at any time."""
    counts = defaultdict(int)
    sent = []
    for number, key in enumerate(keys):
        counts[key] += 1
        sent.append(Message(f"{number}", key, counts[key]))
    with sqlite3.connect(":memory:") as database:
        for statement in script("sqlite"):
            database.execute(statement)
        database.execute("CREATE TABLE effect (key TEXT, version INTEGER)")
        database.commit()
        for message in sent:
            arrivals = [*draw.sample(sent[: sent.index(message)], draw.randint(0, sent.index(message))), message]
            for arrived in arrivals:
                while _crashed(database, arrived, crashes.pop() if crashes else "none"):
                    pass
        done = database.execute("SELECT key, version FROM effect ORDER BY rowid").fetchall()
    database.close()
    assert done == [(message.key, message.version) for message in sent]


def _crashed(database, message, crash):
    """Deliver it once; whether the relay has to do so again."""
    with Inbox(database, "billing").once(message) as first:
        if first:
            database.execute("INSERT INTO effect VALUES (?, ?)", (message.key, message.version))
    database.rollback() if crash == "before commit" else database.commit()
    return crash != "none"


README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")


def test_the_publisher_and_the_consumer_of_the_readme_work(consumer):
    """What one publishes, the other does once; its session is theirs."""
    names = {"bill": lambda session, body: write(session, json.loads(body)["total"])}
    for start in ("from reconcile.outbox import publish", "from reconcile.inbox import"):
        exec(next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if block.startswith(start)), names)
    with consumer.engine.begin() as connection:
        events_table("outbox_events", consumer.dialect).create(connection)
    order = SimpleNamespace(no=7, total="9.50", version=1)
    with Session(consumer.engine) as session:
        session.add = lambda each: None
        names["place"](session, order)
        session.commit()
        row = session.connection().exec_driver_sql("SELECT event_id, payload FROM outbox_events").one()
        for _ in range(2):
            names["receive"](session, {"ce-id": row.event_id, "ce-subject": "7", "ce-version": "1"}, row.payload)
    assert consumer.effects == ["9.50"]
