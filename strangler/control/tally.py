"""What a worker counts in its region: which cells a finished request adds to. Nothing here reads what was counted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from enum import IntEnum

from strangler.control.cells import GATE, Key, Region
from strangler.core.breaker import State
from strangler.core.model import Config
from strangler.proxy import reasons
from strangler.proxy.counters import Counters
from strangler.proxy.exchange import Exchange
from strangler.proxy.pool import Pool

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds

CLASSES = ("none", "1xx", "2xx", "3xx", "4xx", "5xx")  # of the status that the client got; none if it got none

# Cells of a row about requests of one route, at one stage, served by one upstream; first one for each of CLASSES.
BUCKETS = len(CLASSES)
MICROSECONDS = BUCKETS + len(BOUNDS) + 1
REQUEST_BYTES = MICROSECONDS + 1
RESPONSE_BYTES = REQUEST_BYTES + 1
UNANSWERED = RESPONSE_BYTES + 1  # the upstream gave no whole answer
FELL_BACK = UNANSWERED + 1  # modern had failed before this upstream was asked
CELLS: int = FELL_BACK + 1  # said, since mypyc meets it before what it is made of

# Cells of a row about an upstream.
FAILURES, RETRIES, FALLBACKS, OPENS = range(4)

# Cells of a row about the gate of one worker to one upstream; 0 where there is no such thing.
HEALTH, BREAKER = range(2)
OUT, IN = 1, 2
BREAKER_STATES = {State.CLOSED: 1, State.HALF_OPEN: 2, State.OPEN: 3}

UPSTREAM_FAILURES = frozenset(
    reason.label
    for reason in (
        reasons.CONNECT_FAILED,
        reasons.CONNECT_TIMEOUT,
        reasons.TLS_FAILED,
        reasons.CERTIFICATE,
        reasons.UNHEALTHY,
        reasons.BREAKER_OPEN,
        reasons.RESPONSE_TIMEOUT,
        reasons.RESET,
        reasons.BAD_RESPONSE,
        reasons.UNAVAILABLE,
        reasons.TRUNCATED,
        reasons.ADAPT_TOO_LARGE,
        reasons.ADAPT_NOT_JSON,
        reasons.ADAPT_ENCODED,
        reasons.ADAPT_CONFLICT,
        reasons.ADAPT_FAILED,
    )
)


_BEFORE_ANY_REQUEST = (reasons.TOO_MANY_CONNECTIONS, reasons.TLS_HANDSHAKE)


class Scalar(IntEnum):
    """What a worker counts as a whole. OPEN and WAITING are gauges, and die with the worker."""

    OPEN = 0
    CONNECTIONS = 1
    FAULTS = 2
    LOG_LOST = 3
    HELD = 4
    WAITING = 5


class Tally:
    """The one writer of a region.

    `observe` is exact the moment it returns. What the engine counts by itself follows when `mirror` is called.
    """

    def __init__(self, region: Region) -> None:
        self._region = region
        self._cells = region.cells
        self._found: dict[tuple[str, str], tuple[str, int]] = {}  # route, upstream -> stage, row
        self._modern: Mapping[str, str] = {}
        self._gates: dict[str, int] = {}  # upstream -> row
        self._unheard = {reason: region.row(("reason", reason.label)) for reason in _BEFORE_ANY_REQUEST}

    def use(self, config: Config) -> None:
        """Requests are decided by `config` from now on."""
        self._modern = {route.name: route.modern for route in config.routes}
        self._found = {}

    def observe(self, exchange: Exchange) -> None:
        """Count a finished request."""
        # In one go: each name looked up costs as much as all places.
        _, _, _, route, stage, _, upstream, status, reason, _, fell_back, retried, _, _, duration, received, sent = exchange
        found = self._found.get((route, upstream))
        if found is None or found[0] is not stage:
            found = self._find(exchange)
        row, cells = found[1], self._cells
        cells[row + status // 100] += 1
        cells[row + BUCKETS + bisect_left(BOUNDS, duration)] += 1
        cells[row + MICROSECONDS] += int(duration * 1_000_000)
        if received:
            cells[row + REQUEST_BYTES] += received
        if sent:
            cells[row + RESPONSE_BYTES] += sent
        if reason or fell_back or retried:
            self._went_wrong(exchange, row)

    def mirror(self, counters: Counters, log_lost: int) -> None:
        """Copy what the engine counted by itself."""
        cells, at = self._cells, self._region.scalar
        cells[at(Scalar.OPEN)] = counters.connections_open
        cells[at(Scalar.CONNECTIONS)] = counters.connections
        cells[at(Scalar.FAULTS)] = counters.faults
        cells[at(Scalar.LOG_LOST)] = log_lost
        cells[at(Scalar.HELD)] = counters.held
        cells[at(Scalar.WAITING)] = counters.waiting
        for reason, row in self._unheard.items():
            cells[row] = counters.refusals[reason.label]
        for upstream, opens in counters.opens.items():
            cells[self._region.row(("upstream", upstream)) + OPENS] = opens

    def mirror_gates(self, pools: Mapping[str, Pool]) -> None:
        """Copy which upstreams get requests, and which did until they went from the table."""
        for name in pools.keys() - self._gates.keys():
            self._gates[name] = self._region.row((GATE, str(self._region.number), name))
        for name, row in self._gates.items():
            gate = pools[name].gate if name in pools else None
            pulse, circuit = (gate.pulse, gate.circuit) if gate else (None, None)
            self._cells[row + HEALTH] = (OUT, IN)[pulse.well] if pulse else 0
            self._cells[row + BREAKER] = BREAKER_STATES[circuit.state] if circuit else 0

    def _find(self, exchange: Exchange) -> tuple[str, int]:
        """The stage of a route changes with a flip; requests decided before may still end after it."""
        key: Key = ("route", exchange.route, str(exchange.stage), exchange.upstream)
        found = self._found[exchange.route, exchange.upstream] = (exchange.stage, self._region.row(key))
        return found

    def _went_wrong(self, exchange: Exchange, row: int) -> None:
        if exchange.reason:
            self._cells[self._region.row(("reason", exchange.reason))] += 1
        if exchange.reason in UPSTREAM_FAILURES:
            self._add(exchange.upstream, FAILURES)
            self._cells[row + UNANSWERED] += 1
        if exchange.retried:
            self._add(exchange.upstream, RETRIES)
        if exchange.fell_back:
            self._cells[row + FELL_BACK] += 1
            failed = self._modern.get(exchange.route, "")
            self._add(failed, FAILURES)
            self._add(failed, FALLBACKS)

    def _add(self, upstream: str, cell: int) -> None:
        if upstream:
            self._cells[self._region.row(("upstream", upstream)) + cell] += 1
