"""How often one address may come with a wrong token. Knows no clock: times are passed in, in seconds.

Only different tokens count: a page that was left open with an old one asks the same again and again and guesses nothing. And
whoever has shown a good token before is let in with it, or somebody who guesses from the same address would lock him out.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

BURST = 10  # wrong tokens at once
EVERY = 6.0  # seconds until one more may be tried
_MOST = 4096  # addresses that are remembered; who comes in between is forgotten, the oldest first
_ALIKE = 8  # wrong tokens of one address that are remembered


@dataclass(slots=True)
class _Guesser:
    left: float = BURST
    seen: float = 0.0
    wrong: deque[str] = field(default_factory=lambda: deque(maxlen=_ALIKE))


class Attempts:
    """What is remembered of wrong tokens; credentials are hashes of them."""

    def __init__(self) -> None:
        self._guessers: OrderedDict[str, _Guesser] = OrderedDict()
        self._good: OrderedDict[str, None] = OrderedDict()

    def wait(self, address: str, credential: str, now: float) -> float:
        """Seconds until this address may come with this token; 0 if it may now."""
        guesser = self._guessers.get(_block(address))
        if guesser is None or credential in self._good:
            return 0.0
        left = _refilled(guesser, now)
        return 0.0 if left >= 1 else (1 - left) * EVERY

    def good(self, credential: str) -> None:
        """A token was somebody's."""
        self._good[credential] = None
        self._good.move_to_end(credential)
        if len(self._good) > _MOST:
            self._good.popitem(last=False)

    def wrong(self, address: str, credential: str, now: float) -> None:
        """A token was nobody's."""
        self._good.pop(credential, None)
        block = _block(address)
        guesser = self._guessers.setdefault(block, _Guesser(seen=now))
        self._guessers.move_to_end(block)
        if len(self._guessers) > _MOST:
            self._guessers.popitem(last=False)
        if credential not in guesser.wrong:
            guesser.left, guesser.seen = _refilled(guesser, now) - 1, now
            guesser.wrong.append(credential)


def _refilled(guesser: _Guesser, now: float) -> float:
    return min(BURST, guesser.left + (now - guesser.seen) / EVERY)


def _block(address: str) -> str:
    """One customer of a network has a whole /64 of IPv6 addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or int(parsed) >> 64)
