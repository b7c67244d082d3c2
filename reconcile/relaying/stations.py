"""The databases that changes are collected from, and the courses that start there.

Everything is opened once and kept: to look at every schema before each batch would take longer than the batch. What cannot be
opened is tried again later, and keeps only its own feeds from being collected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, inspect, make_url, select
from sqlalchemy.exc import ArgumentError

from reconcile.applying.budget import WATCHED, Allowance, Budget
from reconcile.capturing.feed import feeds
from reconcile.capturing.tables import OUTBOX
from reconcile.databases.database import Database, opened
from reconcile.databases.pair import paired
from reconcile.mapping.canonical import key_text
from reconcile.mapping.model import Database as Address
from reconcile.mapping.model import Mapping as RowMapping
from reconcile.mapping.model import Plan
from reconcile.owning.ownership import NEW, OLD, Disagreement, Ownership, agreement, ensure_row, ensure_tables, standing
from reconcile.owning.tables import OWNER
from reconcile.relaying import tables
from reconcile.relaying.change import Listener
from reconcile.relaying.course import FAILING, HALTED, Course
from strangler.core.errors import DatabaseError, Refusal, StranglerError

_RETRY = 2.0  # seconds until what could not be opened is tried again
_PYMYSQL = {"read_timeout": "60", "write_timeout": "60"}  # seconds
_WAITS = {
    "mysql": _PYMYSQL,
    "mariadb": _PYMYSQL,
    "postgresql": {
        **{"keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3"},  # seconds, seconds, times
        "tcp_user_timeout": "30000",  # milliseconds
    },
}
_SOON = 0.2  # seconds, if it is in the middle of a move


@dataclass(slots=True)
class Station:
    """A captured database.

    Attributes:
        listeners: by feed; a feed is only there if all who listen to it are open.
        ownerships: of every mapping that listens, as they were when it was opened.
        notes_at: when to beat, and to note how things stand, the next time (on the relay's own clock, in seconds).
        prunes_at: when to forget what is long past.
        unsettled: batches that were applied, and could not be settled.
    """

    database: Database
    listeners: Mapping[str, Sequence[Listener]] = field(default_factory=dict)
    ownerships: Mapping[str, Ownership] = field(default_factory=dict)
    courses: tuple[Course, ...] = ()
    notes_at: float = 0.0
    prunes_at: float = 0.0
    resumes_at: float = 0.0
    troubles: int = 0
    unsettled: list[Callable[[], object]] = field(default_factory=list)
    applied: Counter[str] = field(default_factory=Counter)  # keys by mapping, not noted yet

    def moved(self, connection: Connection) -> list[str]:
        """The mappings whose owner, or epoch, is another one by now.

        What is said stays so until the transaction ends: else whoever is held up between this look and the next statement would
        take what the new owner's application writes meanwhile for somebody else's, and pass it over.
        """
        ours = OWNER.c.mapping.in_(sorted(self.ownerships))
        query = select(OWNER.c.mapping, OWNER.c.owner, OWNER.c.epoch).where(ours).order_by(OWNER.c.mapping)
        rows = connection.execute(query.with_for_update(read=True))
        said = {mapping: Ownership(owner, epoch) for mapping, owner, epoch in rows}
        return [name for name, known in self.ownerships.items() if said.get(name, Ownership()) != known]


class Stations:
    """Opens what a plan's mappings need, and knows what could not be opened and why."""

    def __init__(self, plan: Plan, largest: int, budget: Budget = WATCHED) -> None:
        self._plan, self._largest, self._budget = plan, largest, budget
        self._stack = ExitStack()
        self._databases: dict[str, Database] = {}
        self._courses: dict[str, Course] = {}
        self._stations: dict[str, Station] = {}
        self._next_try = 0.0
        self._unwatched = self._moving = False
        self.troubles: dict[str, tuple[str, str]] = {}  # mapping: state, and why

    def close(self) -> None:
        self._stack.close()
        self._databases.clear()
        self._courses.clear()
        self._stations.clear()

    def look(self, instant: float) -> list[Station]:
        """All stations, with what can be opened by now."""
        missing = [mapping for mapping in self._plan.mappings if mapping.name not in self._courses]
        if (missing or self._unwatched) and instant >= self._next_try:
            self._unwatched = self._moving = False
            for mapping in missing:
                self._try(mapping)
            self._next_try = instant + (_SOON if self._moving else _RETRY)
            self._arrange()
        return list(self._stations.values())

    def forget(self, names: Collection[str]) -> None:
        """Open these courses anew: their owner has moved, or their schema may have changed."""
        for name in names:
            self._courses.pop(name, None)
        self._next_try = 0.0
        self._arrange()

    def refresh(self, course: Course) -> None:
        """Look at the schemas again: they may have changed, and be why the course stumbled."""
        try:
            found = self._open(self._plan.mapping(course.name))
        except StranglerError as error:
            course.why = f"{course.why}; {error}" if str(error) not in course.why else course.why
        else:
            if found.ownership == course.ownership:
                course.pair, course.allowance = found.pair, found.allowance

    def _try(self, mapping: RowMapping) -> None:
        try:
            self._courses[mapping.name] = self._open(mapping)
            self.troubles.pop(mapping.name, None)
        except StranglerError as error:
            self._moving = self._moving or isinstance(error, Disagreement)
            self.troubles[mapping.name] = (FAILING if isinstance(error, DatabaseError) else HALTED, str(error))

    def _open(self, mapping: RowMapping) -> Course:
        if len(mapping.name) > tables.NAME_LENGTH:
            raise Refusal(f"{mapping.name}: a relayed mapping's name has at most {tables.NAME_LENGTH} characters: shorten it")
        old, new = self._database(mapping.source.database), self._database(mapping.target.database)
        ownership = agreement(mapping.name, standing(old, mapping.name), standing(new, mapping.name))
        rests = mapping.back is None and mapping.one_way is not None
        pair = paired(self._plan, mapping.name, old, new, back=ownership.owner == NEW and not rests)
        captured = pair.source.database
        if not _has_outbox(captured):
            raise Refusal(f"database {captured.name} has no outbox: install capture with `strangler data capture install`")
        for database in (old, new):
            ensure_tables(database)
            ensure_row(database, mapping.name)
        return Course(mapping.name, pair, ownership, Allowance(mapping.name, self._budget), self._largest)

    def _database(self, name: str) -> Database:
        if name not in self._databases:
            addresses = {name: bounded(self._plan.databases[name])}
            (self._databases[name],) = self._stack.enter_context(opened(addresses, name))
        return self._databases[name]

    def _arrange(self) -> None:
        """Which station collects for whom. A database that is captured on the side that is not the owner's is watched, too."""
        for name, database in self._databases.items():
            if name not in self._stations:
                self._watch(name, database)
        for name, station in self._stations.items():
            started = [course for course in self._courses.values() if course.copies and course.pair.source.database.name == name]
            order = {mapping.name: place for place, mapping in enumerate(self._plan.mappings)}
            station.courses = tuple(sorted(started, key=lambda course: order[course.name]))
            station.listeners = self._listeners(name)
            heard = {listener.mapping for listeners in station.listeners.values() for listener in listeners}
            station.ownerships = {mapping: self._courses[mapping].ownership for mapping in heard}

    def _watch(self, name: str, database: Database) -> None:
        try:
            if _has_outbox(database):
                tables.ensure(database)
                ensure_tables(database)
                self._stations[name] = Station(database)
            self.troubles.pop(f"database {name}", None)
        except DatabaseError as error:
            self.troubles[f"database {name}"] = (FAILING, str(error))
            self._unwatched = True

    def _listeners(self, database: str) -> dict[str, list[Listener]]:
        found: dict[str, list[Listener]] = {}
        closed: set[str] = set()
        for mapping in self._plan.mappings:
            for side, name in ((OLD, mapping.source.database), (NEW, mapping.target.database)):
                for feed in feeds(mapping, "new" if side == NEW else "old") if name == database else ():
                    course = self._courses.get(mapping.name)
                    if course is None:
                        closed.add(feed.name)
                    else:
                        owns, heard = course.ownership.owner == side, found.setdefault(feed.name, [])
                        if course.copies or not owns:
                            heard.append(Listener(mapping.name, owns, course.parse, key_text))
        return {feed: listeners for feed, listeners in found.items() if feed not in closed}


def bounded(address: Address) -> Address:
    """With an end to every wait for a server that has gone without a word, unless the address says how long to wait itself."""
    try:
        url = make_url(address.url)
    except ArgumentError:
        return address  # opening it says what is wrong
    waits = _WAITS.get(url.get_backend_name())
    if waits is None:
        return address
    url = url.update_query_dict({name: value for name, value in waits.items() if name not in url.query})
    return replace(address, url=url.render_as_string(hide_password=False))


def _has_outbox(database: Database) -> bool:
    with database.reading() as connection:
        return inspect(connection).has_table(OUTBOX.name)
