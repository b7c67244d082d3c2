"""Whatever dies, nothing is lost, nothing comes back, and nothing stays as it was.

    python -m benchmarks.chaos [--dialect postgresql] [--target mariadb] [--kills 200] [--seed 42] [--fault read-before-lock]

Four writers (`producer`) change a captured database. Two relays copy it, and in the first half of the time a backfill does, too:
each a `python -m reconcile` of its own, with leases of four seconds. They are killed in the middle of what they do and started
again, or stopped for longer than their lease and then continued; connections are cut; and the servers are killed and started.
Then the writers end and the relays come to rest. The new side must then be what the writers' ledgers say, the outbox and the
keys that wait must be gone, and `reconcile` must say clean. Exit code 3 if not; with a fault (`faults`) planted in the processes,
that is what must come of it. Servers are our own, started from what is
installed; PostgreSQL's runs with fsync off, which a killed process does not notice.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

import click
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

import reconcile
from benchmarks.faults import FAULTS
from benchmarks.producer import MAPPINGS, NEW, OLD, Books, Writer, engine, replay, rows
from reconcile.applying import deletions
from reconcile.databases.database import opened
from tests.servers import mariadb, postgresql

DIALECTS = ("sqlite", "postgresql", "mariadb")
LEASE = 4.0  # seconds
QUIET_SECONDS = 60.0  # without any progress
_WRITERS, _ACCOUNTS, _PAUSE = 4, 30, 0.12
_LINGERING = 10.0  # seconds
_LATEST_BACKFILL = 90.0  # seconds after the last harm
_ROOT = Path(__file__).parents[1]
_SERVERS = {"postgresql": postgresql, "mariadb": mariadb}
_CHILD = f"""
import faulthandler, os, pathlib, signal, sys
from functools import partial
from reconcile.backfilling import course
from reconcile.cli.main import main
from reconcile.relaying import relay
faulthandler.register(signal.SIGUSR1)
if fault := sys.argv.pop(1):
    from benchmarks.faults import plant
    plant(fault)
make, look = partial(course.Lease, seconds={LEASE}), relay.Relay._round
def begin(then, *given, **named):
    pathlib.Path(os.environ["CHAOS"], str(os.getpid())).touch()
    return then(*given, **named)
