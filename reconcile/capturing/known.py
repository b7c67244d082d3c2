"""Whether what capture says of a mapping is all that there is to say.

A feed loses changes when it is installed (what came before), paused, changed by others, or truncated; each such loss is noted
once. A full pass that was clean makes up for those that were noted when it began: a witness, taken then, remembers which.
Losses are counted, not timed: clocks may jump.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from reconcile.capturing import state
from reconcile.capturing.feed import Which, feeds
from reconcile.capturing.state import CHANGED, MISSING, UNCONFIRMED, FeedState
from reconcile.capturing.tables import KNOWN, LOSS, PAUSED
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.mapping.model import Mapping as RowMapping

_BECAUSE = {
    MISSING: "capture is not installed",
    CHANGED: "its triggers are not those that were installed",
    PAUSED: "capture is paused",
    UNCONFIRMED: "its triggers were made by hand, and are confirmed by the next `capture install`",
}


@dataclass(frozen=True, slots=True)
class Witness:
    """The losses of a mapping's feeds at one moment; `whole` says that all of them were captured then."""

    losses: Mapping[str, int]
    whole: bool


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Known: a full pass was clean, and every change since then went through the outbox.

    Attributes:
        since: µs since the epoch; None where nobody noted it.
        why: why it is not known, naming the feed; empty if it is.
    """

    known: bool
    since: int | None = None
    why: str = ""


def witness(database: Database, mapping: RowMapping, side: Which = "old") -> Witness:
    """To be taken before a full pass reads its first row."""
    with database.reading() as connection:
        states = _states(connection, database.dialect, mapping, side)
    return Witness({name: found.losses for name, found in states.items()}, all(found.writes for found in states.values()))


def clear_unknown(database: Database, mapping: RowMapping, seen: Witness | None = None, side: Which = "old") -> bool:
    """A full pass was clean: what was lost before it began is made up for. Returns whether it changed anything.

    Without a witness from its begin, losses during the pass would count as made up; give one. One that was taken while a feed
    was not captured is worth nothing.
    """
    seen = seen or witness(database, mapping, side)
    if not seen.whole:
        return False
    with database.writing() as connection:
        connection.execute(delete(KNOWN).where(KNOWN.c.mapping == mapping.name, KNOWN.c.feed.in_(seen.losses)))
        rows = [{"mapping": mapping.name, "feed": feed, "losses": losses} for feed, losses in seen.losses.items()]
        connection.execute(KNOWN.insert().values(at=now(database)), rows)
    return True


def knowledge(connection: Connection, dialect: str, mapping: RowMapping, side: Which = "old") -> Knowledge:
    """Known or not, since when, and because of what."""
    states = _states(connection, dialect, mapping, side)
    for found in states.values():
        if not found.writes:
            return Knowledge(False, found.since, f"{found.feed}: {_BECAUSE[found.state]}")
    made_up = _made_up(connection, mapping.name)
    lost = [_first_loss(connection, found, made_up) for found in states.values()]
    worst = min((each for each in lost if each), key=lambda each: each.since or 0, default=None)
    return worst or Knowledge(True, max(at for _, at in made_up.values()))


def _states(connection: Connection, dialect: str, mapping: RowMapping, side: Which) -> Mapping[str, FeedState]:
    return state.read(connection, dialect, [feed.name for feed in feeds(mapping, side)])


def _made_up(connection: Connection, mapping: str) -> dict[str, tuple[int, int]]:
    rows = connection.execute(select(KNOWN).where(KNOWN.c.mapping == mapping))
    return {row.feed: (row.losses, row.at) for row in rows}


def _first_loss(connection: Connection, found: FeedState, made_up: Mapping[str, tuple[int, int]]) -> Knowledge | None:
    """The oldest loss that no pass has made up for; None if there is none."""
    count, _ = made_up.get(found.feed, (0, 0))
    if found.feed in made_up and found.losses == count:
        return None
    row = connection.execute(select(LOSS).where(LOSS.c.feed == found.feed).order_by(LOSS.c.id).offset(count).limit(1)).first()
    at, why = (row.at, row.why) if row else (None, "nobody knows what it missed")
    return Knowledge(False, at, f"{found.feed}: {why}, and no full pass has been clean since")
