"""What the file says against a cutover, before any database is asked: which writes would be left behind, split or cut in two."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from strangler.core.cutover import NEW, OLD, Record, in_words
from strangler.core.flip import Flip, Place, descend, place_of
from strangler.core.model import SAFE_METHODS, Config, Route, Stage

ALL = Place(Stage.MODERN)
HOME = Stage.SHADOW


def mappings_of(routes: Sequence[Route]) -> tuple[str, ...]:
    """What moves with these routes, in the order in which they name it."""
    return tuple(dict.fromkeys(name for route in routes for name in route.data))


def goal(routes: Sequence[Route], to: str, stage: Stage | None = None) -> tuple[Flip, ...]:
    """The flips of a cutover: to modern, or back to where a rollback leads.

    Raises Refusal if a route stands where it would go already.
    """
    if to == NEW:
        return tuple(Flip(route.name, place_of(route), ALL) for route in routes)
    return tuple(Flip(route.name, place_of(route), descend(route, stage)) for route in routes)


def objections(config: Config, routes: Sequence[Route], to: str, moved: Collection[str]) -> Iterator[str]:
    """Everything in the file that stands against it, a line each."""
    names = mappings_of(routes)
    if not names:
        yield f"{_of(routes)}: no route of it has `data:`, so no data moves: `strangler flip` is what moves it"
        return
    if not any(route.match.takes_unsafe for route in routes):
        yield f"{_of(routes)}: it only reads {in_words(names)}: `strangler flip` moves it; what writes them has to move with them"
    yield from _where_they_are(names, to, moved)
    yield from _left_behind(config, routes, names)
    for route in routes:
        copied = sorted(set(route.shadow.methods) - SAFE_METHODS)
        if route.data and copied:
            yield f"{route.name}: `shadow.methods` copies {in_words(copied)}, which would write on both sides: take that out"


def not_ready(routes: Sequence[Route], to: str) -> Iterator[str]:
    """Routes whose reads are not all with modern yet: nobody has seen it bear them. A group says so for each of its routes."""
    for route in routes:
        place = place_of(route)
        if to == NEW and place.height < Place(Stage.CANARY, type(place.weight)(1.0)).height:
            yield f"{_of([route])}: stands at {place}: bring it to canary 100% first, so that modern has all of the reads"


def stranded(config: Config, record: Record) -> Iterator[str]:
    """Routes whose writes the file sends to the other side than the record says, a line each. While a cutover is open its writes
    wait, wherever the file has them. What was never moved is not in the record, which may have been lost: it passes."""
    if record.move is None:
        for route, words in astray(config.routes, {name: side for name, (side, _) in record.owners.items()}):
            yield f"routes[{route.index}].stage: {words}"


def astray(routes: Sequence[Route], owners: Mapping[str, str]) -> Iterator[tuple[Route, str]]:
    """Routes whose writes the file sends to the side that does not own what they write, and what is to be said of each.

    Args:
        owners: the side that owns each mapping, of those of which it is known.
    """
    for route in routes:
        name = f"@{route.group}" if route.group else route.name
        there = [mapping for mapping in route.data if owners.get(mapping) == NEW]
        here = [mapping for mapping in route.data if owners.get(mapping) == OLD]
        if not route.match.takes_unsafe:
            continue
        if there and route.stage.rung < Stage.CANARY.rung:
            say = f"say `stage: modern`, and then `strangler cutover {name} --back`"
            yield route, f"{route.name} would write to legacy, and modern owns {in_words(there)}: {say}"
        if here and route.stage.rung > Stage.CANARY.rung:
            say = f"say `stage: canary` with `weight: 100%`, and then `strangler cutover {name}`"
            yield route, f"{route.name} would write to modern, and legacy owns {in_words(here)}: {say}"


def reads(route: Route) -> bool:
    """Whether a request with a method that is compared can match: others nobody has ever sent to both sides."""
    return any(route.match.takes(method) for method in route.shadow.methods if method in SAFE_METHODS)


def _where_they_are(names: Sequence[str], to: str, moved: Collection[str]) -> Iterator[str]:
    there = [name for name in names if (name in moved) is (to == NEW)]
    if len(there) == len(names):
        yield f"{in_words(there)}: the {to} side owns {'it' if len(there) == 1 else 'them'} already: there is nothing to move"
    elif there:
        yield f"{in_words(there)}: belongs to the {to} side already, and the others do not: they cannot move as one"


def _left_behind(config: Config, routes: Sequence[Route], names: Sequence[str]) -> Iterator[str]:
    """Other routes that write the same data would go on writing it where it is not owned any more."""
    mine = {route.name for route in routes}
    for other in config.routes:
        shared = [name for name in names if name in other.data]
        if shared and other.name not in mine and other.match.takes_unsafe:
            owner = f"the group @{other.group}" if other.group else "no group"
            yield (
                f"{other.name}: it writes {in_words(shared)} too, and stays (it is in {owner}): "
                f"give all of them one `group:`, or leave what is shared out of `data:` where it is not written"
            )


def _of(routes: Sequence[Route]) -> str:
    return f"@{routes[0].group}" if routes and routes[0].group else in_words([route.name for route in routes])
