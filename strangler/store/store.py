"""The store as everybody uses it: opened once, safe in threads, every error a `DatabaseError` of one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from secrets import token_hex

from sqlalchemy import Connection, func, select, update

from strangler.core.errors import DatabaseError
from strangler.core.journal import Entry
from strangler.core.ledger import Ledger, total
from strangler.core.model import Retention
from strangler.core.recent import Recent
from strangler.core.records import Batch
from strangler.store import journal, reading, requests, schema
from strangler.store.adding import insert
from strangler.store.balance import ledgers
from strangler.store.database import PATIENCE, Database, connect, in_memory
from strangler.store.recording import Memory, Recorder
from strangler.store.retention import retain, size
from strangler.store.revision import current, known, upgrade
from strangler.store.rows import ArmRow, CauseRow, CountRow, ExampleRow, NoiseRow, Point, Retained, Run, SumRow, VersionRow


class Store:
    """Evidence, kept.

    Attributes:
        exists: False if nothing has been recorded yet; whatever is asked for is then empty.
    """

    def __init__(self, database: Database, exists: bool = True) -> None:
        self.exists = exists
        self._database = database
        self._memory = Memory()

    @classmethod
    def open(cls, url: str, folder: str | Path = "", *, read_only: bool = False, patience: float = PATIENCE) -> Store:
        """Open the store, and bring its tables up to date, or make them.

        Args:
            folder: where a relative path of an SQLite file begins.
            read_only: change nothing, not even the tables; a store that is not there is an empty one.
            patience: seconds in which a transaction that could not be is tried again.

        Raises:
            DatabaseError: it cannot be opened, was written by a newer Strangler, or by an older one and is only to be read.
        """
        database = connect(url, Path(folder), read_only=read_only, patience=patience)
        if database is None:
            return cls._nothing(url)
        try:
            if _up_to_date(database, read_only):
                return cls(database)
        except DatabaseError:
            database.close()
            raise
        database.close()
        return cls._nothing(url)

    @classmethod
    def _nothing(cls, url: str) -> Store:
        database = in_memory(f"store {url}")
        database.writing(schema.metadata.create_all)
        return cls(database, exists=False)

    def close(self) -> None:
        self._database.close()

    def begin_run(self, started: float, version: str, instance: str = "") -> Run:
        """The run of `instance` that began at `started`, in seconds since 1970: a new one, or the one that is known by it.

        What was in flight in earlier runs of the same instance counts as lost from now on.
        """
        return self._database.writing(lambda connection: _begin_run(connection, started, version, instance))

    def end_run(self, run: Run, ended: float) -> None:
        """The run is over: nothing of it is in flight any more. What control still settles is added all the same."""
        statement = update(schema.runs).where(schema.runs.c.number == run.number).values(ended=ended)
        self._database.writing(lambda connection: connection.execute(statement))

    def record(self, batch: Batch, run: Run, token: str = "") -> None:
        """Add a batch, whole. Raises DatabaseError if it could not be, after some patience: keep it, and try later.

        Args:
            token: of the batch, to be the same when it is tried later: it may have been added although that was not heard.
        """
        token = token or token_hex(8)
        recorder = self._database.writing(lambda connection: self._record(connection, batch, run.number, token))
        if recorder:
            self._memory.learn(recorder)

    def _record(self, connection: Connection, batch: Batch, run: int, token: str) -> Recorder | None:
        """None if an earlier try was committed after all, though the connection broke before that was heard."""
        table = schema.runs
        last = connection.scalar(select(table.c.batch).where(table.c.number == run))
        if last is None:
            raise DatabaseError(f"{self._database.name}: its contents were exchanged: restart `strangler serve`")
        if last == token:
            return None
        connection.execute(table.update().where(table.c.number == run), {"batch": token})
        recorder = Recorder(connection, self._memory)
        recorder.record(batch, run, token)
        return recorder

    def settled(self, run: Run) -> dict[tuple[str, str], int]:
        """How many pairs control has settled in a run, by (incarnation of a worker, route)."""
        return self._database.reading(lambda connection: reading.settled(connection, run.number))

    def snapshot(self, run: Run) -> bytes:
        """What the last batch of a run left for the next start of control."""
        query = select(schema.runs.c.snapshot).where(schema.runs.c.number == run.number)
        return self._database.reading(lambda connection: bytes(connection.scalars(query).one()))

    def causes(
        self, route: str | None = None, rules: str | None = None, version: str | None = None, limit: int = 50
    ) -> list[CauseRow]:
        """Causes, those of most pairs first."""
        return self._database.reading(lambda connection: reading.causes(connection, route, rules, version, limit))

    def cause(self, id: str) -> CauseRow:
        """A cause by the beginning of its id. Raises UsageError if there is none, or more than one."""
        return self._database.reading(lambda connection: reading.cause(connection, id))

    def accept(self, id: str) -> CauseRow:
        """Mark a cause as accepted. Raises UsageError like `cause`."""
        return self._database.writing(lambda connection: reading.accept(connection, id))

    def examples(
        self, route: str | None = None, cause_id: str | None = None, limit: int = 50, after_id: str | None = None
    ) -> list[ExampleRow]:
        """Examples, the newest first.

        Args:
            cause_id, after_id: beginnings of ids. What follows `after_id` on the next page is older than it.

        Raises:
            UsageError: an id is of nothing, or of several.
        """
        return self._database.reading(lambda connection: reading.examples(connection, route, cause_id, limit, after_id))

    def newest_examples(self, causes: Sequence[str]) -> dict[str, str]:
        """The id of the newest example of each of these causes (whole ids) that has one."""
        return self._database.reading(lambda connection: reading.newest_examples(connection, causes))

    def example(self, id: str) -> ExampleRow:
        """An example by the beginning of its id. Raises UsageError if there is none, or more than one."""
        return self._database.reading(lambda connection: reading.example(connection, id))

    def examples_after(self, number: int, limit: int = 50) -> list[ExampleRow]:
        """Examples that were stored after that `number` (`ExampleRow.number`, or `newest`), the oldest first: to follow them."""
        return self._database.reading(lambda connection: reading.examples_after(connection, number, limit))

    def newest(self) -> int:
        """The number of the newest example, 0 if there is none."""
        return self._database.reading(reading.newest)

    def counts(
        self, route: str | None = None, since: float | None = None, rules: str | None = None, version: str | None = None
    ) -> list[CountRow]:
        """Pairs by stratum and outcome, from the minute of `since` on (seconds since 1970); the hour's, for what is older than
        two days."""
        return self._database.reading(lambda connection: reading.counts(connection, route, since, rules, version))

    def series(self, route: str | None, since: float, step: float) -> list[Point]:
        """Pairs by outcome in steps of so many seconds, oldest first; a step in which nothing was compared is left out."""
        return self._database.reading(lambda connection: reading.series(connection, route, since, step))

    def arms(self, route: str, since: float | None = None) -> list[ArmRow]:
        """Latencies and failures of both sides, oldest first."""
        return self._database.reading(lambda connection: reading.arms(connection, route, since))

    def sums(
        self, side: str, cells: int, step: float, since: float | None = None, routes: Iterable[str] | None = None
    ) -> list[SumRow]:
        """The first `cells` of all arms whose side begins with `side`, added up in steps of so many seconds, oldest first.

        With `routes`, a short time is found by the key instead of by looking at all there is.
        """
        names = list(routes) if routes is not None else None
        return self._database.reading(lambda connection: reading.sums(connection, side, cells, step, since, names))

    def versions(self, route: str) -> list[VersionRow]:
        """Builds of modern that were compared on a route, by the rules they were under; the one seen last is first."""
        return self._database.reading(lambda connection: reading.versions(connection, route))

    def noise(self, route: str | None = None) -> list[NoiseRow]:
        """What self-comparison has shown, by route and pattern."""
        return self._database.reading(lambda connection: reading.noise(connection, route))

    def ledger(self, route: str | None = None, run: Run | None = None) -> Ledger:
        """The ledger of a route or all, in one run or all."""
        return total(self.ledgers(run, route).values())

    def ledgers(self, run: Run | None = None, route: str | None = None) -> dict[str, Ledger]:
        """The ledger of each route, in one run or all."""
        return self._database.reading(lambda connection: ledgers(connection, run.number if run else None, route))

    def runs(self, limit: int = 50) -> list[Run]:
        """Runs, the newest first."""
        return self._database.reading(lambda connection: reading.runs(connection, limit))

    def append(self, entries: Iterable[Entry]) -> None:
        """Add entries to the journal; those that are there already are left as they are. What is there then, stays."""
        kept = list(entries)
        self._database.writing(lambda connection: journal.append(connection, kept), durable=True)

    def journal(self, route: str | None = None, since: float | None = None, limit: int | None = None) -> list[Entry]:
        """Entries of the journal, oldest first, from `since` on (seconds since 1970); the last `limit` of them."""
        return self._database.reading(lambda connection: journal.read(connection, route, since, limit))

    def requests(self, since: float | None = None, limit: int | None = None) -> list[Recent]:
        """A sample of the requests that came from `since` on (seconds since 1970), the oldest first; the last `limit` of them."""
        return self._database.reading(lambda connection: requests.read(connection, since, limit))

    def retain(self, retention: Retention, now: float) -> Retained:
        """Remove examples that are too old or too many, and count what is older than two days by the hour.

        Many small transactions, so that whoever records waits for none of them for long. `now` in seconds since 1970.
        """
        return retain(self._database, retention, now)

    def size(self) -> int:
        """Bytes of the store: of SQLite's file; for PostgreSQL of what is in use, as its files keep room for more."""
        return size(self._database)


