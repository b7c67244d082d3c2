"""Rows that differed, looked at again with everything that tells drift from a change on its way (`recheck`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Connection

from reconcile.comparing.captured import Captured
from reconcile.comparing.recheck import Outcome, Patience, Seen, Watch, judge
from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair
from reconcile.mapping.pipeline import Misfit, Row

Clock = Callable[[], float]
Wait = Callable[[float], None]

_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a row, and both sides of it as they were read last."""

    key: Key
    outcome: Outcome
    wanted: Row | Misfit | None = None
    standing: Row | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """A row as it was when it was first seen to differ, and when that was."""

    seen: Seen
    at: float


@dataclass(frozen=True, slots=True)
class Look:
    """One row, both sides, read once."""

    seen: Seen
    wanted: Row | Misfit | None
    standing: Row | None


def settle(
    captured: Captured, suspects: Mapping[Key, Sight | None], patience: Patience, clock: Clock, wait: Wait, notes: Counter[str]
) -> Iterator[Finding]:
    """A verdict for each of the suspects, as they come; it waits as long as the rows have to be waited for."""
    start = clock()
    watched = {key: _watch(start, None if captured.on else sight) for key, sight in suspects.items()}
    while watched:
        going_on = {}
        for begin in range(0, len(watched), _AT_ONCE):
            some = list(watched)[begin : begin + _AT_ONCE]
            for key, seen in look(captured, some, notes).items():
                verdict = judge(watched[key], seen.seen, clock(), patience, captured=captured.on)
                if isinstance(verdict, Watch):
                    going_on[key] = verdict
                else:
                    yield Finding(key, verdict, seen.wanted, seen.standing)
        watched = going_on
        if watched:
            wait(_pause(watched, patience, clock(), captured=captured.on))


def look(captured: Captured, keys: Sequence[Key], notes: Counter[str]) -> Mapping[Key, Look]:
    """Each row once: the side that follows, the owner's with what waits for it, the side that follows again."""
    pair, backwards = captured.pair, captured.owner == "new"
    before = _wanted(pair, keys, notes) if backwards else _standing(pair, keys)
    with captured.side.database.reading() as connection:
        held = dict(pair.standing(pair.target.rows(connection, keys))) if backwards else _mapped(pair, connection, keys, notes)
        waiting = captured.waiting(connection, keys)
    after = _wanted(pair, keys, Counter()) if backwards else _standing(pair, keys)
    found = {}
    for key in keys:
        owner, follower = held.get(key), after.get(key)
        wanted, standing = (follower, owner) if backwards else (owner, follower)
        seen = Seen(digest(owner), digest(before.get(key)), digest(follower), waiting.get(key), isinstance(wanted, Misfit))
        found[key] = Look(seen, wanted, standing if isinstance(standing, Row) else None)
    return found


def _watch(start: float, sight: Sight | None) -> Watch:
    """Without capture the first sight is as good as a look: a row that is still the same has stood still since."""
    return Watch(start, start) if sight is None else Watch(start, sight.at, 0, sight.seen)


def _pause(watched: Mapping[Key, Watch], patience: Patience, now: float, *, captured: bool) -> float:
    """Seconds. Without capture, until the first of them can have settled."""
    if captured:
        return patience.pause
    return max(0.0, min(watch.still_since for watch in watched.values()) + patience.settle - now)


def _standing(pair: Pair, keys: Sequence[Key]) -> dict[Key, Row]:
    with pair.target.database.reading() as connection:
        return dict(pair.standing(pair.target.rows(connection, keys)))


def _wanted(pair: Pair, keys: Sequence[Key], notes: Counter[str]) -> dict[Key, Row | Misfit]:
    with pair.source.database.reading() as connection:
        return _mapped(pair, connection, keys, notes)


def _mapped(pair: Pair, connection: Connection, keys: Sequence[Key], notes: Counter[str]) -> dict[Key, Row | Misfit]:
    return dict(pair.wanted(pair.source.rows(connection, keys), notes))


def digest(row: Row | Misfit | None) -> bytes | None:
    """What a row is compared by when it is looked at again; many of them may have to be kept."""
    if isinstance(row, Misfit):
        return b"?"
    return None if row is None else blake2b(b"".join(row.cells), digest_size=16).digest()
