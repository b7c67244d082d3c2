"""The glance that a worker takes at all answers: surely equal, surely not comparable, or worth a look by someone with time.

Runs on raw bytes beside the traffic: nothing is decoded or parsed here, and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from strangler.core.compare.rules import Rules
from strangler.core.model import Side
from strangler.core.observation import Answer, Pair

_Headers = Sequence[tuple[bytes, bytes]]


class Quick(StrEnum):
    """What a glance tells; all but LOOK are labels of the ledger (`outcome`)."""

    MATCH = "match"
    CANDIDATE_FAILED = "candidate_failed"
    BODY_CAP = "body_cap"
    LOOK = "look"


def equal(control: Answer, candidate: Answer, control_side: Side, rules: Rules) -> bool:
    """Whether that shows at once: what `same` calls a match, of two answers that are no pair yet."""
    translated = rules.adapts and control_side is Side.LEGACY
    return (
        not translated
        and control.status == candidate.status
        and _same_body(control, candidate)
        and _same_headers(control.headers, candidate.headers, rules.compared)
    )


def same(pair: Pair, rules: Rules) -> Quick:
    """Whether two answers are equal as far as `rules` can care, if that shows at once.

    Answers of which only digests are left are compared by them; if they differ, but the statuses too, a look will still
    find that.
    """
    control, candidate = pair.control, pair.candidate
    if candidate.failure:
        return Quick.CANDIDATE_FAILED
    translated = rules.adapts and pair.candidate_side is Side.MODERN
    alike = not translated and _same_body(control, candidate)
    if alike and control.status == candidate.status and _same_headers(control.headers, candidate.headers, rules.compared):
        return Quick.MATCH
    if not alike and (control.digest or candidate.digest) and control.status == candidate.status:
        return Quick.BODY_CAP
    return Quick.LOOK


def _same_body(control: Answer, candidate: Answer) -> bool:
    return control.size == candidate.size and control.digest == candidate.digest and control.body == candidate.body


def _same_headers(control: _Headers, candidate: _Headers, names: frozenset[bytes]) -> bool:
    """Whether the headers of these names are the same; those of one name in the same order."""
    if len(control) != len(candidate):
        return _chosen(control, names) == _chosen(candidate, names)
    for ours, theirs in zip(control, candidate, strict=True):
        if ours != theirs and (ours[0].lower() in names or theirs[0].lower() in names):
            return _chosen(control, names) == _chosen(candidate, names)
    return True  # side by side, as two upstreams of one kind send them


def _chosen(headers: _Headers, names: frozenset[bytes]) -> list[tuple[bytes, bytes]]:
    return sorted(((low, value.strip(b" \t")) for name, value in headers if (low := name.lower()) in names), key=_name)


def _name(header: tuple[bytes, bytes]) -> bytes:
    return header[0]
