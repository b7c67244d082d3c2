"""Flips, verdicts and what came of an order as plain values: what commands print for --json and the API answers. Keys stay."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from strangler.control.flipping.order import Done, Effect, Refused
from strangler.core.flip import Flip, Place
from strangler.core.guard.verdict import Judgement


def place_as_json(place: Place) -> dict[str, Any]:
    """Stage, and the weight as a share from 0 to 1."""
    return {"stage": str(place.stage), "weight": float(place.weight)}


def flip_as_json(flip: Flip) -> dict[str, Any]:
    """One route's change of place."""
    return {"route": flip.route, "from": place_as_json(flip.before), "to": place_as_json(flip.after)}


def judgement_as_json(judgement: Judgement) -> dict[str, Any]:
    """What the guard says, condition by condition."""
    return {"verdict": str(judgement.verdict), "findings": [asdict(finding) for finding in judgement.findings]}


def done_as_json(done: Done, seconds: float, workers: int | None = None) -> dict[str, Any]:
    """What came of an order."""
    return {
        "effect": str(done.effect),
        "flip": done.flip or None,
        "flips": [flip_as_json(flip) for flip in done.flips],
        "objections": list(done.objections),
        "judgements": {name: judgement_as_json(judgement) for name, judgement in done.judgements.items()},
        "held": list(done.held),
        "notes": list(done.notes),
        "workers": workers,
        "seconds": round(seconds, 3),
    }


def refused_as_json(refused: Refused, seconds: float) -> dict[str, Any]:
    """The same keys for what was refused."""
    done = Done(Effect.NOTHING, refused.flips, judgements=refused.judgements, objections=refused.objections)
    return {**done_as_json(done, seconds), "effect": "refused"}
