"""The breaker for shadow requests to one upstream: of its own, so that they shut nobody else out."""

from __future__ import annotations

from strangler.core.breaker import State
from strangler.proxy.gate import Gate, log


class ShadowGate(Gate):
    """The gate of a pool for shadow requests. It is not counted among the breakers that open: no client meets it."""

    __slots__ = ()

    def _tell_breaker(self, state: State) -> None:
        if state is not State.HALF_OPEN:
            log.warning("upstream %s: the breaker for shadow requests is %s", self._pool.name, state.value)
