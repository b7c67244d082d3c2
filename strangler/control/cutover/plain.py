"""Cutovers as plain values: what goes over the door, what commands print for --json and what the API answers. Keys stay."""

from __future__ import annotations

from typing import Any

from strangler.control.cutover.order import Done, Told
from strangler.control.plain import flip_as_json, judgement_as_json
from strangler.core.cutover import Record


def told_as_json(told: Told) -> dict[str, Any]:
    """One step; `seconds` is null at its beginning."""
    return {"step": str(told.step), "seconds": told.seconds, "words": told.words}


def done_as_json(done: Done) -> dict[str, Any]:
    """What came of an order."""
    return {
        "effect": str(done.effect),
        "cutover": done.token or None,
        "flips": [flip_as_json(flip) for flip in done.flips],
        "mappings": list(done.mappings),
        "objections": list(done.objections),
        "why": done.why or None,
        "judgements": {name: judgement_as_json(judgement) for name, judgement in done.judgements.items()},
        "rehearsal": dict(done.rehearsal),
        "owners": {name: {"owner": owner, "epoch": epoch} for name, (owner, epoch) in done.owners.items()},
        "steps": {name: round(seconds, 4) for name, seconds in done.steps.items()},
        "held": round(done.held, 4) if done.held is not None else None,
        "waited": done.waited,
        "notes": list(done.notes),
    }


def record_as_json(record: Record) -> dict[str, Any]:
    """Who owns what, and what is under way."""
    move = record.move
    return {
        "owners": {name: {"owner": owner, "epoch": epoch} for name, (owner, epoch) in record.owners.items()},
        "open": None
        if move is None
        else {
            "cutover": move.token,
            "name": move.name,
            "routes": list(move.routes),
            "mappings": list(move.mappings),
            "to": move.to,
            "actor": move.actor,
            "at": move.at,
            "decided": record.decided,
        },
    }
