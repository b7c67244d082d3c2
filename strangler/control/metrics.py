"""What was counted, as Prometheus reads it (text format 0.0.4). It knows the cells' meaning and nothing of memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from strangler.control.cells import GATE
from strangler.control.tally import (
    BOUNDS,
    BREAKER,
    BUCKETS,
    CLASSES,
    FAILURES,
    FALLBACKS,
    HEALTH,
    MICROSECONDS,
    OPENS,
    REQUEST_BYTES,
    RESPONSE_BYTES,
    RETRIES,
    Scalar,
)
from strangler.control.totals import Totals
from strangler.core.frozen import Frozen
from strangler.core.ledger import Ledger

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

State = Mapping[str, Any]
Sample = tuple[str, Mapping[str, str], float]  # suffix of the name, labels, value

_ROUTE = ("route", "stage", "served_by")
FAMILIES: tuple[tuple[str, str, str], ...] = (
    ("requests_total", "counter", "Requests finished, by route, stage at which it was decided, upstream asked last, and answer."),
    ("request_duration_seconds", "histogram", "From the first byte of a request to the end of its answer."),
    ("request_bytes_total", "counter", "Bytes of request bodies."),
    ("response_bytes_total", "counter", "Bytes of response bodies."),
    ("refusals_total", "counter", "Answers of the proxy's own, and answers cut short, by reason."),
    ("upstream_failures_total", "counter", "Requests that an upstream failed, before or in its answer."),
    ("upstream_retries_total", "counter", "Requests sent again because a pooled connection had been closed."),
    ("upstream_fallbacks_total", "counter", "Requests that legacy answered because this upstream failed."),
    ("upstream_breaker_opens_total", "counter", "How often the breaker of this upstream opened."),
    ("upstream_breaker_state", "gauge", "Breaker of an upstream in one worker: 0 closed, 1 half-open, 2 open."),
    ("upstream_healthy", "gauge", "Whether health checks keep an upstream in service in one worker."),
    ("shadow_requests_total", "counter", "Requests answered by both sides and compared, by outcome."),
    ("shadow_skipped_total", "counter", "Requests of routes that copy which were not compared, by reason."),
    ("shadow_lost_total", "counter", "Requests of routes that copy of which nobody knows the outcome, by the place of the loss."),
    ("shadow_in_flight", "gauge", "Requests of routes that copy which have no outcome yet."),
    ("route_stage", "gauge", "Always 1; where a route stands is a label."),
    ("route_weight", "gauge", "Share of a route's clients that modern answers: 0 to 1."),
    (
        "route_verdict",
        "gauge",
        "What the guard says of staying with modern, else of the next step: 0 fail, 1 not enough, 2 pass.",
    ),
    ("route_held", "gauge", "Whether nothing climbs on a route until somebody resumes."),
    ("route_rollback_wanted", "gauge", "Whether a route fails its clients at modern and the ladder may not take it down."),
    ("flips_total", "counter", "Flips of routes that went live, by who made them; of all time, from the journal."),
    ("outbox_pending", "gauge", "Events that a sink waits for, and that will be sent by themselves."),
    ("outbox_oldest_age_seconds", "gauge", "Since the oldest of them was written; 0 if there is none."),
    ("outbox_dead", "gauge", "Events that could not be delivered to a sink, and wait for a person."),
    ("outbox_delivered_total", "counter", "Events that a sink has acknowledged; of all relays and all time."),
    ("outbox_failed_total", "counter", "Tries to deliver an event that failed, by class; of all relays and all time."),
    ("connections_total", "counter", "Client connections accepted."),
    ("connections_open", "gauge", "Client connections open now."),
    ("faults_total", "counter", "Errors of the proxy's own; each kind is logged once."),
    ("access_log_lost_total", "counter", "Access log lines that could not be written."),
    ("held_requests_total", "counter", "Writes that had to wait while a cutover moved their data."),
    ("held_requests", "gauge", "Writes that wait for a cutover now."),
    ("admin_refusals_total", "counter", "Requests to the admin address that were turned away, by reason."),
    ("config_revision", "gauge", "The latest configuration; counts from 1 at start."),
    ("config_last_reload_successful", "gauge", "Whether the file as it was read last is what is served."),
    (
        "config_last_reload_timestamp_seconds",
        "gauge",
        "When all workers had taken the latest reload up; 0 before one.",
    ),
    ("workers", "gauge", "Workers that are to run."),
    ("workers_ready", "gauge", "Workers that serve by the latest configuration."),
    ("worker_restarts_total", "counter", "Processes started again after they died."),
    ("start_time_seconds", "gauge", "When this supervisor was started."),
    ("build_info", "gauge", "Always 1; the version is a label."),
)
_UPSTREAM_CELLS = {
    "upstream_failures": FAILURES,
    "upstream_retries": RETRIES,
    "upstream_fallbacks": FALLBACKS,
    "upstream_breaker_opens": OPENS,
}
_GATE_CELLS = {"upstream_healthy": HEALTH, "upstream_breaker_state": BREAKER}
_SCALARS = {
    "connections_total": Scalar.CONNECTIONS,
    "connections_open": Scalar.OPEN,
    "faults_total": Scalar.FAULTS,
    "access_log_lost_total": Scalar.LOG_LOST,
    "held_requests_total": Scalar.HELD,
    "held_requests": Scalar.WAITING,
}


def render(
    totals: Totals,
    state: State,
    version: str,
    started: float,
    ledgers: Mapping[str, Ledger] = Frozen(),
    turned_away: Mapping[str, int] = Frozen(),
    others: Iterable[tuple[str, Sample]] = (),
) -> str:
    """All of it.

    Args:
        started: seconds since 1970.
        ledgers: by route, of this supervisor's time.
        turned_away: at the admin address, by reason.
        others: samples by family, without ``strangler_``, that somebody else has made.
    """
    samples: dict[str, list[Sample]] = {name: [] for name, _, _ in FAMILIES}
    for key, cells in sorted(totals.rows.items()):
        for name, sample in _of_row(key, cells):
            samples[name].append(sample)
    for name, scalar in _SCALARS.items():
        samples[name].append(("", {}, totals.scalars[scalar]))
    for route, ledger in sorted(ledgers.items()):
        for name, sample in _of_ledger(route, ledger):
            samples[name].append(sample)
    samples["admin_refusals_total"] += [("", {"reason": reason}, number) for reason, number in sorted(turned_away.items())]
    for name, sample in (*_of_state(state, version, started), *others):
        samples[name].append(sample)
    return "".join(_family(name, kind, text, samples[name]) for name, kind, text in FAMILIES)


def _of_row(key: Sequence[str], cells: list[int]) -> Iterator[tuple[str, Sample]]:
    kind, *names = key
    if kind == "route":
        yield from _of_route(dict(zip(_ROUTE, names, strict=True)), cells)
    elif kind == "reason" and cells[0]:
        yield "refusals_total", ("", {"reason": names[0]}, cells[0])
    elif kind == "upstream":
        for name, cell in _UPSTREAM_CELLS.items():
            yield f"{name}_total", ("", {"upstream": names[0]}, cells[cell])
    elif kind == GATE:
        for name, cell in _GATE_CELLS.items():
            if cells[cell]:
                yield name, ("", {"upstream": names[1], "worker": names[0]}, cells[cell] - 1)


def _of_route(labels: dict[str, str], cells: list[int]) -> Iterator[tuple[str, Sample]]:
    for name, count in zip(CLASSES, cells[:BUCKETS], strict=True):
        if count:
            yield "requests_total", ("", {**labels, "code_class": name}, count)
    bounds = [*map(str, BOUNDS), "+Inf"]
    counts = list(accumulate(cells[BUCKETS:MICROSECONDS]))
    for bound, count in zip(bounds, counts, strict=True):
        yield "request_duration_seconds", ("_bucket", {**labels, "le": bound}, count)
    yield "request_duration_seconds", ("_sum", labels, cells[MICROSECONDS] / 1_000_000)
    yield "request_duration_seconds", ("_count", labels, counts[-1])
    yield "request_bytes_total", ("", labels, cells[REQUEST_BYTES])
    yield "response_bytes_total", ("", labels, cells[RESPONSE_BYTES])


def _of_ledger(route: str, ledger: Ledger) -> Iterator[tuple[str, Sample]]:
    for name, label, numbers in (
        ("shadow_requests_total", "outcome", ledger.compared),
        ("shadow_skipped_total", "reason", ledger.skipped),
        ("shadow_lost_total", "place", ledger.lost),
    ):
        for value, number in numbers.items():
            yield name, ("", {"route": route, label: value}, number)
    yield "shadow_in_flight", ("", {"route": route}, ledger.in_flight)


def _of_state(state: State, version: str, started: float) -> Iterator[tuple[str, Sample]]:
    workers = [place for place in state["crew"] if place["name"].startswith("worker ")]
    ready = sum(place["revision"] == state["revision"] for place in workers)
    for name, value in (
        ("config_revision", state["revision"]),
        ("config_last_reload_successful", int(not state["problems"])),
        ("config_last_reload_timestamp_seconds", state["reloaded"]),
        ("workers", len(workers)),
        ("workers_ready", ready),
        ("start_time_seconds", started),
    ):
        yield name, ("", {}, value)
    for place in state["crew"]:
        yield "worker_restarts_total", ("", {"process": place["name"]}, place["restarts"])
    yield "build_info", ("", {"version": version}, 1)


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"strangler_{name}{suffix}{_labels(labels)} {value:.16g}\n" for suffix, labels, value in samples]
    return f"# HELP strangler_{name} {text}\n# TYPE strangler_{name} {kind}\n{''.join(lines)}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{escape(value)}"' for name, value in labels.items()) + "}"


def escape(value: str) -> str:
    """A label's value, so that whatever it holds ends where it ends."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
