"""An outbox whose relays, consumer and database die under it: nothing is lost, nothing out of order, every effect there once.

    python -m benchmarks.outbox --chaos --kills 200 --dialect postgresql

Four writers change accounts, and write an event in the same transaction; two relays, processes of their own, deliver by HTTP to a
consumer, a process with a database of its own that has each effect once by the inbox. Somebody kills all of these, again and
again, with SIGKILL, and restarts the database. The oracle is the writers' books: an account's `n` is how often it was changed, so
its events are 1 to n, and each must have had its effect, once, after the one before it.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from reconcile.databases.database import opened
from reconcile.inbox.inbox import Inbox
from reconcile.inbox.message import Message
from reconcile.inbox.tables import create
from reconcile.mapping.model import Database, Plan
from reconcile.outbox import tables
from reconcile.outbox.init import init
from reconcile.outbox.model import Outbox, Route
from reconcile.outbox.publisher import publish
from reconcile.outbox.relay import OutboxRelay
from reconcile.outbox.status import OutboxStatus, status
from reconcile.relaying.patience import Patience
from reconcile.sinks.settings import Http
from strangler.core.errors import DatabaseError

WRITERS, RELAYS, ACCOUNTS = 4, 2, 12  # accounts of a writer
_PATIENCE = Patience(lease=2.0, deaths=100, attempts=1000, pause=0.05, longest_pause=1.0)  # seconds
_BETWEEN = 0.6  # seconds between two kills, at most
_DOWN = 0.3  # seconds that what was killed stays away
_PACE = 0.05  # seconds between two transactions of a writer, about
_AT_ONCE = 8  # events that the consumer is at
_QUIET = 90.0  # seconds without a change, after which nothing is waited for
_ENDS = 300.0  # seconds that every process gets to begin
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["benchmarks.mayhem", "psycopg", "pymysql", "reconcile.sinks.http"])
_BOOKS = (
    "CREATE TABLE effect (account INTEGER PRIMARY KEY, n INTEGER NOT NULL, times INTEGER NOT NULL)",
    "CREATE TABLE tally (duplicates INTEGER NOT NULL, disorders INTEGER NOT NULL)",
    "INSERT INTO tally VALUES (0, 0)",
)
_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql", "sqlite": "sqlite"}


def cut(url: str) -> None:
    """End every connection to a server's database, as a restart does; what was under way is rolled back."""
    found = make_url(url)
    with engine(url).connect() as connection:
        if found.get_backend_name() == "postgresql":
            where = "datname = current_database() AND pid <> pg_backend_pid()"
            connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {where}"))
            return
        where = "db = database() AND id <> connection_id()"
        for number in connection.execute(text(f"SELECT id FROM information_schema.processlist WHERE {where}")).scalars().all():
            with suppress(DBAPIError):  # it has gone by itself
                connection.execute(text(f"KILL {number}"))


def engine(url: str) -> Engine:
    found = make_url(url)
    driver = _DRIVERS[found.get_backend_name()]
    return create_engine(found.set(drivername=driver), poolclass=NullPool, connect_args=_arguments(url))


def _arguments(url: str) -> dict[str, Any]:
    return {"timeout": 60} if url.startswith("sqlite") else {}


