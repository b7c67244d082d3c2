"""Lanes: a sink's deliveries with the same key. A lane is claimed, sent in order, settled or put off; others do not notice.

A lane's first delivery that can never be made is a dead letter. Where order counts (`hold`) it stays where it is and the lane
with it; else (`pass`) it is set aside, into a lane of its own, and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, literal, select, update

from reconcile.databases.among import among
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.outbox.tables import DEAD, DELIVERY, LANE, WAITING
from reconcile.relaying.lease import Queue, claim_due, claim_orphans
from reconcile.relaying.patience import Fate, Patience
from reconcile.relaying.tables import NEVER

QUEUE = Queue(LANE, "sink")


@dataclass(frozen=True, slots=True)
class Lane:
    """A claimed lane.

    `attempts`: at its first delivery, with this one. `waiting`: how many deliveries. `orphan`: a relay that is gone had it.
    """

    key: str
    token: str
    attempts: int
    waiting: int
    orphan: bool = False


@dataclass(frozen=True, slots=True)
class Dead:
    """A delivery that was given up while those behind it go on."""

    sequence: int
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Turn:
    """How far a claimed lane got: what need not be sent again, what was set aside, and what becomes of the delivery after those.

    Without a fate the lane goes on at once, or is done if nothing is left of it. `empty`: it had no deliveries at all.
    """

    lane: Lane
    sent: tuple[int, ...] = ()
    aside: tuple[Dead, ...] = ()
    fate: Fate | None = None
    empty: bool = False


def is_due(database: Database, connection: Connection, sink: str) -> bool:
    """Whether there is a lane to claim, by a look that locks nothing."""
    moment = now(database)
    due = exists().where(LANE.c.sink == sink, LANE.c.due_at <= moment, LANE.c.token.is_(None))
    orphan = exists().where(LANE.c.token > "", LANE.c.sink == sink, LANE.c.lease_until <= moment)
    return bool(connection.execute(select(due)).scalar()) or bool(connection.execute(select(orphan)).scalar())


def claim(database: Database, connection: Connection, sink: str, limit: int, token: str, patience: Patience) -> list[Lane]:
    """Lanes that are due, or some that another relay left behind; never both, since those may end us as well."""
    orphans = claim_orphans(database, connection, (sink,), limit, token, patience, QUEUE)
    if not orphans:
        claim_due(database, connection, {sink: limit}, limit, token, patience, QUEUE)
    columns = (LANE.c.key, LANE.c.attempts - LANE.c.deaths, LANE.c.version - LANE.c.sent)
    rows = connection.execute(select(*columns).where(LANE.c.token == token).order_by(LANE.c.due_at, LANE.c.key))
    return [Lane(key, token, attempts, waiting, orphans) for key, attempts, waiting in rows]


def settle(database: Database, connection: Connection, sink: str, turns: Sequence[Turn]) -> int:
    """Write down how far lanes got. Those that are no longer ours are left alone; returns how many that were."""
    if not turns:
        return 0
    held = _lock(connection, sink, turns)
    ours = [turn for turn in turns if turn.lane.key in held]
    instant = connection.execute(select(now(database))).scalar_one()
    _forget(connection, sink, [sequence for turn in ours for sequence in turn.sent])
    for turn in ours:
        for dead in turn.aside:
            _set_aside(connection, sink, dead)
    done, left = [], []
    for turn in ours:
        row = held[turn.lane.key]
        found = _left(turn, row.version, row.sent, row.claimed, instant)
        (done.append(turn.lane.key) if found is None else left.append(found))
    _remove(connection, sink, done)
    _free(connection, sink, left)
    return len(turns) - len(ours)


def _lock(connection: Connection, sink: str, turns: Sequence[Turn]) -> dict[str, Any]:
    """In the order in which the fan-out locks, so that the two never wait for each other crosswise."""
    tokens = {turn.lane.key: turn.lane.token for turn in turns}
    order: Any = LANE.c.key.collate("C") if connection.dialect.name == "postgresql" else LANE.c.key
    found: dict[str, Any] = {}
    for here in among(connection, LANE.c.key, sorted(tokens)):
        columns = (LANE.c.key, LANE.c.token, LANE.c.version, LANE.c.sent, LANE.c.claimed)
        query = select(*columns).where(LANE.c.sink == sink, here).order_by(order).with_for_update()
        found |= {row.key: row for row in connection.execute(query) if row.token == tokens[row.key]}
    return found


def _left(turn: Turn, version: int, sent: int, claimed: int, instant: int) -> dict[str, Any] | None:
    """The lane as it is from now on; None if nothing is left of it."""
    moved = len(turn.sent) + len(turn.aside)
    if turn.fate is None and (sent + moved >= version or (turn.empty and version == claimed)):
        return None
    row = {"of": turn.lane.key, "moved": moved, "due": instant, "error": None, "state": WAITING, "attempts": 0}
    fate = turn.fate
    if fate is None:
        return row
    tried = 1 if moved else turn.lane.attempts  # what came before it had attempts of its own
    due = NEVER if fate.state == DEAD else instant + int(fate.pause * 1e6)
    return row | {"due": due, "error": fate.error, "state": fate.state, "attempts": tried - (not fate.counts)}


def _forget(connection: Connection, sink: str, sequences: Sequence[int]) -> None:
    for here in among(connection, DELIVERY.c.sequence, sorted(sequences)):
        connection.execute(delete(DELIVERY).where(DELIVERY.c.sink == sink, here))


def _set_aside(connection: Connection, sink: str, dead: Dead) -> None:
    key = aside_key(dead.sequence)
    here = and_(DELIVERY.c.sink == sink, DELIVERY.c.sequence == dead.sequence)
    connection.execute(update(DELIVERY).where(here).values(lane=key))
    row = {"sink": sink, "key": key, "version": 1, "sent": 0, "due_at": NEVER, "attempts": dead.attempts, "deaths": 0}
    connection.execute(insert(LANE).values(**row, state=DEAD, lease_until=0, error=dead.error))


def aside_key(sequence: int) -> str:
    """The lane of a delivery that was set aside: like no other's, by its first character."""
    return f"!{sequence}"


def _remove(connection: Connection, sink: str, keys: Sequence[str]) -> None:
    for here in among(connection, LANE.c.key, keys):
        connection.execute(delete(LANE).where(LANE.c.sink == sink, here))


_FREED: Mapping[str, Any] = {
    **{"token": None, "lease_until": 0, "claimed": None, "deaths": 0, "sent": LANE.c.sent + bindparam("moved")},
    **{"due_at": bindparam("due"), "error": bindparam("error"), "state": bindparam("state"), "attempts": bindparam("attempts")},
}


def _free(connection: Connection, sink: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        here = and_(LANE.c.sink == literal(sink), LANE.c.key == bindparam("of"))
        connection.execute(update(LANE).where(here).values(**_FREED), sorted(rows, key=lambda row: row["of"]))
