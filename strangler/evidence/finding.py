"""What was found out about one pair: small, redacted, and made of plain values, so that it travels between processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from strangler.core.observation import Pair
from strangler.core.outcome import Outcome
from strangler.core.records import Cause, Example, Stratum


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of a comparison, or why there is none.

    Attributes:
        stratum: what it is counted under.
        at: seconds since 1970, when the request was taken up.
        repeated: whether the same request was seen before in this window.
        outcome: None if the pair was skipped.
        skipped: label of `outcome.SKIPS`, "" if the pair was compared.
        detail: why the pair was skipped or the candidate failed, for people; redacted.
        causes: of a mismatch, most telling first; redacted.
        ignored: texts of the rules that cleared differences, and how many.
        example: of a mismatch or a failed candidate, if one was wanted.
        again: control was asked twice; then `outcome` says nothing about the candidate, and `noise` is what
            `core.noise.observe` saw, by path pattern; redacted.
        second_look: a mismatch that replication lag may explain: ask both sides again before it is counted.
        request: of a mismatch, a digest of method and target: equal requests have equal ones.
    """

    stratum: Stratum
    at: float
    repeated: bool = False
    outcome: Outcome | None = None
    skipped: str = ""
    detail: str = ""
    causes: tuple[Cause, ...] = ()
    ignored: tuple[tuple[str, int], ...] = ()
    example: Example | None = None
    again: bool = False
    noise: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    second_look: bool = False
    request: str = ""


def request_of(pair: Pair) -> str:
    """A digest of what was asked."""
    return blake2b(f"{pair.method} {pair.target}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def stratum_of(pair: Pair) -> Stratum:
    """What a pair is counted under."""
    control = pair.control
    return Stratum(pair.route, pair.stage, str(pair.control_side), pair.rules, pair.version, pair.method, control.status_class)