course.Lease, relay.Relay._round = partial(begin, make), lambda self, station: begin(look, self, station)
relay.Patience = partial(relay.Patience, lease={LEASE})
sys.exit(main(sys.argv[1:]))
"""
_ALL = ("--max-deletes", "1000000", "--max-delete-share", "100%")
_SESSIONS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE datname = '{}'",
    "mariadb": "SELECT id FROM information_schema.processlist WHERE db = '{}'",
}
_CUT = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}
_WHO = {  # what to ask a server about those who may be in each other's way
    "postgresql": (
        "SELECT pid, state, wait_event_type, wait_event, now() - xact_start AS age, pg_blocking_pids(pid) AS behind, query "
        "FROM pg_stat_activity WHERE datname IS NOT NULL",
    ),
    "mariadb": ("SHOW FULL PROCESSLIST", "SELECT * FROM information_schema.innodb_trx", "SHOW ENGINE INNODB STATUS"),
}
_LAST_WORDS = 30  # lines


@dataclass(slots=True)
class Hand:
    """One process: what it runs, since when, and until when it is stopped. Times are of the monotonic clock, in seconds."""

    arguments: tuple[str, ...]
    fault: str = ""
    process: subprocess.Popen[bytes] | None = None
    since: float = 0.0
    asleep: float | None = None
    mark: Path | None = None
    wanted: bool = True

    def start(self, folder: Path, clock: float) -> None:
        with (folder / "said").open("ab") as said:
            command = (sys.executable, "-c", _CHILD, self.fault, *self.arguments)
            environment = {**os.environ, "CHAOS": str(folder)}
            self.process = subprocess.Popen(
                command, cwd=_ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        self.since, self.asleep, self.mark = clock, None, folder / str(self.process.pid)
        self.mark.unlink(missing_ok=True)  # of an earlier process with this number

    @property
    def has_begun(self) -> bool:
        """Whether it is at its work: it says so by a file with its number."""
        return self.mark is not None and self.mark.exists()

    def send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def end(self, number: signal.Signals) -> int | None:
        """Its exit code; None if it was not there."""
        if self.process is None:
            return None
        self.send(number)
        self.send(signal.SIGCONT)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.process, self.asleep = None, None


@dataclass(slots=True)
class Result:
    """What came of it; `wrong` is what must not be."""

    done: Counter[str] = field(default_factory=Counter)
    committed: int = 0
    broken: int = 0
    accounts: int = 0
    quiet: float = 0.0
    backfilled: bool = False
    wrong: list[str] = field(default_factory=list)
    scene: list[str] = field(default_factory=list)  # who was where when it did not come to rest, and what was said last


class Chaos:
    """Two databases, everybody at work on them, and who does them harm.

    Args:
        servers: by dialect, those of our own that may be killed.
        urls: of the old and the new database, which are empty.
        fault: one of `faults`, which the processes then have.
    """

    def __init__(self, folder: Path, servers: dict[str, Any], urls: dict[str, str], seed: int, fault: str = "") -> None:
        self._folder, self._servers, self._urls, self._draw = folder, servers, urls, random.Random(seed)
        self._fault = fault
        self.file, self.result = folder / "mappings.yaml", Result()
        self.file.write_text(f"version: 1\ndatabases: {json.dumps(urls)}\nmappings:\n{MAPPINGS}")
        self._prepare()
        ledgers = [folder / f"ledger-{number}" for number in range(_WRITERS)]
        self._writers = [Writer(urls["old"], path, number, seed, _PAUSE) for number, path in enumerate(ledgers)]
        self._ledgers = ledgers
        name = str(self.file)
        self._relays = [Hand(("relay", "-c", name), fault) for _ in range(2)]
        self._backfill = Hand(("backfill", "-c", name, "--chunk", "15", "--rate", "100", *_ALL), fault)

    def _prepare(self) -> None:
        for side, statements in (("old", OLD), ("new", NEW)):
            with engine(self._urls[side]).begin() as connection:
                for statement in statements:
                    connection.execute(text(statement))

    def run(self, kills: int, seconds: float) -> Result:
        for writer in self._writers:
            writer.open(_ACCOUNTS)
        plan = reconcile.load(self.file, {})
        reconcile.install_capture(plan)
        with opened(plan.databases, "new") as (new,):
            for name in plan.names:
                deletions.resume(new, name, 1_000_000)
        if self._fault:
            reconcile.backfill_all(plan)
        for writer in self._writers:
            writer.start()
        try:
            self._harm(kills, seconds)
            self._linger()
        finally:
            for writer in self._writers:
                writer.stop.set()
        for writer in self._writers:
            writer.join(60)
        try:
            self._rest()
        finally:
            self._end()
        self._judge()
        if self.result.wrong:
            self._last_words()
        return self.result

    def _harm(self, kills: int, seconds: float) -> None:
        """A harm at a time, as often as somebody is there to suffer it; the first half of them, or more, beside a backfill."""
        number, due, restart = 0, time.monotonic() + 1.5, self._draw.randrange(3, 6)
        end = due + seconds
        while number < kills or (not self._backfill_is_over and time.monotonic() < due + _LATEST_BACKFILL):
            self._tend()
            kills = kills if time.monotonic() < end else number
            if time.monotonic() < due:
                time.sleep(0.01)
            elif number < kills:
                act = self._servers_down if number % 40 == restart else self._choose()
                if act():
                    number += 1
                    click.echo(f"{number:4} {act.__name__.strip('_').replace('_', ' ')}", err=True)
                    self.result.done[act.__name__.strip("_")] += 1
                due = time.monotonic() + self._draw.uniform(0.02, 0.5)
            self._backfill.wanted = number < kills / 2 or not self._backfill_is_over
            if self._fault and not self._backfill.wanted:
                self._backfill.end(signal.SIGKILL)

    @property
    def _backfill_is_over(self) -> bool:
        """With a fault there was one before, and there must be none at last: it would mend whatever a relay has lost."""
        return self.result.backfilled or bool(self._fault)

    def _linger(self) -> None:
        """What a fault did to rows that change no more is seen when all have been at work together for a while."""
        end = time.monotonic() + _LINGERING * bool(self._fault)
        while time.monotonic() < end:
            self._tend()
            time.sleep(0.05)

    def _choose(self) -> Callable[[], bool]:
        acts: dict[Callable[[], bool], int] = {self._kill_relay: 8, self._kill_backfill: 3, self._stop_relay: 4}
        acts |= {self._stop_backfill: 1, self._cut_connections: 3}
        return self._draw.choices(list(acts), list(acts.values()))[0]

    def _tend(self) -> None:
        """Start who is not there, and continue who has slept for long enough."""
        clock = time.monotonic()
        for hand in (*self._relays, self._backfill):
            if hand.asleep is not None and clock >= hand.asleep:
                hand.asleep = None
                hand.send(signal.SIGCONT)
            if hand.process is not None and hand.process.poll() is not None:
                self.result.backfilled |= hand is self._backfill and hand.process.returncode == 0
                hand.process = None
            if hand.process is None and hand.wanted and clock >= hand.since + 0.5:
                hand.start(self._folder, clock)

    def _kill_relay(self) -> bool:
        return self._kill(*self._relays)

    def _kill_backfill(self) -> bool:
        return self._kill(self._backfill)

    def _stop_relay(self) -> bool:
        return self._stop(*self._relays)

    def _stop_backfill(self) -> bool:
        return self._stop(self._backfill)

    def _kill(self, *hands: Hand) -> bool:
        hand = self._at_work(hands)
        return hand is not None and hand.end(signal.SIGKILL) == -signal.SIGKILL

    def _stop(self, *hands: Hand) -> bool:
        hand = self._at_work(hands)
        if hand is not None:
            hand.asleep = time.monotonic() + LEASE * self._draw.uniform(1.1, 2.0)
            hand.send(signal.SIGSTOP)
        return hand is not None

    def _at_work(self, hands: tuple[Hand, ...]) -> Hand | None:
        """One that has begun, and is awake: to kill those that are still being loaded would show nothing."""
        found = [hand for hand in hands if hand.process is not None and hand.asleep is None and hand.has_begun]
        return self._draw.choice(found) if found else None

    def _cut_connections(self) -> bool:
        """About half of them, whoever's they are."""
        some = False
        for url in map(make_url, self._urls.values()):
            dialect = url.get_backend_name()
            if dialect in self._servers:
                some |= self._cut(dialect, str(url.database))
        return some

    def _cut(self, dialect: str, database: str) -> bool:
        with suppress(DBAPIError), engine(self._servers[dialect].url).connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            for session in sorted(connection.execute(text(_SESSIONS[dialect].format(database))).scalars()):
                if self._draw.random() < 0.5:
                    with suppress(DBAPIError):
                        connection.execute(text(_CUT[dialect].format(session)))
        return True

    def _servers_down(self) -> bool:
        """Not in good order; up again at once, which takes a while by itself."""
        for dialect, server in self._servers.items():
            server.stop(*((signal.SIGKILL,) if dialect == "mariadb" else ()))
            server.start()
        return bool(self._servers) or self._kill_relay()

    def _rest(self) -> None:
        """Until the relays have nothing left, or nothing of it changes for too long: a slow machine is no fault."""
        self.result.backfilled |= self._backfill.end(signal.SIGTERM) == 0
        self._backfill.wanted, began = False, time.monotonic()
        waits, latest = self._waits(), began
        while waits and time.monotonic() < min(latest + QUIET_SECONDS, began + 4 * QUIET_SECONDS):
            self._tend()
            time.sleep(0.2)
            before, waits = waits, self._waits()
            latest = latest if _places(before) == _places(waits) else time.monotonic()
        self.result.quiet = time.monotonic() - began
        if waits:
            self._look_around()
        if not self._backfill_is_over:
            self.result.wrong.append("the backfill did not come to its end")
        self.result.wrong += [f"does not come to rest: {each}" for each in waits[:5]]

    def _look_around(self) -> None:
        """Where everybody is: the children's stacks, and the servers' sessions and locks."""
        for number, hand in enumerate(self._relays):
            self.result.scene.append(f"relay {number}: asleep {hand.asleep}, there {hand.process is not None}")
            hand.send(signal.SIGUSR1)
        for dialect, server in self._servers.items():
            with suppress(DBAPIError), engine(server.url).connect() as connection:
                for query in _WHO[dialect]:
                    self.result.scene += [f"{dialect}: {tuple(row)}" for row in connection.execute(text(query))]
            self.result.scene += (server.folder / "log").read_text(errors="replace").splitlines()[-_LAST_WORDS:]
        time.sleep(1.0)  # until the stacks are written

    def _last_words(self) -> None:
        """Everything that was said, counted, and the end of it as it was said."""
        said = (self._folder / "said").read_text(errors="replace").splitlines()
        self.result.scene += [f"{count} × {line}" for line, count in Counter(said).most_common(_LAST_WORDS)]
        self.result.scene += ["", *said[-4 * _LAST_WORDS :]]

    def _waits(self) -> list[tuple[Any, ...]]:
        with suppress(DBAPIError), engine(self._urls["old"]).connect() as connection:
            queries = ("SELECT * FROM strangler_outbox WHERE operation <> 'H'", "SELECT * FROM strangler_pending")
            return [tuple(row) for query in queries for row in connection.execute(text(query))]
        return [("the old database does not answer",)]

    def _end(self) -> None:
        """In good order: a relay that is asked to stop finishes what it has in hand."""
        for relay in self._relays:
            if (code := relay.end(signal.SIGTERM)) not in (0, None):
                self.result.wrong.append(f"a relay that was asked to stop ended with {code}")
        self._backfill.end(signal.SIGKILL)

    def _judge(self) -> None:
        books = replay(self._ledgers)
        self.result.committed = sum(writer.committed for writer in self._writers)
        self.result.broken, self.result.accounts = sum(writer.broken for writer in self._writers), len(books.account)
        self.result.wrong += list(self._differences(books))
        command = (sys.executable, "-m", "reconcile", "reconcile", "-c", str(self.file))
        said = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=120)
        if said.returncode:
            self.result.wrong.append(f"reconcile says: {said.stdout} {said.stderr}")

    def _differences(self, books: Books) -> Iterator[str]:
        """Told by ledgers and plain SQL only."""
        for side, wanted in (("old", books.old()), ("new", books.new())):
            with engine(self._urls[side]).connect() as connection:
                found = rows(connection, *wanted)
            for table, expected in wanted.items():
                lost, extra = set(expected) - set(found[table]), set(found[table]) - set(expected)
                yield from (f"{side}.{table}: {row} is not there" for row in sorted(lost)[:5])
                yield from (f"{side}.{table}: {row} should not be there" for row in sorted(extra)[:5])


