"""A store with evidence in it, made as `serve` makes it: pairs through the examiner, findings into a batch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from strangler.config.load import load
from strangler.core.model import Config, Route, Side
from strangler.core.observation import Observation, Pair
from strangler.core.outcome import Outcome
from strangler.core.records import Batch
from strangler.evidence.comparator import Examiner
from strangler.store.store import Store

NOW = 1_795_262_400.0  # 2026-11-21 12:00 UTC
KEY = b"k" * 32
HEAD = """\
version: 1
store: sqlite:///evidence.db
upstreams: {legacy: {url: "http://127.0.0.1:1"}, modern: {url: "http://127.0.0.1:2"}}
"""
ROUTES = """\
routes:
  - name: read-order
    match: {path: "/api/orders/{id}", methods: [GET]}
    stage: shadow
    compare: {ignore: [$.generated_at]} # stamped by each side
  - name: search
    match: {path: /api/search}
    stage: shadow
  - name: home
    match: {path: /}
"""


def configured(folder: Path, text: str = ROUTES) -> tuple[Path, Config]:
    """A file, and what it says."""
    path = folder / "routes.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return path, load(path, {})


def answer(body: object, status: int = 200, kind: str = "application/json", **rest: Any) -> Observation:
    """An answer; a body that is no text or bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Observation(status, ((b"content-type", kind.encode()),), data, len(data), duration=0.012, **rest)


def pair(route: Route, control: Observation, candidate: Observation, *, target: str = "/api/orders/1", **rest: Any) -> Pair:
    """One request and its two answers."""
    told = {"version": "2026-11-20.3", "at": NOW - 300, "request_id": "r-1", "headers": ((b"accept", b"*/*"),), **rest}
    return Pair(
        route.name, str(route.stage), route.rules, told.pop("side", Side.LEGACY), "GET", target, control, candidate, **told
    )


def batch_of(route: Route, pairs: Iterable[Pair], *, matches: int = 0, skips: Mapping[str, int] | None = None) -> Batch:
    """What control would record of these pairs, and of so many more that matched in the worker."""
    examiner, batch = Examiner(route, KEY), Batch()
    findings = [examiner.examine(each, lambda cause: True) for each in pairs]
    for found in findings:
        assert found.outcome is not None, (found.skipped, found.detail)
        cell = batch.counts.setdefault((int(found.at // 60), found.stratum, found.outcome), [0, 0])
        cell[0] += 1
        batch.outcomes[route.name, found.outcome] = batch.outcomes.get((route.name, found.outcome), 0) + 1
        for cause in found.causes:
            key = (route.name, found.stratum.rules, found.stratum.version, cause)
            batch.causes[key] = [batch.causes.get(key, [0, 0])[0] + 1, found.at]
        if found.example:
            batch.examples.append(found.example)
    if matches:
        stratum = findings[0].stratum
        batch.counts[int(findings[0].at // 60), stratum, Outcome.MATCH] = [matches, 0]
    batch.settled["worker-1", route.name] = len(findings)
    batch.alive = frozenset({"worker-1"})
    seen = {"seen": len(findings) + matches + sum((skips or {}).values()), "match": matches}
    seen |= {f"skip:{reason}": number for reason, number in (skips or {}).items()}
    batch.worker_counts = {(route.name, label): number for label, number in seen.items()}
    return batch


def record(config: Config, *batches: Batch) -> None:
    """Put batches into the store of a configuration."""
    store = Store.open(config.store, config.folder)
    run = store.begin_run(NOW - 10_000, "0.1.0")
    for batch in batches:
        store.record(batch, run)
    store.close()


def some_mismatches(route: Route) -> list[Pair]:
    """Totals that became strings in seven of ten, and a reordered list in the others."""
    lists = [["a", "b", "c"], ["c", "a", "b"]]
    return [
        pair(
            route,
            answer({"id": 7, "total": 10.5, "tags": lists[0], "generated_at": 1}),
            answer({"id": 7, "total": "10.5" if number < 7 else 10.5, "tags": lists[number >= 7], "generated_at": 2}),
            target=f"/api/orders/{number}",
        )
        for number in range(10)
    ]


def shown_in_readme(folder: Path) -> Config:
    """What README's screens are of: 12,480 pairs, three causes, and rules that changed three hours ago."""
    _, config = configured(folder)
    route = config.routes[0]
    before = replace(route, compare=replace(route.compare, ignore=()))
    earlier = batch_of(before, [pair(before, answer({"at": 1}), answer({"at": 2}), at=NOW - 20_000)])
    batch = batch_of(route, _three_causes(route), matches=12_380, skips={"sample": 500, "concurrency": 20})
    batch.worker_counts[route.name, "seen"] += 1
    record(config, earlier, batch)
    return config


def _three_causes(route: Route) -> list[Pair]:
    order = {"id": 7, "total": 1050, "tags": ["new", "gift"], "paid_at": "2026-11-20T10:00:00Z", "generated_at": "10:00:01"}
    changes: dict[int, dict[str, Any]] = {
        71: {"total": "1050"},
        22: {"tags": ["gift", "new"]},
        7: {"paid_at": "2026-11-20T11:00:00+01:00"},
    }
    return [
        pair(
            route,
            answer(order),
            answer({**order, **change, "generated_at": "10:00:02"}),
            target=f"/api/orders/{number}",
            at=NOW - 10_900,
        )
        for number, change in enumerate(change for times, change in changes.items() for _ in range(times))
    ]
