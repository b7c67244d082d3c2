"""How two sides are compared: by what is cheapest for them and still exact. A table; whoever knows better overrides it.

A wrong choice costs time, never a verdict: what two digests do not agree about is looked at row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from strangler.core.errors import UsageError


class Strategy(StrEnum):
    """What is hashed, and where.

    - ``records``: the values as PostgreSQL keeps them, 64 bits a row, summed. Both sides alike, nothing converted.
    - ``hashes``: the canonical text of a row, 64 bits, summed; PostgreSQL on both sides.
    - ``joined``: nothing: one connection has both files and looks at the values as they are kept. SQLite on both sides.
    - ``text``: the canonical text of a whole chunk in key order, one MD5. Any two databases; needs an index in that order.
    - ``sums``: an MD5 of the canonical text of each row, 60 bits, summed. Any two databases and any keys: without an index in
      the shared order, by buckets of the key's own hash in one scan of each side.
    - ``rows``: every row is read and mapped here. What SQL cannot say: Python functions, keys that may stand twice.
    """

    RECORDS = "records"
    HASHES = "hashes"
    JOINED = "joined"
    TEXT = "text"
    SUMS = "sums"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of both sides.

    Attributes:
        dialects: of the side that is read and of the one that is written.
        spelled: every cell of a row can be made in SQL, on both sides.
        alike: every column is taken over unchanged, between columns of the same type.
        unique: both databases see to it that a key stands once.
        joinable: one connection can have both sides.
        served: an index of each side has the keys in the one order that all databases share.
    """

    dialects: tuple[str, str]
    spelled: bool = False
    alike: bool = False
    unique: bool = False
    served: bool = False
    joinable: bool = False

    @property
    def both_postgresql(self) -> bool:
        return self.dialects == ("postgresql", "postgresql")

    @property
    def both_cut(self) -> bool:
        """MariaDB cuts a long text short, without an error. If one side does, digests differ; if both did, nobody would know."""
        return self.dialects == ("mariadb", "mariadb")

    @property
    def walkable(self) -> bool:
        """Whether one side can be cut into stretches of keys by looking at it once."""
        return self.unique and self.served


_CHOICES: tuple[tuple[Strategy, Callable[[Facts], bool]], ...] = (  # the first that can is the cheapest that can
    (Strategy.RECORDS, lambda facts: facts.walkable and facts.alike and facts.both_postgresql),
    (Strategy.HASHES, lambda facts: facts.walkable and facts.spelled and facts.both_postgresql),
    (Strategy.JOINED, lambda facts: facts.walkable and facts.spelled and facts.joinable),
    (Strategy.TEXT, lambda facts: facts.walkable and facts.spelled and not facts.both_cut),
    (Strategy.SUMS, lambda facts: facts.unique and facts.spelled),
    (Strategy.ROWS, lambda facts: True),
)


def possible(facts: Facts) -> tuple[Strategy, ...]:
    """Every way that can be gone, the cheapest first."""
    return tuple(strategy for strategy, can in _CHOICES if can(facts))


def choose(facts: Facts, wish: str | None = None) -> Strategy:
    """The cheapest, or the one that is wished for. Raises UsageError if that one cannot be."""
    ways = possible(facts)
    if wish is None:
        return ways[0]
    if wish not in ways:
        raise UsageError(f"these two sides cannot be compared by {wish!r}: choose {', '.join(ways)}")
    return Strategy(wish)
