"""Whether an upstream gets requests now: what its health checks and its breaker say, together.

Every worker has its own gate for each upstream: what this worker can reach is what counts for its clients, there is nobody
to ask and nobody whose death leaves the rest blind. The price is one check per worker and `every`; they are spread in time.

A failure is an upstream that gives no valid first byte: no connection, no TLS, a timeout, a reset, bytes that are not HTTP.
A status is an answer, 5xx too: it is what the ladder falls back for or does not, a faithful rewrite has legacy's 500s, and one
broken page must not take all others down. (nginx sees it so by default; Envoy and Traefik leave it to the operator.)
"""

from __future__ import annotations

import logging
from math import ceil
from random import random
from time import perf_counter
from typing import TYPE_CHECKING

from strangler.core.breaker import Circuit, State
from strangler.core.pulse import Pulse
from strangler.proxy import reasons
from strangler.proxy.deadlines import NEVER
from strangler.proxy.question import Question
from strangler.proxy.reasons import Reason

if TYPE_CHECKING:
    from strangler.core.model import Health
    from strangler.proxy.pool import Pool

log = logging.getLogger("strangler.proxy")

MOST = 1024 * 1024  # bytes of the answer to a check
JITTER = 0.2  # of the time between two checks


class Gate:
    """The gate of one pool, which it tells in `shut` whether it has to be asked at all.

    Attributes:
        circuit: the breaker; None if there is none.
        pulse: what the checks say; None if there are none.
        deadline: when to look at the breaker or to send a check, whichever comes first, on the loop's clock.
    """

    __slots__ = ("_deadlines", "_last", "_next_check", "_next_look", "_pool", "circuit", "deadline", "pulse")

    def __init__(self, pool: Pool) -> None:
        upstream = pool.upstream
        self._pool = pool
        self._deadlines = pool.proxy.deadlines
        self.circuit = Circuit(upstream.breaker, perf_counter()) if upstream.breaker else None
        self.pulse = Pulse(upstream.health) if upstream.health else None
        self._last = State.CLOSED
        now = self._deadlines.now
        self._next_look = now + self.circuit.width if self.circuit else NEVER
        self._next_check = now + upstream.health.every * random() if upstream.health else NEVER
        self.deadline = min(self._next_look, self._next_check)
        self._deadlines.watch(self)

    def refusal(self) -> Reason | None:
        """Why a request is not sent now, or None if it is; a breaker that tries again counts those it lets through."""
        if self.pulse is not None and not self.pulse.well:
            return reasons.UNHEALTHY
        circuit = self.circuit
        if circuit is None or circuit.admits(perf_counter(), self._pool.answered):
            self._update()
            return None
        self._update()
        return reasons.BREAKER_OPEN

    def fail(self, sent: float) -> None:
        """A request that was taken up at `sent`, on `perf_counter`, got no first byte."""
        if self.circuit is not None:
            self.circuit.fail(perf_counter(), self._pool.answered, sent)
            self._update()

    def rest(self) -> int:
        """Seconds after which it may be worth asking again, for Retry-After (RFC 9110 section 10.2.3)."""
        health = self._pool.upstream.health
        if health is not None and self.pulse is not None and not self.pulse.well:
            return max(ceil(health.every * health.passes), 1)
        return max(ceil(self.circuit.rest(perf_counter())), 1) if self.circuit else 1

    def close(self) -> None:
        """Ask nobody any more."""
        self._deadlines.forget(self)

    def expire(self) -> None:
        """It is time to look, or to ask."""
        now = self._deadlines.now
        if self.circuit is not None and now >= self._next_look:
            self._next_look = now + self.circuit.width
            self.circuit.look(perf_counter(), self._pool.answered)
            self._update()
        health = self._pool.upstream.health
        if health is not None and now >= self._next_check:
            self._next_check = NEVER
            self._check(health)
        self.deadline = min(self._next_look, self._next_check)

    def _check(self, health: Health) -> None:
        pool = self._pool
        first = b"GET " + health.path.encode() + b" HTTP/1.1"
        head = b"\r\n".join((first, b"Host: " + pool.host, b"User-Agent: strangler", b"Connection: close", b"", b""))
        seconds = min(float(pool.upstream.timeouts.response), float(health.every))
        Question(pool, head, self._checked, most=MOST, seconds=seconds, fresh=True).begin()

    def _checked(self, status: int, body: bytes) -> None:
        health, pulse = self._pool.upstream.health, self.pulse
        assert health is not None
        assert pulse is not None
        self._next_check = self._deadlines.now + health.every * (1 - JITTER / 2 + JITTER * random())
        self.deadline = min(self._next_look, self._next_check)
        if pulse.note(200 <= status < 400):
            self._tell_health(pulse.well, f"status {status}" if status else "no answer")
            self._update()

    def _update(self) -> None:
        """Shut the pool or open it, and say so if the breaker has changed."""
        state = self.circuit.state if self.circuit else State.CLOSED
        self._pool.shut = state is not State.CLOSED or (self.pulse is not None and not self.pulse.well)
        if state is not self._last:
            self._last = state
            self._tell_breaker(state)

    def _tell_health(self, well: bool, found: str) -> None:
        if well:
            log.warning("upstream %s: is in service again, its health checks pass", self._pool.name)
        else:
            log.warning("upstream %s: is out of service, its health checks fail (%s)", self._pool.name, found)

    def _tell_breaker(self, state: State) -> None:
        if state is State.OPEN:
            self._pool.proxy.counters.opens[self._pool.name] += 1
            log.warning("upstream %s: the breaker is open, too many requests failed", self._pool.name)
        elif state is State.CLOSED:
            log.warning("upstream %s: the breaker is closed, requests are answered again", self._pool.name)
