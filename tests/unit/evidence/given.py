"""Pairs as tests write them: two bodies, or two observations."""

from __future__ import annotations

from typing import Any

from strangler.core.model import Route, Side
from strangler.core.observation import Observation, Pair
from strangler.evidence.comparator import Examiner
from strangler.evidence.finding import Finding
from tests.unit.given import route

KEY = b"a key of the tests, of 32 bytes."
JSON = "application/json"


def seen(body: bytes | str = b"", kind: str = JSON, status: int = 200, **headers: str) -> Observation:
    """An answer; headers as keywords, with _ for -."""
    data = body.encode() if isinstance(body, str) else body
    told = {"content-type": kind} if kind else {}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Observation(status, tuple((name.encode(), value.encode()) for name, value in told.items()), data, len(data))


def pair(control: Observation, candidate: Observation, of: Route | None = None, **values: Any) -> Pair:
    """Two answers to one request for a route."""
    of = of or route("")
    told: dict[str, Any] = {"control_side": Side.LEGACY, "method": "GET", "target": "/a", "stage": "shadow", **values}
    return Pair(of.name, told.pop("stage"), of.rules, told.pop("control_side"), told.pop("method"), told.pop("target"),
                control, candidate, **told)  # fmt: skip


def examined(control: Observation | str, candidate: Observation | str, keys: str = "", **values: Any) -> Finding:
    """What is found of two answers, or two bodies of JSON, by a route with these keys; an example is always wanted."""
    load = values.pop("load", None)
    of = route(keys)
    both = (each if isinstance(each, Observation) else seen(each) for each in (control, candidate))
    examiner = Examiner(of, KEY, load) if load else Examiner(of, KEY)
    return examiner.examine(pair(*both, of, **values), lambda cause: True)
