"""What the newest verdict of a mapping found to differ: masked samples, and what a repair would do to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from reconcile.comparing.history import Passed
from reconcile.mapping.canonical import typed_key
from reconcile.mapping.model import Plan
from reconcile.repairing.outlook import outlook
from reconcile.reports.report import Drift, Verdict
from reconcile.reports.spoken import spoken
from reconcile.reports.standing import Standing
from strangler.core.errors import StranglerError

AGAIN = 30.0  # seconds after which rows are looked at anew: somebody may have repaired them


class Drifts:
    """What was last told of each mapping that drifts. Used by one thread for each file.

    Args:
        clock: seconds, that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[int, float, dict[str, Any]]] = {}

    def of(self, plan: Plan, standing: Standing, passes: Sequence[Passed]) -> dict[str, Any] | None:
        """For JSON; None if its verdict is another one."""
        found = next((each for each in passes if each.verdict is Verdict.DRIFT), None)
        place, now = (plan.file, standing.mapping), self._clock()
        if standing.verdict is not Verdict.DRIFT or found is None:
            self._told.pop(place, None)
            return None
        last = self._told.get(place)
        if last is None or last[0] != found.id or now - last[1] > AGAIN:
            last = self._told[place] = (found.id, now, _drift(plan, found))
        return last[2]


def _drift(plan: Plan, found: Passed) -> dict[str, Any]:
    samples: list[dict[str, Any]] = list(found.counts.get("samples", ()))
    repair = _repair(plan, found, [each["key"] for each in samples])
    rows: dict[str, str] = repair.pop("rows", {})
    return {
        "at": found.ended_at / 1e6,
        "full": found.full,
        **{kind.value: int(found.counts.get(kind.value, 0)) for kind in Drift},
        "columns": dict(found.counts.get("columns") or {}),
        "samples": [{**each, "key": typed_key(each["key"]), "repair": rows.get(each["key"], "")} for each in samples],
        "repair": repair,
    }


def _repair(plan: Plan, found: Passed, keys: Sequence[str]) -> dict[str, Any]:
    """What a repair would do; or why nobody can tell just now."""
    try:
        said = outlook(plan, found, keys)
    except StranglerError as error:
        return {"trouble": spoken(str(error))}
    return {"trouble": "", **asdict(said), "refusals": [spoken(words) for words in said.refusals]}
