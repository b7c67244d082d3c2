"""The decision table: who serves, who gets the copy, and what happens when modern fails. DESIGN section 4, as data.

`decide` looks rows up, README's drawing is made from them, `explain` shows them: there is no second description.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from strangler.core.model import Fallback, Route, Side, Stage


class Who(StrEnum):
    """Which requests of a route a row is about."""

    ALL = "every request"
    BELOW = "bucket < weight"
    REST = "bucket ≥ weight"
    UNSAFE_DATA = "unsafe method, route with data"
    UNSAFE_MOVED = "the same, after the cutover"


class OnFailure(StrEnum):
    """What the client gets when the serving side fails before its first byte."""

    FALLBACK = "legacy answers instead"
    BAD_GATEWAY = "502"  # 504 when it was a timeout
    UNAVAILABLE = "503"


@dataclass(frozen=True, slots=True)
class Rung:
    """One row. `copies_to` is the candidate of a shadow request; `falls_back` whether a safe method may go to legacy."""

    stage: Stage
    who: Who
    served_by: Side
    copies_to: Side | None = None
    falls_back: bool = False


LADDER: tuple[Rung, ...] = (
    Rung(Stage.LEGACY, Who.ALL, Side.LEGACY),
    Rung(Stage.SHADOW, Who.ALL, Side.LEGACY, copies_to=Side.MODERN),
    Rung(Stage.CANARY, Who.BELOW, Side.MODERN, copies_to=Side.LEGACY, falls_back=True),
    Rung(Stage.CANARY, Who.REST, Side.LEGACY, copies_to=Side.MODERN),
    # Writes of a route with data are never split by weight: they all move at once, in a cutover (section 5).
    Rung(Stage.CANARY, Who.UNSAFE_DATA, Side.LEGACY, copies_to=Side.MODERN),
    Rung(Stage.CANARY, Who.UNSAFE_MOVED, Side.MODERN, copies_to=Side.LEGACY),
    Rung(Stage.MODERN, Who.ALL, Side.MODERN, copies_to=Side.LEGACY, falls_back=True),
    Rung(Stage.RETIRED, Who.ALL, Side.MODERN),
)
_ROWS = {(rung.stage, rung.who): rung for rung in LADDER}


def rung(route: Route, *, safe: bool, below: bool, moved: bool) -> Rung:
    """The row for one request of `route`: whether its method is safe, whether its bucket is below the weight, and whether
    modern owns the route's data."""
    if route.stage is not Stage.CANARY:
        return _ROWS[route.stage, Who.ALL]
    if route.data and not safe:
        return _ROWS[Stage.CANARY, Who.UNSAFE_MOVED if moved else Who.UNSAFE_DATA]
    return _ROWS[Stage.CANARY, Who.BELOW if below else Who.REST]


def on_failure(row: Rung, route: Route, *, safe: bool, moved: bool) -> OnFailure:
    """What the client gets when the serving side fails before its first byte.

    A write is never sent a second time to the other system: it may have happened. `moved` says that the ownership of the
    route's data is modern's, so that legacy's answer would be stale.
    """
    if row.served_by is Side.LEGACY:
        return OnFailure.BAD_GATEWAY
    if not safe:
        return OnFailure.UNAVAILABLE if route.data else OnFailure.BAD_GATEWAY
    if row.falls_back and route.fallback is Fallback.SAFE and not moved:
        return OnFailure.FALLBACK
    return OnFailure.BAD_GATEWAY


def failure_in_words(row: Rung) -> str:
    """What a client gets when modern fails before its first byte, for people."""
    if row.served_by is Side.LEGACY:
        return "the client never knows" if row.copies_to else ""
    return "legacy answers, with `fallback: safe` ²" if row.falls_back else "502"


def render_diagram() -> str:
    """The ladder as README draws it: top rung first, one line per row of the table but the one that needs a cutover."""
    lines = [f"{'stage':<9}{'requests':<31}{'served by':<14}{'copied to':<15}if modern fails before its first byte"]
    shown: set[Stage] = set()
    for row in sorted(LADDER, key=lambda row: -row.stage.rung):
        if row.who is Who.UNSAFE_MOVED:
            continue
        copy = f"╌╌▸ {row.copies_to} ¹" if row.copies_to else ""
        stage = "" if row.stage in shown else row.stage
        shown.add(row.stage)
        lines.append(f"{stage:<9}{row.who:<31}──▸ {row.served_by:<10}{copy:<15}{failure_in_words(row)}".rstrip())
    return "\n".join(lines)
