"""The journal as events: a flip with what became of it, whatever the number of its routes, a hold, the end of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from strangler.control.plain import place_as_json
from strangler.core.flip import Flip
from strangler.core.journal import Entry, Kind, history

AT_ONCE = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class Event:
    """A flip, a hold or its end.

    Attributes:
        entries: of the routes that it is about; of a flip what was intended.
        became: of a flip: LIVE, ABANDONED, or INTENDED if nobody has settled it; HOLD and RESUME are what they are.
        took: seconds from the intention to what became of it; None if that is not known.
        held: whether a flip has set a hold, as every one down does.
    """

    entries: tuple[Entry, ...]
    became: Kind
    took: float | None = None
    held: bool = False

    @property
    def first(self) -> Entry:
        return self.entries[0]

    @property
    def changes(self) -> tuple[Flip, ...]:
        return tuple(entry.change for entry in self.entries)


def events(entries: Iterable[Entry], routes: Set[str] | None = None, since: float | None = None) -> list[Event]:
    """What happened, newest first.

    Args:
        routes: whose events to give; None for all.
        since: seconds since 1970.
    """
    known = list({entry.id: entry for entry in entries}.values())
    holding = {entry.flip for entry in known if entry.kind is Kind.HOLD}
    found: dict[tuple[str, ...], list[Event]] = {}
    for one in history(known):
        took = max(one.settled_at - one.entry.at, 0.0) if one.settled_at is not None else None
        event = Event((one.entry,), one.state, took, one.entry.flip in holding)
        found.setdefault((one.entry.flip, one.state), []).append(event)
    flips = {flip for flip, *_ in found}
    alone = [entry for entry in known if entry.kind in (Kind.HOLD, Kind.RESUME) and entry.flip not in flips]
    joined = [*map(_joined, found.values()), *_said_at_once(alone)]
    chosen = [
        event
        for event in joined
        if (routes is None or any(entry.route in routes for entry in event.entries))
        and (since is None or event.first.at >= since)
    ]
    return sorted(chosen, key=lambda event: (event.first.at, event.first.id), reverse=True)


def _said_at_once(entries: Iterable[Entry]) -> list[Event]:
    """Holds and their ends: those of a group are entries that one person wrote at one time for one reason."""
    found: dict[tuple[str, str, str], list[list[Entry]]] = {}
    for entry in sorted(entries, key=lambda entry: entry.at):
        runs = found.setdefault((entry.kind, entry.actor, entry.reason), [])
        if runs and entry.at - runs[-1][-1].at <= AT_ONCE and all(entry.route != other.route for other in runs[-1]):
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return [Event(tuple(run), run[0].kind) for runs in found.values() for run in runs]


def _joined(several: Sequence[Event]) -> Event:
    entries = tuple(event.entries[0] for event in several)
    times = [event.took for event in several if event.took is not None]
    return Event(entries, several[0].became, max(times) if times else None, several[0].held)


def event_as_json(event: Event) -> dict[str, Any]:
    """An event, with everything that was written down about it."""
    first = event.first
    return {
        "event": "flip" if event.became not in (Kind.HOLD, Kind.RESUME) else str(event.became),
        "became": str(event.became),
        "flip": first.flip or None,
        "at": first.at,
        "actor": first.actor,
        "reason": first.reason,
        "forced": first.forced,
        "seconds": event.took,
        "held": event.held or event.became is Kind.HOLD,
        "routes": [
            {
                "route": entry.route,
                "from": place_as_json(entry.before),
                "to": place_as_json(entry.after),
                "verdict": entry.verdict or None,
                "findings": [dict(finding) for finding in entry.evidence],
            }
            for entry in event.entries
        ],
        "digest": first.digest or None,
    }
