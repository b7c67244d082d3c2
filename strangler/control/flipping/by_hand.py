"""Changes that somebody made in the file itself: which the journal knows, which it has to be told, and which are refused.

A change is one of ours if the journal's last word on the route, intended or live, is where the file has it. Of all others,
those down pass; those up need what a flip needs, unless the file says ``reload: trusted``; none crosses a hold. A route that
was not served before was served by legacy, as far as anybody knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from strangler.config.file import Snapshot
from strangler.control.flipping.draft import cutovers, held, under_way, unmet
from strangler.control.flipping.settlement import BOTTOM
from strangler.control.flipping.world import World
from strangler.control.journal import Journal, JournalError
from strangler.core import journal as core
from strangler.core.cutover import Record
from strangler.core.errors import DatabaseError, StranglerError
from strangler.core.flip import Flip, Place, place_of
from strangler.core.guard.verdict import Judgement
from strangler.core.journal import FILE, Entry, Kind
from strangler.core.model import Config

TRUSTED = "trusted"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is to be said of a changed file.

    Attributes:
        refused: why it is not served, one line each; empty if it is.
        notes: what people should know besides.
    """

    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge(world: World, snapshot: Snapshot, config: Config, served: Mapping[str, Place]) -> Ruling:
    """Judge what changed between what is served and the file, and write it down if the file passes.

    Never raises for a store or a guard that fails: what needs them is refused then, and what does not passes.
    """
    flips = changes(config, served)
    if not flips:
        return Ruling()
    journal = world.journal(config, snapshot.real)
    entries, trouble = _known(journal, flips)
    flips = tuple(flip for flip in flips if not _is_ours(flip, entries))
    climbing = [flip for flip in flips if flip.up]
    judgements: Mapping[str, Judgement] = {}
    record = world.record(snapshot.real) if any(route.data for route in config.routes) else Record()
    refused = [*held(climbing, entries), *cutovers(flips, config.routes, record.moved), *under_way(flips, record)]
    if climbing and trouble:
        refused.append(f"what is held is not known: {trouble}")
    if climbing and config.reload != TRUSTED:
        judgements, found = _guarded(world, config, climbing)
        refused += found
    if refused:
        return Ruling(_in_words(snapshot, climbing or flips, refused))
    return Ruling(notes=_write_down(world, journal, flips, judgements, snapshot))


def changes(config: Config, served: Mapping[str, Place]) -> tuple[Flip, ...]:
    """Routes that stand elsewhere than they are served."""
    flips = (Flip(route.name, served.get(route.name, BOTTOM), place_of(route)) for route in config.routes)
    return tuple(flip for flip in flips if flip.before != flip.after)


def _known(journal: Journal, flips: Sequence[Flip]) -> tuple[list[Entry], str]:
    """Entries, as far as they are needed: what was flipped a moment ago is in the spool, and the store is left alone. And
    what kept the rest from being read."""
    entries: list[Entry] = []
    try:
        entries = journal.spooled()
        if not all(_is_ours(flip, entries) for flip in flips):
            entries = journal.entries()
    except DatabaseError as error:
        return entries, str(error)
    return entries, ""


def _is_ours(flip: Flip, entries: Iterable[Entry]) -> bool:
    """Whether the last that the journal has of a route, and that was not abandoned, is where the file has it."""
    told = [
        recorded.entry
        for recorded in core.history(entries)
        if recorded.entry.route == flip.route and recorded.state is not Kind.ABANDONED
    ]
    return bool(told) and told[-1].after == flip.after


def _guarded(world: World, config: Config, climbing: Sequence[Flip]) -> tuple[Mapping[str, Judgement], list[str]]:
    try:
        judgements = world.judge(config, climbing)
    except StranglerError as error:
        return {}, [f"guard: {error}"]
    return judgements, list(unmet(climbing, judgements))


def _in_words(snapshot: Snapshot, climbing: Sequence[Flip], refused: Sequence[str]) -> tuple[str, ...]:
    moved = "; ".join(map(str, climbing))
    advice = "move them with `strangler flip`, or say `reload: trusted` in the file, which a hold stands above"
    return (f"{snapshot.path}: an edit by hand is refused: {moved}", *(f"  {line}" for line in refused), f"  {advice}")


def _write_down(
    world: World, journal: Journal, flips: Sequence[Flip], judgements: Mapping[str, Judgement], snapshot: Snapshot
) -> tuple[str, ...]:
    name = world.name()
    entries = [_entry(world, name, flip, judgements.get(flip.route), snapshot.revision) for flip in flips]
    try:
        if entries:
            world.add(journal, entries)
    except JournalError as error:
        return (f"{error}; what was changed by hand is journalled as soon as it can be",)
    return ()


def _entry(world: World, name: str, flip: Flip, judgement: Judgement | None, digest: str) -> Entry:
    return Entry(
        id=world.name(),
        kind=Kind.LIVE,
        flip=name,
        at=world.now(),
        actor=FILE,
        route=flip.route,
        before=flip.before,
        after=flip.after,
        reason="edited by hand",
        verdict=str(judgement.verdict) if judgement else "",
        evidence=tuple(asdict(finding) for finding in judgement.findings) if judgement else (),
        digest=digest,
    )
