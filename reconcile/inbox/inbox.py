"""An event's effect once: a row for each message, written in the transaction that has the effect.

Both are committed, or neither. Whoever has a message first holds its row until the end; another one with the same message waits
for that, and then it is a duplicate, or the first one if the other took everything back.

    with Session(engine) as session, session.begin():
        with Inbox(session, "billing").once(Message.from_cloudevent(headers, body)) as first:
            if first:
                session.add(Invoice(...))
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from reconcile.databases.caller import HERE, Caller
from reconcile.databases.instant import NOW
from reconcile.inbox.message import Message
from strangler.core.errors import UsageError

LENGTH = 200  # of a message's name and a key's, in characters
HOUR, DAY = 3_600.0, 86_400.0
_UPSERT = {
    "mariadb": "ON DUPLICATE KEY UPDATE",
    **dict.fromkeys(("sqlite", "postgresql"), "ON CONFLICT (consumer, {part}) DO UPDATE SET"),
}
_NEW = {"mariadb": "VALUES({})", **dict.fromkeys(("sqlite", "postgresql"), "excluded.{}")}


@dataclass(frozen=True, slots=True)
class Verdict:
    """True if the effect is to be had. `why` not: ``duplicate`` or ``stale``; else empty."""

    why: str = ""

    def __bool__(self) -> bool:
        return not self.why


FIRST, DUPLICATE, STALE = Verdict(), Verdict("duplicate"), Verdict("stale")


class Inbox:
    """What one consumer has done, by the connection that it does it with.

    Args:
        connection: a Session or Connection of SQLAlchemy, or a connection of a driver; its transaction is the consumer's.
        consumer: its name, at most 64 characters. Each consumer has every message once.
    """

    def __init__(self, connection: Any, consumer: str) -> None:
        if not 0 < len(consumer) <= 64:
            raise UsageError("a consumer needs a name of 1 to 64 characters")
        self._connection = connection
        self._consumer = consumer

    @contextmanager
    def once(self, message: Message) -> Iterator[Verdict]:
        """Whether this is the first time, and the newest of its key. What is written within belongs to the message.

        If the block raises, its effect and the message's row are taken back together, and the transaction can go on: nothing
        is lost by a consumer that handles the error and commits. Nothing is committed here.

        Raises UsageError where every statement would be committed by itself.
        """
        caller = self._caller()
        caller.refuse_automatic("the effect would be there without the message, or the other way round")
        with caller.nested():
            yield self._claimed(caller, message)

    def prune(self, *, older: float = 7 * DAY, most: int = 1000) -> int:
        """Forget messages and versions that are older than so many seconds, at most so many of each. Returns how many.

        Call it until it gives 0, and commit after each: a duplicate that comes later than that has its effect again, so `older`
        has to be longer than anything keeps an event (`keep` of the outbox, the retention of the broker). At least an hour.
        """
        if older < HOUR:
            raise UsageError("an inbox that forgets within the hour lets duplicates through: write at least 3600 seconds")
        caller = self._caller()
        age = int(older * 1_000_000)
        return sum(self._pruned(caller, table, part, age, most) for table, part in _TABLES.items())

    def _caller(self) -> Caller:
        """Anew each time: a Session has another connection after each commit."""
        caller = Caller(self._connection)
        if caller.dialect not in NOW:
            raise UsageError(f"the inbox runs on {', '.join(NOW)}, not on {caller.dialect}")
        return caller

    def _claimed(self, caller: Caller, message: Message) -> Verdict:
        name = _short(f"{message.source} {message.id}" if message.source else message.id)
        if not self._is_new(caller, name):
            return DUPLICATE
        if message.key is None or message.version is None:
            return FIRST
        return FIRST if self._is_newest(caller, _short(message.key), message.version, name) else STALE

    def _is_new(self, caller: Caller, name: str) -> bool:
        """Counting locks the row that another one has written, also on MariaDB, where an ignored insert would only share it."""
        change = "seen = strangler_inbox.seen + 1"
        return bool(self._upserted(caller, "strangler_inbox", {"message": name, "seen": 1}, change, "seen") == 1)

    def _is_newest(self, caller: Caller, key: str, version: int, name: str) -> bool:
        """Whether the row is ours afterwards. MariaDB sees what an assignment to the left has made, so the version comes last."""
        table = "strangler_inbox_version"
        new = _NEW[caller.dialect].format
        newer = f"CASE WHEN {new('version')} > {table}.version THEN {new('{0}')} ELSE {table}.{{0}} END"
        change = ", ".join(f"{column} = {newer.format(column)}" for column in ("message", "version"))
        values = {"key": key, "version": version, "message": name}
        return bool(self._upserted(caller, table, values, change, "message") == name)

    def _upserted(self, caller: Caller, table: str, values: dict[str, Any], change: str, asked: str) -> Any:
        """Write a row, or change the one with the consumer and the first of the values; what is `asked` of it then."""
        part, now = caller.quote(next(iter(values))), NOW[caller.dialect]
        names = ", ".join(("consumer", *map(caller.quote, values), "at"))
        insert = f"INSERT INTO {table} ({names}) VALUES ({', '.join([HERE] * (len(values) + 1))}, {now})"
        caller.execute(
            f"{insert} {_UPSERT[caller.dialect].format(part=part)} {change}, at = {now}", self._consumer, *values.values()
        )
        query = f"SELECT {asked} FROM {table} WHERE consumer = {HERE} AND {part} = {HERE}"
        row = caller.execute(query, self._consumer, next(iter(values.values())))
        return row and row[0]

    def _pruned(self, caller: Caller, table: str, part: str, age: int, most: int) -> int:
        """Found first, then deleted by key: a DELETE that looks for its rows would lock those that come in meanwhile."""
        name, late = caller.quote(part), f"at < {NOW[caller.dialect]} - {HERE}"
        query = f"SELECT {name} FROM {table} WHERE consumer = {HERE} AND {late} ORDER BY at LIMIT {most:d}"
        found = caller.rows(query, self._consumer, age)
        for (value,) in found:
            delete = f"DELETE FROM {table} WHERE consumer = {HERE} AND {name} = {HERE} AND {late}"
            caller.execute(delete, self._consumer, value, age)
        return len(found)


_TABLES = {"strangler_inbox": "message", "strangler_inbox_version": "key"}


def _short(name: str) -> str:
    """Short enough to be kept, and no other one's."""
    if len(name) <= LENGTH:
        return name
    return f"{name[:100]} {sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"
