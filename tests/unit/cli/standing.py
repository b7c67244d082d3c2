"""Routes that stand somewhere, as `status` sees them, said in few words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from strangler.control.standings import Overview, Proxy, Standing, Traffic, next_step
from strangler.core.flip import Place
from strangler.core.guard.evidence import Agreement, Evidence, Latency
from strangler.core.guard.latency import Histogram
from strangler.core.guard.verdict import Finding, Judgement, Verdict
from strangler.core.journal import Entry, Kind
from strangler.core.model import Match, Route, Stage
from strangler.core.template import parse_template
from strangler.core.units import Share

NOW = 1_800_000_000.0
PASS = Judgement((Finding("parity", Verdict.PASS, "all agree"),))
FAIL = Judgement((Finding("parity", Verdict.FAIL, "GET 2xx: 98.00% of 500 agree"), Finding("errors", Verdict.PASS, "none")))
WAIT = Judgement((Finding("parity", Verdict.NOT_ENOUGH, "nothing was compared; 3,000 more samples needed", 3000),))
BOUNDS = (0.001, 0.01, 0.1, 1.0)
SERVED = Proxy(pid=7, workers=2, current=True)


def route(name: str, place: str = "shadow", group: str = "") -> Route:
    """A route at ``canary 5%``, say."""
    stage, _, weight = place.partition(" ")
    share = Share(float(weight.rstrip("%")) / 100) if weight else Share(0.0)
    return Route(0, name, Match(parse_template("/any")), Stage(stage), share, group=group)


def standing(name: str, place: str = "shadow", judgement: Judgement | None = None, *, group: str = "", **more: Any) -> Standing:
    """A route, with what the guard says of its next step."""
    one = route(name, place, group)
    return replace(Standing(one, step=next_step(one), judgement=judgement), **more)


def compared(agree: int, total: int) -> Evidence:
    """Evidence of so many pairs, with durations of both sides."""
    histograms = Histogram(BOUNDS, (0, 100, 0, 0, 0)), Histogram(BOUNDS, (0, 0, 100, 0, 0))
    return Evidence("any", version="7", agreement=(Agreement("GET", "2xx", agree, total - agree),), latency=Latency(*histograms))


def held(name: str, reason: str = "slow") -> Entry:
    """A hold."""
    place = Place(Stage.SHADOW)
    return Entry("1", Kind.HOLD, "", NOW - 60, "anna", name, place, place, reason)


def overview(*standings: Standing, proxy: Proxy = SERVED, trouble: tuple[str, ...] = ()) -> Overview:
    """All of them, served."""
    return Overview(NOW, proxy, standings, trouble)


def flowing(legacy: float, modern: float = 0.0) -> Traffic:
    return Traffic(legacy, modern)
