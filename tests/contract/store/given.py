"""Evidence to record, with only what a test is about said."""

from __future__ import annotations

from typing import Any

from strangler.core.difference import Kind
from strangler.core.outcome import Outcome
from strangler.core.records import Batch, Cause, Example, Stratum
from strangler.store.store import Store

NOW = 1_800_000_000.0  # a full hour
MINUTE = int(NOW // 60)
PRICE = Cause("$.items[*].price", Kind.VALUE, "x100")
NAME = Cause("$.name", Kind.MISSING)


def stratum(route: str = "orders", version: str = "v1", rules: str = "abc", **others: str) -> Stratum:
    return Stratum(
        **{"stage": "shadow", "control": "legacy", "method": "GET", "status_class": "2xx", **others},
        route=route, version=version, rules=rules,
    )  # fmt: skip


def example(
    route: str = "orders", at: float = NOW, body: str = "{}", causes: tuple[Cause, ...] = (PRICE,), **others: Any
) -> Example:
    fields: dict[str, Any] = {
        "stratum": stratum(route),
        "outcome": Outcome.MISMATCH,
        "request_id": "r1",
        "method": "GET",
        "target": f"/{route}/7",
        "request": {"headers": [["accept", "*/*"]]},
        "control": {"status": 200, "headers": [["content-type", "application/json"]], "body": body, "duration": 0.01},
        "candidate": {"status": 0, "failure": "reset", "headers": []},
        "differences": ({"path": "$.a", "kind": "value", "control": None, "candidate": 1.5},),
    }
    return Example(**{**fields, **others}, route=route, at=at, causes=causes)


def with_examples(*examples: Example) -> Batch:
    """A batch in which the causes of the examples are counted too."""
    batch = Batch(examples=list(examples))
    for each in examples:
        for cause in each.causes:
            counted = batch.causes.setdefault((each.route, each.stratum.rules, each.stratum.version, cause), [0, each.at])
            counted[0], counted[1] = counted[0] + 1, max(counted[1], each.at)
    return batch


def counted(store: Store, **wanted: Any) -> dict[tuple[str, str], tuple[int, int]]:
    """What `Store.counts` says, short: by route and outcome."""
    return {(row.stratum.route, row.outcome): (row.count, row.repeated) for row in store.counts(**wanted)}
