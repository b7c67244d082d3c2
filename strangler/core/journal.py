"""The journal: who moved which route, when, from where to where, why, and with which evidence. It is only ever added to.

A flip is written down before the file is touched (*intended*) and again when every worker decides by it (*live*) or when it
came to nothing (*abandoned*). Whoever finds an intention that nobody has settled settles it by what the file says. Entries are
values and have names of their own, so that the same one, kept in two places for a while, is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from strangler.core.flip import Flip, Place
from strangler.core.model import Stage
from strangler.core.units import Share


class Kind(StrEnum):
    """What an entry says."""

    INTENDED = "intended"
    LIVE = "live"
    ABANDONED = "abandoned"
    HOLD = "hold"
    RESUME = "resume"


FILE = "file"  # the actor of changes that somebody made in the file itself
LADDER = "ladder"  # the actor of the automatic ladder


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal.

    Attributes:
        id: unique, and in the order of time as far as clocks agree.
        flip: name that the entries of one flip share, over all routes of a group.
        at: seconds since 1970.
        actor: who: a user's name, `LADDER` or `FILE`.
        before, after: where the route stood and is to stand; the same for a hold.
        forced: whether the guard was overridden.
        verdict: what the guard said, "" if it was not asked; evidence: its findings, JSON-able.
        digest: SHA-256 of the file as the flip leaves it, in hexadecimal; "" if there is none.
    """

    id: str
    kind: Kind
    flip: str
    at: float
    actor: str
    route: str
    before: Place
    after: Place
    reason: str = ""
    forced: bool = False
    verdict: str = ""
    evidence: tuple[Mapping[str, Any], ...] = ()
    digest: str = ""

    @property
    def change(self) -> Flip:
        return Flip(self.route, self.before, self.after)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One flip of one route as the journal tells it now: its intention, and what became of it.

    Attributes:
        state: INTENDED as long as nobody has settled it.
        settled_at: seconds since 1970; None until then.
    """

    entry: Entry
    state: Kind
    settled_at: float | None = None


def history(entries: Iterable[Entry]) -> tuple[Recorded, ...]:
    """Every flip, oldest first. The first settlement counts: a second one knew less of what was going on."""
    found: dict[tuple[str, str], Recorded] = {}
    for entry in _in_order(entries):
        key = entry.flip, entry.route
        if entry.kind is Kind.INTENDED:
            found.setdefault(key, Recorded(entry, Kind.INTENDED))
        elif entry.kind in (Kind.LIVE, Kind.ABANDONED):
            open_ = found.get(key, Recorded(entry, Kind.INTENDED))
            if open_.state is Kind.INTENDED:
                found[key] = replace(open_, state=entry.kind, settled_at=entry.at)
    return tuple(found.values())


def unsettled(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Intentions of which it is not known what became of them."""
    return tuple(recorded.entry for recorded in history(entries) if recorded.state is Kind.INTENDED)


def settle(entry: Entry, places: Mapping[str, Place], name: str, at: float) -> Entry:
    """What became of an intention whose author has gone: live if the file has the route where it was to be.

    Args:
        places: of the routes in the file; name, at: of the new entry.
    """
    kind = Kind.LIVE if places.get(entry.route) == entry.after else Kind.ABANDONED
    return replace(entry, id=name, kind=kind, at=at, evidence=(), reason="settled by what the file says")


def holds(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The hold on each route that has one: nothing climbs there until somebody resumes."""
    found: dict[str, Entry] = {}
    for entry in _in_order(entries):
        if entry.kind is Kind.HOLD:
            found[entry.route] = entry
        elif entry.kind is Kind.RESUME:
            found.pop(entry.route, None)
    return found


def last_places(entries: Iterable[Entry]) -> dict[str, Place]:
    """Where the journal last saw each route."""
    found: dict[str, Place] = {}
    for recorded in history(entries):
        if recorded.state is Kind.LIVE:
            found[recorded.entry.route] = recorded.entry.after
    return found


def since(entries: Iterable[Entry], route: str) -> float | None:
    """Since when a route stands where it does, in seconds since 1970; None if the journal does not know."""
    times = [
        recorded.settled_at
        for recorded in history(entries)
        if recorded.state is Kind.LIVE and recorded.entry.route == route and recorded.settled_at is not None
    ]
    return max(times, default=None)


def write(entry: Entry) -> str:
    """One line of JSON."""
    return json.dumps(asdict(entry), ensure_ascii=True, separators=(",", ":"))


def read(line: str) -> Entry:
    """An entry from its line. Raises ValueError if it is not one: a crash may have cut the last line of a file."""
    try:
        said = json.loads(line)
        places = {side: Place(Stage(said[side]["stage"]), Share(float(said[side]["weight"]))) for side in ("before", "after")}
        return Entry(**{**said, **places, "kind": Kind(said["kind"]), "evidence": tuple(said["evidence"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"not an entry of a journal: {error}") from None


def _in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Each once, in order. An intention comes before what became of it even if a clock was set back between."""
    once = {entry.id: entry for entry in entries}
    return sorted(once.values(), key=lambda entry: (entry.at, entry.kind is not Kind.INTENDED, entry.id))
