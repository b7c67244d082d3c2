"""Browsers that have logged in. A session is known by a random name in a cookie; here only that name's hash is kept.

Sessions live in memory: they end with the control process, with the token that they began with, and after twelve hours.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from strangler.web.actors import Actor, hash_of

LASTS = 12 * 3600.0  # seconds
_MOST = 1000


@dataclass(frozen=True, slots=True)
class _Session:
    credential: str
    until: float


class Sessions:
    """All that are open. Times in seconds, of any clock that only goes forward."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Session] = OrderedDict()

    def begin(self, name: str, actor: Actor, now: float) -> None:
        """`name` is what the cookie holds: random, 256 bits."""
        self._open[hash_of(name)] = _Session(actor.credential, now + LASTS)
        if len(self._open) > _MOST:
            self._open.popitem(last=False)

    def credential(self, name: str, now: float) -> str:
        """The hash of the token that a session began with; "" if there is no such session."""
        session = self._open.get(hash_of(name))
        return session.credential if session is not None and now < session.until else ""

    def end(self, name: str) -> None:
        self._open.pop(hash_of(name), None)
