"""What an outbox's sinks wait for and have had, for whoever counts."""

from __future__ import annotations

from collections.abc import Mapping

from reconcile.mapping.model import Plan
from reconcile.outbox.status import SinkStatus, status
from strangler.core.data_status import SinkFigures
from strangler.core.errors import StranglerError

_FAILURES = ("failed", "refused", "unavailable")


def figures(plan: Plan) -> Mapping[str, SinkFigures]:
    """By sink. None of a plan without an outbox, nor of one that cannot be asked now: the relay tells of that."""
    if plan.outbox is None:
        return {}
    try:
        return {sink.name: _figures(sink) for sink in status(plan).sinks if not sink.gone}
    except StranglerError:
        return {}


def _figures(sink: SinkStatus) -> SinkFigures:
    failed = {name: sink.counts.get(name, 0) for name in _FAILURES}
    return SinkFigures(sink.pending + sink.unspread, sink.oldest, sink.dead, sink.counts.get("delivered", 0), failed)