def _places(waits: list[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Which rows these are, however often they were tried."""
    return {row[:2] for row in waits}


def run(
    folder: Path,
    servers: dict[str, Any],
    urls: dict[str, str],
    *,
    kills: int,
    seed: int,
    seconds: float = 3600.0,
    fault: str = "",
) -> Result:
    """Do it all in `folder`. After so many seconds there are no more kills."""
    return Chaos(folder, servers, urls, seed, fault).run(kills, seconds)


def database(stack: ExitStack, servers: dict[str, Any], dialect: str, folder: Path, side: str) -> str:
    """A new one."""
    if dialect == "sqlite":
        (folder / f"{side}.db").touch()
        return f"sqlite:///{folder}/{side}.db"
    if dialect not in servers:
        servers[dialect] = stack.enter_context(_SERVERS[dialect].serving())
    name = f"chaos_{token_hex(6)}"
    administrator = create_engine(servers[dialect].url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    administrator.dispose()
    return make_url(servers[dialect].url).set(database=name).render_as_string(hide_password=False)


@click.command()
@click.option("--dialect", type=click.Choice(DIALECTS), default="postgresql", show_default=True, help="Of the old side.")
@click.option("--target", type=click.Choice(DIALECTS), help="Of the new side; the same, without it.")
@click.option("--kills", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=3600.0, help="No more kills after so long.")
@click.option("--seed", type=int, help="Of all draws; a new one each time if it is not given.")
@click.option("--fault", type=click.Choice(list(FAULTS)), help="Make this mistake: it must be found.")
def main(dialect: str, target: str | None, kills: int, seconds: float, seed: int | None, fault: str | None) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers of our own end, too
    seed = random.randrange(10**6) if seed is None else seed
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as name, ExitStack() as stack:
        folder, servers = Path(name), dict[str, Any]()
        sides = {"old": dialect, "new": target or dialect}
        urls = {side: database(stack, servers, each, folder, side) for side, each in sides.items()}
        result = run(folder, servers, urls, kills=kills, seed=seed, seconds=seconds, fault=fault or "")
    harms = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(result.done.items()))
    planted = f", {fault}" if fault else ""
    click.echo(f"{dialect} to {target or dialect}, seed {seed}{planted}: {harms}, in {time.monotonic() - began:.0f} s")
    click.echo(f"  {result.committed:,} transactions committed, {result.broken:,} cut off; {result.accounts:,} accounts at last")
    click.echo(f"  at rest {result.quiet:.1f} s after the last; backfilled: {result.backfilled}")
    for fault in result.wrong:
        click.echo(f"WRONG {fault}")
    for line in result.scene:
        click.echo(f"  {line}")
    sys.exit(3 if result.wrong else 0)


if __name__ == "__main__":
    main()