def _up_to_date(database: Database, read_only: bool) -> bool:
    """Whether there is anything to read; migrates first if that is allowed."""
    newest = known()[-1]
    found = database.reading(current)
    if found == newest:
        return True
    if found is not None and found not in known():
        raise DatabaseError(
            f"{database.name} was written by a newer Strangler (its tables are at {found}, this one knows {newest}): "
            "upgrade Strangler, or name another `store:`"
        )
    if not read_only:
        database.writing(upgrade)
    elif found is not None:
        raise DatabaseError(f"{database.name} was written by an older Strangler: start `strangler serve` once to update it")
    return not read_only


def _begin_run(connection: Connection, started: float, version: str, instance: str) -> Run:
    table = schema.runs
    mine = table.c.instance == instance
    new = {"instance": instance, "started": started, "version": version, "alive": "[]", "batch": "", "snapshot": b""}
    connection.execute(insert(connection, table).on_conflict_do_nothing(), new)
    number = connection.execute(select(table.c.number).where(mine, table.c.started == started)).scalar_one()
    if connection.scalar(select(func.max(table.c.number)).where(mine)) == number:  # else it is being taken over from
        connection.execute(table.update().where(mine, table.c.number < number, table.c.ended.is_(None)), {"ended": started})
        connection.execute(table.update().where(table.c.number == number), {"ended": None})
    return reading.run(connection.execute(reading.RUNS.where(table.c.number == number)).one())
