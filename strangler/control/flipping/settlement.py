"""What became of flips whose author has gone, and what the journal has missed: settled by whoever comes next.

What a route did next tells more than where it stands now, and the file tells the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from strangler.control.flipping.world import World
from strangler.control.journal import Journal
from strangler.core import journal as core
from strangler.core.errors import StranglerError
from strangler.core.flip import Place, place_of
from strangler.core.journal import FILE, Entry, Kind
from strangler.core.model import Config, Stage

BOTTOM = Place(Stage.LEGACY)


def settle(world: World, served: Config | None = None) -> list[Entry]:
    """Settle what nobody else will; the entries that were written. While flips are under way there is nothing to do.

    Args:
        served: what the workers decide by, if that is known: a route that stands elsewhere than the journal has it is
            written down as found so.

    Raises UsageError if the file is wrong, DatabaseError if the journal cannot be read or written.
    """
    snapshot = world.read()
    with world.settling(snapshot.real) as before:
        if before is None:
            return []
        snapshot = world.read()
        config = world.config(snapshot.data)
        journal = world.journal(config, snapshot.real)
        entries = journal.entries()
        places = {route.name: place_of(route) for route in config.routes}
        found = [
            core.settle(entry, {entry.route: _seen_next(entry, entries, places)}, world.name(), world.now())
            for entry in core.unsettled(entries)
            if entry.at < before
        ]
        if served is not None:
            found += _missed(world, [*entries, *found], places, served, snapshot.revision)
        if found:
            world.add(journal, found)
        return found


def keep(world: World, served: Config | None = None, *, create: bool = False) -> list[Entry]:
    """Bring the journal into the store, and settle what nobody else will; what was written for that.

    A command does this when it has said what there is to say, control when it starts and once a minute.

    Args:
        served: see `settle`.
        create: make a store where there is none.

    Raises UsageError, DatabaseError: nothing is lost, and the next one tries again.
    """
    try:
        return settle(world, served)
    finally:
        _journal(world).bring_in(create=create)


def settle_quietly(world: World) -> None:
    """`settle`, for whoever has something better to do than to complain."""
    with suppress(StranglerError):
        settle(world)


def _journal(world: World) -> Journal:
    snapshot = world.read()
    return world.journal(world.config(snapshot.data), snapshot.real)


def _seen_next(entry: Entry, entries: Sequence[Entry], places: Mapping[str, Place]) -> Place:
    """Where a route was found next after an intention: where another flip of it began, else where it stands in the file."""
    mine = [recorded.entry for recorded in core.history(entries) if recorded.entry.route == entry.route]
    later = mine[next(place for place, other in enumerate(mine) if other.flip == entry.flip) + 1 :]
    return later[0].before if later else places.get(entry.route, BOTTOM)


def _missed(world: World, entries: Sequence[Entry], places: Mapping[str, Place], served: Config, digest: str) -> list[Entry]:
    """Places that are in the file, and served, and that the journal knows nothing of."""
    known = core.last_places(entries)
    open_ = {entry.route for entry in core.unsettled(entries)}
    name = world.name()
    return [
        Entry(
            id=world.name(),
            kind=Kind.LIVE,
            flip=name,
            at=world.now(),
            actor=FILE,
            route=route.name,
            before=known.get(route.name, BOTTOM),
            after=place_of(route),
            reason="found in the file",
            digest=digest,
        )
        for route in served.routes
        if place_of(route) == places.get(route.name) != known.get(route.name, BOTTOM) and route.name not in open_
    ]
