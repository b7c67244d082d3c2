"""Holds: nothing climbs on a route until somebody resumes. They are entries of the journal, and touch no file."""

from __future__ import annotations

from strangler.control.flipping.world import World
from strangler.core import journal as core
from strangler.core.flip import members, place_of
from strangler.core.journal import Entry, Kind


def hold(name: str, actor: str, reason: str, world: World) -> tuple[str, ...]:
    """Hold a route, or the routes of an ``@group``; those that are held now and were not before.

    Raises UsageError if there is no such route, DatabaseError if the journal cannot be read or written.
    """
    return _write(Kind.HOLD, name, actor, reason, world)


def resume(name: str, actor: str, reason: str, world: World) -> tuple[str, ...]:
    """Let a route climb again, or the routes of an ``@group``; those that were held. Errors as for `hold`."""
    freed = _write(Kind.RESUME, name, actor, reason, world)
    if freed:  # an edit by hand that was refused for the hold is looked at again
        snapshot = world.read()
        world.take_up(snapshot.real, snapshot.revision)
    return freed


def _write(kind: Kind, name: str, actor: str, reason: str, world: World) -> tuple[str, ...]:
    snapshot = world.read()
    config = world.config(snapshot.data)
    journal = world.journal(config, snapshot.real)
    held = core.holds(journal.entries())
    routes = [route for route in members(config, name) if (route.name in held) is (kind is Kind.RESUME)]
    entries = [
        Entry(
            id=world.name(),
            kind=kind,
            flip="",
            at=world.now(),
            actor=actor,
            route=route.name,
            before=place_of(route),
            after=place_of(route),
            reason=reason,
        )
        for route in routes
    ]
    if entries:
        world.add(journal, entries)
    return tuple(route.name for route in routes)
