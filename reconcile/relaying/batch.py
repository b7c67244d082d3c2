"""One batch of claimed keys through the applier: parents before children, deletions the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reconcile.applying.applied import BOTH, DELETES, UPSERTS, Applied, Parts
from reconcile.databases.chunk import Key
from reconcile.relaying.course import FAILING, HALTED, Course
from reconcile.relaying.lease import Claimed, Place
from reconcile.relaying.patience import Fate, Patience, defer, fail
from reconcile.reports.report import Counts
from strangler.core.errors import DatabaseError, Refusal, StranglerError


class Apply(Protocol):
    """Brings a mapping's keys up to date; raises Refusal or DatabaseError where nothing could be done."""

    def __call__(self, course: Course, keys: Sequence[Key], parts: Parts) -> Applied: ...


@dataclass(slots=True)
class Work:
    """The keys of one mapping in a batch, and what has become of them so far."""

    course: Course
    claimed: dict[Key, Claimed] = field(default_factory=dict)
    unreadable: dict[Place, Fate] = field(default_factory=dict)
    applied: Applied = field(default_factory=Applied)
    trouble: StranglerError | None = None

    def do(self, apply: Apply, keys: Sequence[Key], parts: Parts) -> None:
        if self.trouble is not None or not keys:
            return
        try:
            self.applied += apply(self.course, keys, parts)
        except (Refusal, DatabaseError) as error:
            self.trouble = error


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch. Keys without a fate are done; those of mappings in `stopped` are to be given back.

    `lost`: of the stopped ones, those whose connection was lost while a single key was applied.
    """

    fates: Mapping[Place, Fate]
    stopped: Mapping[str, tuple[str, str]]  # mapping: its state, and why
    counts: Counts
    lost: frozenset[str] = frozenset()


def sort(courses: Iterable[Course], claimed: Iterable[Claimed]) -> list[Work]:
    """The keys of each mapping, in the order of the file."""
    works = {course.name: Work(course) for course in courses}
    for each in claimed:
        work = works[each.mapping]
        try:
            work.claimed[work.course.parse(each.key)] = each
        except StranglerError as error:
            work.unreadable[each.place] = Fate("dead", 0.0, str(error))
    return [work for work in works.values() if work.claimed or work.unreadable]


def run(works: Sequence[Work], apply: Apply, renew: Callable[[], None], patience: Patience, draw: Callable[[], float]) -> Outcome:
    """Apply everything, and decide about what could not be. `renew` is called between the mappings: each may take long."""
    parts = BOTH if len(works) == 1 else UPSERTS
    for work in works:
        work.do(apply, list(work.claimed), parts)
        renew()
    if parts is UPSERTS:
        for work in reversed(works):
            work.do(apply, sorted(work.applied.left), DELETES)
            renew()
    fates: dict[Place, Fate] = {}
    for work in works:
        fates |= work.unreadable
        if work.trouble is None:
            fates |= _fates(work, patience, draw)
    stopped = {work.course.name: _stopped(work.trouble) for work in works if work.trouble is not None}
    lost = frozenset(work.course.name for work in works if len(work.claimed) == 1 and _lost(work.trouble))
    return Outcome(fates, stopped, sum((work.applied.counts for work in works), Counts()), lost)


def _fates(work: Work, patience: Patience, draw: Callable[[], float]) -> dict[Place, Fate]:
    found = {}
    for key, why in work.applied.deferred.items():
        each = work.claimed[key]
        found[each.place] = defer(patience, each.deferred, why, draw())
    for key, why in work.applied.failed.items():
        each = work.claimed[key]
        found[each.place] = fail(patience, each.attempts, why, draw())
    return found


def _lost(trouble: StranglerError | None) -> bool:
    return bool(getattr(getattr(trouble, "__cause__", None), "connection_invalidated", False))


def _stopped(error: StranglerError) -> tuple[str, str]:
    return (FAILING if isinstance(error, DatabaseError) else HALTED), str(error)
