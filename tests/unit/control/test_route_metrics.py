"""Routes as Prometheus sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strangler.control.ladder import Seen
from strangler.control.metrics import FAMILIES, render
from strangler.control.route_metrics import samples
from strangler.control.totals import Totals
from strangler.core.guard.verdict import Verdict
from strangler.core.model import Config, Match, Route, Stage
from strangler.core.template import parse_template
from strangler.core.units import Share
from tests.exposition import parse, total

ROUTE = Route(0, 'sh"op', Match(parse_template("/shop/{id}")))
STATE = {"revision": 1, "crew": [], "problems": "", "reloaded": 0.0, "stopping": False}


@pytest.mark.parametrize(
    ("stage", "weight", "share"),
    [("legacy", 0, 0), ("shadow", 0, 0), ("canary", 0.25, 0.25), ("modern", 0, 1), ("retired", 0, 1)],
)
def test_stage_and_weight(stage: str, weight: float, share: float) -> None:
    found = dict(samples(Config({}, routes=(replace(ROUTE, stage=Stage(stage), weight=Share(weight)),)), Seen()))
    assert found["route_stage"] == ("", {"route": 'sh"op', "stage": stage}, 1)
    assert found["route_weight"] == ("", {"route": 'sh"op'}, share)
    assert (found["route_held"][2], found["route_rollback_wanted"][2]) == (0, 0)
    assert "route_verdict" not in found  # nothing was judged


def test_what_the_ladder_has_seen_reads_like_the_rest() -> None:
    seen = Seen({'sh"op': Verdict.FAIL}, {}, frozenset({'sh"op'}), {'sh"op': "why"}, {"ladder": 3, "file": 1})
    others = samples(Config({}, routes=(ROUTE,)), seen)
    metrics = parse(render(Totals(), STATE, "1", 1.0, {}, {}, others))
    assert total(metrics, "strangler_flips_total", actor="ladder") == 3
    assert total(metrics, "strangler_route_held") == total(metrics, "strangler_route_rollback_wanted") == 1
    assert set(dict(samples(Config({}, routes=(ROUTE,)), seen))) <= {name for name, _, _ in FAMILIES}