def plan(url: str, port: int) -> Plan:
    sink = Route("shop", Http(f"http://127.0.0.1:{port}/events"), attempts=_PATIENCE.attempts, concurrency=_AT_ONCE // RELAYS)
    return Plan({"old": Database(url)}, (), outbox=Outbox("old", sinks=(sink,)))


def relay(url: str, port: int, told: Any) -> None:
    """One relay; it is killed."""
    told.send(os.getpid())
    while True:
        with suppress(DatabaseError):  # it is restarting
            OutboxRelay(plan(url, port), patience=_PATIENCE).run(threading.Event())
        time.sleep(0.1)


def consume(url: str, port: int, told: Any) -> None:
    """The consumer; it is killed as well."""
    books = create_engine(engine(url).url, pool_pre_ping=True, pool_size=_AT_ONCE, max_overflow=0, connect_args=_arguments(url))

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return  # whoever sent it was killed
            try:
                with books.begin() as connection:
                    _take_in(connection, Message.from_cloudevent(dict(self.headers), body), json.loads(body)["data"])
                answer = 204
            except DBAPIError:
                answer = 503
            self.send_response(answer)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # relays are killed while they ask
    told.send(os.getpid())
    server.serve_forever()


def _take_in(connection: Any, message: Message, change: dict[str, int]) -> None:
    with Inbox(connection, "shop").once(message) as first:
        if not first:
            connection.execute(text("UPDATE tally SET duplicates = duplicates + 1"))
            return
        key, number = change["account"], change["n"]
        before = connection.execute(text("SELECT n FROM effect WHERE account = :key"), {"key": key}).scalar()
        if before is None:
            connection.execute(text("INSERT INTO effect VALUES (:key, 0, 0)"), {"key": key})
        if number != (before or 0) + 1:
            connection.execute(text("UPDATE tally SET disorders = disorders + 1"))
        connection.execute(
            text("UPDATE effect SET n = :number, times = times + 1 WHERE account = :key"), {"key": key, "number": number}
        )


class Writer(threading.Thread):
    """Changes its own accounts. `acknowledged`: by account, the last change that was certainly committed."""

    def __init__(self, url: str, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._engine, self._low, self._stop_, self._draw = engine(url), number * ACCOUNTS, stop, random.Random(number)
        self.acknowledged: dict[int, int] = {}

    def run(self) -> None:
        while not self._stop_.wait(self._draw.uniform(0, 2 * _PACE)):
            with suppress(DBAPIError):  # the database is away; what came of this is in its books
                self._change(sorted(self._draw.sample(range(self._low, self._low + ACCOUNTS), self._draw.randint(1, 3))))

    def _change(self, accounts: list[int]) -> None:
        changed = {}
        with self._engine.begin() as connection:
            for account in accounts:
                connection.execute(text("UPDATE account SET n = n + 1 WHERE id = :id"), {"id": account})
                number = connection.execute(text("SELECT n FROM account WHERE id = :id"), {"id": account}).scalar_one()
                publish(connection, "account.changed", {"account": account, "n": number}, key=f"{account}")
                changed[account] = int(number)
            self._dawdle(connection)
        self.acknowledged |= changed

    def _dawdle(self, connection: Any) -> None:
        """Some are committed late, and some not at all."""
        if connection.dialect.name != "sqlite" and self._draw.random() < 0.05:
            time.sleep(self._draw.uniform(0.05, 0.3))
        if self._draw.random() < 0.03:
            connection.execute(text("SELECT * FROM there_is_no_such_table"))


@dataclass(slots=True)
class Hand:
    """A process that is started again whenever it was killed."""

    work: Callable[..., None]
    given: tuple[Any, ...]
    process: Any = None

    def start(self) -> None:
        here, there = _PROCESSES.Pipe()
        self.process = _PROCESSES.Process(target=self.work, args=(*self.given, there), daemon=True)
        self.process.start()
        there.close()
        if not here.poll(_ENDS):
            raise TimeoutError("a process did not begin")
        here.recv()

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. `wrong`: everything that is not as it should be; empty."""

    kills: int
    restarts: int
    events: int
    duplicates: int
    wrong: tuple[str, ...]


@dataclass(slots=True)
class Mayhem:
    """One run. `restart`: restarts the database, if that can be done."""

    old: str
    new: str
    port: int
    kills: int
    seed: int = 1
    restart: Callable[[], None] | None = None
    restarts: int = 0
    _writers: list[Writer] = field(default_factory=list)

    def run(self) -> Outcome:
        self._prepare()
        stop, draw = threading.Event(), random.Random(self.seed)
        self._writers = [Writer(self.old, number, stop) for number in range(WRITERS)]
        with self._hands() as hands:
            for writer in self._writers:
                writer.start()
            for number in range(1, self.kills + 1):
                time.sleep(draw.uniform(0, _BETWEEN))  # where it is killed is meant to be left to chance
                self._harm(hands[number % len(hands)], number)
            stop.set()
            for writer in self._writers:
                writer.join()
            found = self._rest()
        return self._judge(found)

    def _harm(self, hand: Hand, number: int) -> None:
        if self.restart and number % max(2, self.kills // 4) == 0:
            self.restart()
            self.restarts += 1
        hand.kill()
        time.sleep(_DOWN)  # in which others find that it is not there
        hand.start()

    @contextmanager
    def _hands(self) -> Iterator[list[Hand]]:
        hands = [Hand(consume, (self.new, self.port)), *(Hand(relay, (self.old, self.port)) for _ in range(RELAYS))]
        for hand in hands:
            hand.start()
        try:
            yield hands
        finally:
            for hand in hands:
                hand.kill()

    def _prepare(self) -> None:
        init(plan(self.old, self.port))
        with opened({"old": Database(self.old)}, "old") as (database,):
            tables.ensure(database)
        with engine(self.old).begin() as connection:
            connection.execute(text("CREATE TABLE account (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"))
            for account in range(WRITERS * ACCOUNTS):
                connection.execute(text(f"INSERT INTO account VALUES ({account}, 0)"))
        with engine(self.new).begin() as connection:
            create(connection)
            connection.execute(
                text("CREATE TABLE effect (account INTEGER PRIMARY KEY, n INTEGER NOT NULL, times INTEGER NOT NULL)")
            )
            connection.execute(text("CREATE TABLE tally (duplicates INTEGER NOT NULL, disorders INTEGER NOT NULL)"))
            connection.execute(text("INSERT INTO tally VALUES (0, 0)"))

    def _rest(self) -> OutboxStatus:
        """Wait until nothing is under way, or nothing changes any more."""
        seen, ends = None, 0.0
        while True:
            with suppress(DatabaseError):
                found = status(plan(self.old, self.port))
                moved = found.waiting, [(sink.pending, sink.unspread) for sink in found.sinks]
                if moved != seen:
                    seen, ends = moved, time.monotonic() + _QUIET
                if found.is_idle or time.monotonic() > ends:
                    return found
            time.sleep(0.1)

    def _judge(self, found: OutboxStatus) -> Outcome:
        with engine(self.old).begin() as connection:
            books = {row.id: row.n for row in connection.execute(text("SELECT id, n FROM account"))}
        with engine(self.new).begin() as connection:
            effects = {row.account: (row.n, row.times) for row in connection.execute(text("SELECT * FROM effect"))}
            duplicates, disorders = connection.execute(text("SELECT duplicates, disorders FROM tally")).one()
        wrong = [
            f"account {each}: {n} changes, {effects.get(each)}"
            for each, n in books.items()
            if effects.get(each, (0, 0)) != (n, n)
        ]
        for writer in self._writers:
            lost = [f"account {each}: {n} was acknowledged" for each, n in writer.acknowledged.items() if books[each] < n]
            wrong += lost
        wrong += [f"{disorders} events came before one that comes before them"] * bool(disorders)
        wrong += [f"{sink.dead} dead letters, {sink.pending} pending" for sink in found.sinks if sink.dead or sink.pending]
        return Outcome(self.kills, self.restarts, sum(books.values()), duplicates, tuple(wrong))
