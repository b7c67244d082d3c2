"""Capture for the mappings of a plan: install, pause, resume, remove. What they share is a feed, so what is done to one mapping
may concern others: the feeds that were touched are returned.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconcile.capturing import placement, state
from reconcile.capturing.captured import HEARTBEAT_FEED
from reconcile.capturing.feed import Feed, Which, feeds
from reconcile.capturing.script import Patience, Script
from reconcile.capturing.tables import PAUSED
from reconcile.databases.database import Database, opened
from reconcile.mapping.model import Mapping, Plan

Names = Sequence[str] | None


def install(
    plan: Plan, names: Names = None, *, print_sql: bool = False, side: Which = "old", patience: Patience | None = None
) -> tuple[Script, ...]:
    """Capture these mappings' feeds (all, without names). What is installed already is left alone, paused feeds stay paused.

    Returns what was run, or with `print_sql` would be. Raises Refusal for a table that cannot be captured, DatabaseError if
    others hold a table for too long; feeds that were installed before that one stay.
    """
    scripts: list[Script] = []
    for database, wanted in databases(plan, names, side):
        scripts += placement.install(database, (HEARTBEAT_FEED, *wanted), print_sql=print_sql, patience=patience or Patience())
    return tuple(scripts)


def pause(plan: Plan, names: Names = None, *, side: Which = "old", patience: Patience | None = None) -> tuple[str, ...]:
    """The kill switch: from the next statement on, the triggers of these feeds write nothing. No table is locked for it.

    Every mapping that listens to one of the feeds is unknown from then on. Returns the feeds.
    """
    paused: list[str] = []
    for database, wanted in databases(plan, names, side):
        with database.reading() as connection:
            states = state.read(connection, database.dialect, [feed.name for feed in wanted])
        running = [name for name, found in states.items() if found.generation is not None and found.state != PAUSED]
        placement.pause(database, running, patience or Patience())
        paused += running
    return tuple(paused)


def resume(plan: Plan, names: Names = None, *, side: Which = "old", patience: Patience | None = None) -> tuple[str, ...]:
    """Capture paused feeds again, with triggers made anew: a transaction that still sees the pause must not be able to obey it.

    Their mappings stay unknown until a full pass was clean. Returns the feeds.
    """
    resumed: list[str] = []
    for database, wanted in databases(plan, names, side):
        with database.reading() as connection:
            states = state.read(connection, database.dialect, [feed.name for feed in wanted])
        for feed in (feed for feed in wanted if states[feed.name].state == PAUSED):
            placement.put(database, feed, patience or Patience())
            resumed.append(feed.name)
    return tuple(resumed)


def remove(
    plan: Plan,
    names: Names = None,
    *,
    discard: bool = False,
    print_sql: bool = False,
    side: Which = "old",
    patience: Patience | None = None,
) -> tuple[Script, ...]:
    """Take capture out: triggers, functions, rows, and with the last feed our tables. Without names, every feed there is.

    An outbox with rows in it stays, unless they are to be discarded. A feed that another mapping of the file listens to stays
    too. Returns what was run, or with `print_sql` would be.
    """
    scripts: list[Script] = []
    others = {feed for each in plan.mappings if names is not None and each.name not in names for feed in feeds(each, side)}
    for database, wanted in databases(plan, names, side):
        chosen = None if names is None else [feed.name for feed in wanted if feed not in others]
        scripts += placement.remove(database, chosen, discard=discard, print_sql=print_sql, patience=patience or Patience())
    return tuple(scripts)


def databases(plan: Plan, names: Names, side: Which) -> Iterator[tuple[Database, tuple[Feed, ...]]]:
    """Each database on this side that these mappings are captured in, open, with their feeds."""
    chosen = plan.mappings if names is None else [plan.mapping(name) for name in names]
    with_images = {feed for mapping in plan.mappings for feed in feeds(mapping, side) if feed.images}
    by_database: dict[str, dict[Feed, None]] = {}
    for mapping in chosen:
        by_database.setdefault(database_name(mapping, side), {}).update(dict.fromkeys(feeds(mapping, side)))
    for name, wanted in by_database.items():
        with opened(plan.databases, name) as (database,):
            yield database, tuple(replace(feed, images=feed in with_images) for feed in wanted)


def database_name(mapping: Mapping, side: Which) -> str:
    """Which of the plan's databases a mapping is captured in while this side is the owner."""
    return mapping.source.database if side == "old" else mapping.target.database
