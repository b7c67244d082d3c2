"""The document that pages read: all that can be said of each mapping without values of rows, and its newest passes.

It stands beside the one that the guard reads, which stays small. Both are exchanged whole. There are keys of rows in it, so
nobody but its owner may read it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import reconcile
from reconcile.backfilling.status import Status
from reconcile.comparing.history import Passed
from reconcile.jobs.drift import Drifts
from reconcile.jobs.look import standings
from reconcile.mapping.canonical import typed_key
from reconcile.mapping.model import Plan
from reconcile.outbox.letters import dead, let_go
from reconcile.outbox.status import SinkStatus, status
from reconcile.relaying.dead import Skipped
from reconcile.reports.spoken import spoken
from reconcile.reports.standing import Standing
from strangler.core.errors import StranglerError

VERSION = 1
PASSES = 30  # of a mapping
LETTERS, FEW = 50, 5000  # dead letters that are told, and how many there may be for any to be looked up
LET_GO = 10  # the latest of those that somebody let go


class Details:
    """What is known of each file, exchanged whole when one of them is told anew.

    Args:
        document: the one that the guard reads; this one stands beside it.
        clock: seconds since 1970.
    """

    def __init__(self, document: Path, clock: Callable[[], float] = time.time) -> None:
        self._document, self._clock = beside(document), clock
        self._told: dict[str, Mapping[str, Any]] = {}
        self._drifts = Drifts()
        self._lock = threading.Lock()

    def post(self, plan: Plan) -> None:
        """Say how a file's mappings are now. Raises OSError if the document cannot be written."""
        told = {"at": self._clock(), **of_plan(plan, self._drifts)}
        with self._lock:
            self._told[plan.file] = told
            new = self._document.with_name(f".{self._document.name}.{os.getpid()}")
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump({"version": VERSION, "files": self._told}, file, default=str)
            new.replace(self._document)


def beside(document: Path) -> Path:
    """Where it is, given where the guard's document is."""
    return document.with_name(f"{document.stem}.details.json")


def of_plan(plan: Plan, drifts: Drifts) -> dict[str, Any]:
    """Everything about a file's mappings."""
    backfills = {each.mapping: each for each in _or(lambda: reconcile.backfills(plan), list[Status]())}
    mappings = []
    for standing in standings(plan):
        passes = _or(lambda name=standing.mapping: reconcile.passes(plan, name, limit=PASSES), list[Passed]())  # type: ignore[misc]
        mapping = plan.mapping(standing.mapping)
        mappings.append(
            {
                **standing.document(),
                **{name: spoken(getattr(standing, name)) for name in ("next", "trouble", "why_unknown", "halted")},
                "old": mapping.source.name(mapping.name),
                "new": mapping.target.table,
                "drift": drifts.of(plan, standing, passes),
                "dead_letters": _dead(plan, standing),
                "let_go": _let_go_keys(plan, standing),
                "passes": [_passed(each) for each in passes],
                "backfilling": _backfill(backfills.get(standing.mapping)),
            }
        )
    return {"mappings": mappings, "outbox": _outbox(plan)}


def _dead(plan: Plan, standing: Standing) -> list[dict[str, Any]]:
    """The oldest of its keys that were given up."""
    if not 0 < standing.dead <= FEW:
        return []
    found = _or(lambda: reconcile.dead_letters(plan, [standing.mapping]), ())[:LETTERS]
    return [{**each.document(), "typed": typed_key(each.key)} for each in found]


def _let_go_keys(plan: Plan, standing: Standing) -> list[dict[str, Any]]:
    """The latest of its keys that somebody let go since all rows were equal."""
    if not standing.skipped:
        return []
    found = _or(lambda: reconcile.skipped_dead(plan, [standing.mapping]), list[Skipped]())[:LET_GO]
    return [{**each.document(), "typed": typed_key(each.key), "at": each.at / 1e6} for each in found]


def _outbox(plan: Plan) -> dict[str, Any] | None:
    """How each sink stands, and why events could not be delivered: without what is in them."""
    if plan.outbox is None:
        return None
    found = _or(lambda: status(plan), None)
    if found is None:
        return {"table": plan.outbox.table, "sinks": [], "letters": [], "let_go": []}
    few = 0 < sum(each.dead for each in found.sinks) <= FEW
    letters = _or(lambda: dead(plan), ())[:LETTERS] if few else ()
    gone = _or(lambda: let_go(plan, most=LET_GO), ())
    return {
        **found.document(),
        "sinks": [_sink(each) for each in found.sinks],
        "letters": [each.document() for each in letters],
        "let_go": [{**each.document(), "at": each.at / 1e6} for each in gone],
    }


def _sink(each: SinkStatus) -> dict[str, Any]:
    return {**asdict(each), "well": each.is_well, "silent": each.is_silent}


def _or(ask: Callable[[], Any], otherwise: Any) -> Any:
    """What cannot be asked just now is said by the standing already."""
    try:
        return ask()
    except StranglerError:
        return otherwise


def _passed(each: Passed) -> dict[str, Any]:
    return {
        "at": each.ended_at / 1e6,
        "seconds": (each.ended_at - each.started_at) / 1e6,
        "verdict": str(each.verdict),
        "full": each.full,
        "counts": {name: value for name, value in each.counts.items() if name not in ("definition", "samples")},
    }


def _backfill(found: Status | None) -> dict[str, Any] | None:
    """Without keys of rows: how many there are is enough here."""
    if found is None:
        return None
    return {**found.document(), "deferred": len(found.deferred), "skipped": len(found.skipped)}
