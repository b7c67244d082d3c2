"""An even sample of the requests that a worker decides: at most so many each second, each as likely as any other.

Which ones is drawn as they come, so that neither the first of a second nor the busiest route counts for more than it is; how many
to pass over until the next one is drawn at once (algorithm L, Li 1994), so that most cost one comparison. A second's sample goes
to control as one frame, if the courier has nothing else to carry: pairs come first.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from math import log, log1p
from typing import Any

from strangler.control.frames import encode
from strangler.control.gathering.courier import Courier
from strangler.core.decide import Decision
from strangler.core.model import Config
from strangler.core.recent import Looks, glimpse, looks
from strangler.core.request import Request

MOST = 20  # requests a second and worker
KIND = "requests"  # of the frame


class Sampler:
    """Keeps what one worker saw since the last frame.

    Args:
        draw: of a number in [0, 1).

    Attributes:
        wanted: whether there is anything to look for; without a route nothing is kept.
    """

    def __init__(self, courier: Courier, draw: Callable[[], float] = random.random, most: int = MOST) -> None:
        self._courier, self._draw, self._most = courier, draw, most
        self._looks: Looks = {}
        self._seen = self._next = 0
        self._bar = 1.0
        self._kept: list[dict[str, Any] | None] = []
        self.wanted = False

    def use(self, config: Config) -> None:
        """Requests are decided by `config` from now on."""
        self.wanted, self._looks = bool(config.routes), looks(config)

    def take(self, request: Request, decision: Decision) -> None:
        """A request has been decided."""
        self._seen += 1
        if self._seen >= self._next:
            self._keep(glimpse(request, decision, self._looks))

    def _keep(self, told: dict[str, Any] | None) -> None:
        if len(self._kept) < self._most:
            self._kept.append(told)
        else:
            self._kept[int(self._draw() * self._most)] = told
        if len(self._kept) == self._most:
            self._bar *= self._chance() ** (1 / self._most)
            self._next = self._seen + 1 + int(log(self._chance()) / log1p(-self._bar))

    def _chance(self) -> float:
        """In (0, 1): a logarithm is taken of it, and of what is left of one."""
        return min(max(self._draw(), 1e-12), 1 - 1e-12)

    def flush(self, now: float) -> bool:
        """Hand over what there is, and begin anew; whether anything went. `now` in seconds since 1970."""
        seen, kept = self._seen, self._kept
        self._seen, self._next, self._bar, self._kept = 0, 0, 1.0, []
        told = [each for each in kept if each is not None]
        if not told or not self._courier.idle:
            return False
        return self._courier.hand("", encode({"is": KIND, "at": now, "weight": seen / len(kept), "requests": told}))
