"""The journal as events: entries of one flip are one, a hold that a rollback set belongs to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strangler.control.events import Event, event_as_json, events
from strangler.core.flip import Place
from strangler.core.journal import Entry, Kind
from strangler.core.model import Stage
from strangler.core.units import Share

SHADOW, CANARY = Place(Stage.SHADOW), Place(Stage.CANARY, Share(0.05))


def entry(kind: Kind, flip: str, at: float, route: str = "read", **more: Any) -> Entry:
    after = CANARY if kind not in (Kind.HOLD, Kind.RESUME) else SHADOW
    return replace(Entry(f"{kind}{flip}{at}{route}", kind, flip, at, "anna", route, SHADOW, after), **more)


def told(found: list[Event]) -> list[tuple[list[str], str, float | None, bool]]:
    return [([each.route for each in event.entries], str(event.became), event.took, event.held) for event in found]


def test_the_newest_is_first_and_what_became_of_it_is_said() -> None:
    entries = [
        entry(Kind.INTENDED, "f1", 10),
        entry(Kind.LIVE, "f1", 10.5),
        entry(Kind.INTENDED, "f2", 20),
        entry(Kind.ABANDONED, "f2", 21),
        entry(Kind.INTENDED, "f3", 30),
    ]
    expected = [(["read"], "intended", None, False), (["read"], "abandoned", 1.0, False), (["read"], "live", 0.5, False)]
    assert told(events(entries)) == expected


def test_a_group_is_one_event_that_took_as_long_as_its_last_route() -> None:
    entries = [
        *(entry(Kind.INTENDED, "f1", 10, route) for route in ("cart", "pay")),
        entry(Kind.LIVE, "f1", 11, "cart"),
        entry(Kind.LIVE, "f1", 12, "pay"),
    ]
    assert told(events(entries)) == [(["cart", "pay"], "live", 2.0, False)]


def test_routes_of_a_flip_that_ended_differently_are_two_events() -> None:
    entries = [
        *(entry(Kind.INTENDED, "f1", 10, route) for route in ("cart", "pay")),
        entry(Kind.LIVE, "f1", 11, "cart"),
        entry(Kind.ABANDONED, "f1", 11, "pay"),
    ]
    assert sorted(told(events(entries))) == [(["cart"], "live", 1.0, False), (["pay"], "abandoned", 1.0, False)]


def test_the_hold_of_a_rollback_belongs_to_it_and_others_stand_alone() -> None:
    entries = [
        entry(Kind.INTENDED, "f1", 10),
        entry(Kind.HOLD, "f1", 10),
        entry(Kind.LIVE, "f1", 11),
        *(entry(Kind.RESUME, "", 20, route) for route in ("read", "cart")),
        entry(Kind.HOLD, "", 30),
    ]
    expected = [(["read"], "hold", None, False), (["read", "cart"], "resume", None, False), (["read"], "live", 1.0, True)]
    assert told(events(entries)) == expected


def test_holds_at_other_times_or_by_others_are_other_events() -> None:
    entries = [
        entry(Kind.HOLD, "", 10),
        entry(Kind.HOLD, "", 10, "cart", actor="bob"),
        entry(Kind.HOLD, "", 10, "pay", reason="slow"),
        entry(Kind.HOLD, "", 20, "new"),
    ]
    assert [len(event.entries) for event in events(entries)] == [1, 1, 1, 1]


def test_an_entry_that_is_on_its_way_to_the_store_counts_once() -> None:
    once = entry(Kind.HOLD, "", 30)
    assert told(events([once, once])) == [(["read"], "hold", None, False)]


def test_only_some_routes_and_only_lately() -> None:
    entries = [
        entry(Kind.INTENDED, "f1", 10),
        entry(Kind.INTENDED, "f2", 20, "cart"),
        entry(Kind.INTENDED, "f3", 30),
    ]
    assert [event.first.flip for event in events(entries, {"read"})] == ["f3", "f1"]
    assert [event.first.flip for event in events(entries, None, 20)] == ["f3", "f2"]
    assert events([]) == []


def test_plain_values_have_the_evidence() -> None:
    finding = {"condition": "parity", "verdict": "pass", "words": "all", "more": None}
    (event,) = events([entry(Kind.INTENDED, "f1", 10, verdict="pass", evidence=(finding,), reason="why", digest="abc")])
    assert event_as_json(event) == {
        "event": "flip",
        "became": "intended",
        "flip": "f1",
        "at": 10,
        "actor": "anna",
        "reason": "why",
        "forced": False,
        "seconds": None,
        "held": False,
        "routes": [
            {
                "route": "read",
                "from": {"stage": "shadow", "weight": 0.0},
                "to": {"stage": "canary", "weight": 0.05},
                "verdict": "pass",
                "findings": [finding],
            }
        ],
        "digest": "abc",
    }
