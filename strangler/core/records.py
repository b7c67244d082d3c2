"""What is kept as evidence, between the evidence pipeline that makes it and the store that keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from strangler.core.difference import Kind
from strangler.core.outcome import Outcome
from strangler.core.recent import Recent


class Stratum(NamedTuple):
    """What counts are kept apart by.

    Attributes:
        control: side whose answer the client got, ``legacy`` or ``modern``.
        version: build of modern; "" if it is not known.
        status_class: of control's answer, ``2xx`` and so on.
    """

    route: str
    stage: str
    control: str
    rules: str
    version: str
    method: str
    status_class: str


class Cause(NamedTuple):
    """What mismatches share: a path pattern and a kind, and the usual transform that explains it, if one does.

    Attributes:
        pattern: ``$.items[*].price``; for a header its name; ``status`` for the status.
        transform: its name, "" if none is recognised.
    """

    pattern: str
    kind: Kind
    transform: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One mismatch as it is stored: redacted. Nothing in it is a secret.

    Attributes:
        at: seconds since 1970.
        request, control, candidate: JSON-able views: status, headers as a list of pairs, body, its encoding (``text`` or
            ``base64``), duration in seconds, failure.
        differences: JSON-able, as `difference.Difference` has them, with the path rendered; capped.
        causes: of the mismatch, most telling first.
    """

    route: str
    stratum: Stratum
    outcome: Outcome
    at: float
    request_id: str
    method: str
    target: str
    request: Mapping[str, Any]
    control: Mapping[str, Any]
    candidate: Mapping[str, Any]
    differences: tuple[Mapping[str, Any], ...]
    causes: tuple[Cause, ...]


@dataclass(slots=True)
class Batch:
    """What is added to the store in one transaction.

    Attributes:
        counts: number of pairs by (minute since 1970, stratum, outcome), and of repeated ones among them.
        causes: number of pairs by (route, rules, version, cause), and when the last was seen.
        settled: pairs that control has settled, by (incarnation of a worker, route): outcome, skip or loss, all the same.
        skips, lost: what control itself skipped and lost, by (route, label).
        outcomes: pairs that control itself has compared, by (route, outcome): with `skips` and `lost`, all of `settled`.
        worker_counts: what workers counted in all their time, by (route, label) with labels as in `ledger`, as of now:
            replaces what was there for this run.
        alive: incarnations whose numbers in `worker_counts` are not among those of the dead; read in the same moment.
        snapshot: whatever control wants to find again when it is started anew in this run, such as how far it has read
            the workers' counters; b"" leaves what was there.
        noise: observations of self-comparison by (route, pattern): how often looked at, how often different, and kind. Numbers
            are added, at any depth; everything else replaces what was there.
        requests: a sample of those that came.
        arms: latencies and failures by (minute since 1970, route, stage, version, side): cells, as many as the writer
            likes, added one by one.
    """

    counts: dict[tuple[int, Stratum, str], list[int]] = field(default_factory=dict)
    causes: dict[tuple[str, str, str, Cause], list[float]] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    settled: dict[tuple[str, str], int] = field(default_factory=dict)
    skips: dict[tuple[str, str], int] = field(default_factory=dict)
    lost: dict[tuple[str, str], int] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    worker_counts: dict[tuple[str, str], int] = field(default_factory=dict)
    alive: frozenset[str] = frozenset()
    snapshot: bytes = b""
    noise: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    arms: dict[tuple[int, str, str, str, str], list[int]] = field(default_factory=dict)
    requests: list[Recent] = field(default_factory=list)
