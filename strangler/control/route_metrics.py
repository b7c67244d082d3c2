"""Where routes stand and what the guard says of them, as Prometheus reads it. It knows no file and no store."""

from __future__ import annotations

from collections.abc import Iterator

from strangler.control.ladder import Seen
from strangler.control.metrics import Sample
from strangler.core.guard.verdict import Verdict
from strangler.core.model import Config, Route, Stage

VERDICTS = {Verdict.FAIL: 0, Verdict.NOT_ENOUGH: 1, Verdict.PASS: 2}


def samples(config: Config, seen: Seen) -> Iterator[tuple[str, Sample]]:
    """By family.

    Args:
        config: that is served.
        seen: by the last look; empty before the first one.
    """
    for route in config.routes:
        yield "route_stage", ("", {"route": route.name, "stage": str(route.stage)}, 1)
        yield "route_weight", ("", {"route": route.name}, _weight(route))
        yield "route_held", ("", {"route": route.name}, int(route.name in seen.holds))
        yield "route_rollback_wanted", ("", {"route": route.name}, int(route.name in seen.would))
        if route.name in seen.verdicts:
            yield "route_verdict", ("", {"route": route.name}, VERDICTS[seen.verdicts[route.name]])
    for actor, number in sorted(seen.flips.items()):
        yield "flips_total", ("", {"actor": actor}, number)


def _weight(route: Route) -> float:
    """The share of clients that modern answers."""
    if route.stage is Stage.CANARY:
        return route.weight
    return float(route.stage.rung > Stage.CANARY.rung)
