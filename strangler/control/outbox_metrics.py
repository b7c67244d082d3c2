"""What the sinks of an outbox wait for and have had, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Iterator

from strangler.control.metrics import Sample
from strangler.core.data_status import STALE, DataStatus


def samples(status: DataStatus | None, now: float) -> Iterator[tuple[str, Sample]]:
    """By family; nothing where the data process has been silent for too long. `now` in seconds since 1970."""
    if status is None or now - status.at > STALE:
        return
    for name, sink in sorted(status.sinks.items()):
        labels = {"sink": name}
        yield "outbox_pending", ("", labels, sink.pending)
        yield "outbox_oldest_age_seconds", ("", labels, 0.0 if sink.oldest is None else sink.oldest + max(0.0, now - status.at))
        yield "outbox_dead", ("", labels, sink.dead)
        yield "outbox_delivered_total", ("", labels, sink.delivered)
        for kind, many in sorted(sink.failed.items()):
            yield "outbox_failed_total", ("", {**labels, "class": kind}, many)
