"""What capture knows while a pass is running: whether it can be relied on, and which changes have not been applied yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Column, Connection, Select, select

from reconcile.capturing import catalog, known, state
from reconcile.capturing.feed import Which, feeds
from reconcile.capturing.known import Witness
from reconcile.capturing.state import MISSING
from reconcile.capturing.tables import BEAT, OUTBOX
from reconcile.comparing import touched
from reconcile.comparing.recheck import Waiting
from reconcile.databases.chunk import Key
from reconcile.databases.clock import now
from reconcile.databases.pair import Pair
from reconcile.databases.side import Side
from reconcile.mapping.canonical import key_text
from reconcile.owning import ownership
from reconcile.relaying import pending
from reconcile.relaying.tables import DEAD, PENDING
from strangler.core.errors import Refusal, UsageError

_READ = 20_000  # rows of the outbox that are looked through; behind more than that, everything counts as in flight
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Captured:
    """Capture of one mapping, as it was when a pass began.

    Attributes:
        owner: the side whose database is captured.
        on: the owner's changes are captured. Without it, only time tells what is in flight.
        witness: what had been lost by then.
        begun: µs on the clock of the owner's database.
        follower: what had been lost on the other side by then, if that was asked: it may be captured too, for a cutover to come.
    """

    pair: Pair
    owner: Which
    on: bool
    witness: Witness
    begun: int = 0
    follower: Witness = Witness({}, False)

    @property
    def side(self) -> Side:
        """The owner's side."""
        return _side(self.pair, self.owner)

    def changed(self) -> tuple[int, set[Key]]:
        """Keys that changed since the last clean pass, and the moment (µs, the owner's clock) up to which that is all of them.

        Raises Refusal where it is not known.
        """
        database, name = self.side.database, self.pair.mapping.name
        with database.reading() as connection:
            told = known.knowledge(connection, database.dialect, self.pair.mapping, self.owner)
            if not told.known:
                raise Refusal(f"{name}: what changed since the last clean pass is not known ({told.why}): make a full pass")
            instant = int(connection.execute(select(now(database))).scalar_one())
            texts = (
                set(touched.keys(connection, name)) | set(self._queued(connection))
                if self._is_relayed(connection)
                else set[str]()
            )
            for row in connection.execute(self._outbox(OUTBOX.c.key, OUTBOX.c.old_key)):
                texts |= {text for text in row if text is not None}
        try:
            return instant, {self.side.parse_key_text(text) for text in texts}
        except UsageError as error:
            raise Refusal(f"{name}: {error}: make a full pass") from None

    def forget(self, before: int, keys: Collection[Key] | None = None, again: Collection[Key] = ()) -> None:
        """These keys (all, without) were found equal: what was collected of them until then need not be looked at again.

        `again`: not these.
        """
        name = self.pair.mapping.name
        with self.side.database.writing() as connection:
            if not self._is_relayed(connection):
                return
            touched.forget(connection, name, before, None if keys is None else [key_text(key) for key in keys])
            touched.note(connection, sorted((name, key_text(key)) for key in again), before)

    def doubt(self) -> str:
        """Why what was captured during the pass cannot be relied on; "" if it can, or nothing is captured at all."""
        if not self.on:
            return ""
        seen = known.witness(self.side.database, self.pair.mapping, self.owner)
        if not seen.whole:
            return "capture was paused or changed during the pass"
        return "" if seen.losses == self.witness.losses else "capture lost changes during the pass"

    def make_up(self, unsettled: Collection[Key]) -> None:
        """The pass was full and clean: what capture had missed before it, and what had changed, is made up for."""
        if self.on:
            known.clear_unknown(self.side.database, self.pair.mapping, self.witness, self.owner)
            self.forget(self.begun, again=unsettled)
        if self.follower.whole:
            known.clear_unknown(
                _side(self.pair, _other(self.owner)).database, self.pair.mapping, self.follower, _other(self.owner)
            )

    def waiting(self, connection: Connection, keys: Collection[Key]) -> dict[Key, Waiting]:
        """Those of the keys whose changes are captured and not known to be applied, in one snapshot of the owner's database."""
        if not self.on:
            return {}
        instant = int(connection.execute(select(now(self.side.database))).scalar_one())
        found = {key: Waiting(_age(instant, at)) for key, at in self._in_outbox(connection, keys)}
        if self._is_relayed(connection):
            for key, row in pending.states(connection, self.pair.mapping.name, keys).items():
                found[key] = Waiting(_age(instant, row.first_at), row.state == DEAD and key not in found)
        return found

    def _in_outbox(self, connection: Connection, keys: Collection[Key]) -> Iterator[tuple[Key, int]]:
        rows = connection.execute(self._outbox(OUTBOX.c.key, OUTBOX.c.old_key, OUTBOX.c.at).limit(_READ)).all()
        if len(rows) == _READ:
            yield from ((key, rows[0].at) for key in keys)
            return
        wanted = set(keys)
        for written, old, at in reversed(rows):  # the oldest change of a key is the one that counts
            yield from ((key, at) for key in map(self._key, (written, old)) if key in wanted)

    def _outbox(self, *columns: Column[Any]) -> Select[Any]:
        names = [feed.name for feed in feeds(self.pair.mapping, self.owner)]
        return select(*columns).where(OUTBOX.c.feed.in_(names), OUTBOX.c.operation != BEAT).order_by(OUTBOX.c.id)

    def _is_relayed(self, connection: Connection) -> bool:
        """Whether the relay's tables are there: asked each time, since the first relay may begin in the middle of a pass."""
        return all(catalog.has_table(connection, self.side.database.dialect, table.name) for table in (PENDING, touched.TOUCHED))

    def _queued(self, connection: Connection) -> list[str]:
        return list(connection.execute(select(PENDING.c.key).where(PENDING.c.mapping == self.pair.mapping.name)).scalars())

    def _key(self, written: str | None) -> Key | None:
        try:
            return None if written is None else self.side.parse_key_text(written)
        except UsageError:
            return None


def look(pair: Pair, *, full: bool = False) -> Captured:
    """How capture stands now, on both sides for a full pass. Raises Refusal where it was installed and cannot be relied on."""
    owner = _owner(pair)
    database = _side(pair, owner).database
    names = [feed.name for feed in feeds(pair.mapping, owner)]
    with database.reading() as connection:
        states = state.read(connection, database.dialect, names)
        begun = int(connection.execute(select(now(database))).scalar_one())
    on = any(found.state != MISSING for found in states.values())
    broken = [found for found in states.values() if not found.writes]
    if on and broken:
        raise Refusal(
            f"capture of {broken[0].feed} is {broken[0].state}: what changes now is not seen; `capture status` says more"
        )
    seen = Captured(pair, owner, on, known.witness(database, pair.mapping, owner), begun)
    if not full:
        return seen
    return replace(seen, follower=known.witness(_side(pair, _other(owner)).database, pair.mapping, _other(owner)))


def nothing(pair: Pair) -> Captured:
    """As if nothing were captured."""
    return Captured(pair, "old", False, Witness({}, False))


def _side(pair: Pair, which: Which) -> Side:
    return pair.target if which == "new" else pair.source


def _other(which: Which) -> Which:
    return "old" if which == "new" else "new"


def _owner(pair: Pair) -> Which:
    found = [ownership.standing(side.database, pair.mapping.name) for side in (pair.source, pair.target)]
    return "new" if ownership.agreement(pair.mapping.name, found[0], found[1]).owner == ownership.NEW else "old"


def _age(instant: int, at: int) -> float:
    """Seconds; clocks may step back."""
    return max(0.0, (instant - at) / _MICROSECONDS)
