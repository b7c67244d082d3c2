"""Asking everyone how the mappings stand: owners, capture, relay, backfill, and the last verdict. Writes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from reconcile.backfilling.status import Status as BackfillStatus
from reconcile.backfilling.status import statuses
from reconcile.capturing.feed import Which
from reconcile.capturing.status import CaptureStatus
from reconcile.capturing.status import status as capture_status
from reconcile.comparing import history
from reconcile.comparing.history import Passed
from reconcile.databases.database import Database, opened
from reconcile.jobs.marks import gone_back
from reconcile.jobs.strays import Strays, strays
from reconcile.mapping.model import Plan
from reconcile.owning.ownership import NEW, Ownership, agreement, standing
from reconcile.relaying import status as relaying
from reconcile.reports.report import Drift, Verdict
from reconcile.reports.standing import Standing
from strangler.core.errors import ConfigError, StranglerError

T = TypeVar("T")

_SIDES: tuple[Which, ...] = ("old", "new")
_NEWEST = 10
_WORST = ("missing", "changed", "unconfirmed", "paused", "installed")


def standings(plan: Plan, names: Iterable[str] = ()) -> list[Standing]:
    """The named mappings (all, without names), in the order of the file. What cannot be asked is told in each one's `trouble`."""
    wanted = {plan.mapping(name).name for name in names} or set(plan.names)
    looks = _Looks(plan)
    return [looks.standing(name) for name in plan.names if name in wanted]


@dataclass(frozen=True, slots=True)
class _Passes:
    """A mapping's newest pass, the newest over all rows, and the newest of those that was clean."""

    last: Passed | None = None
    full: Passed | None = None
    clean: Passed | None = None


class _Looks:
    """One look at everything; each database is opened a few times for all mappings together."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._trouble = plan, dict[str, str]()
        nobody = relaying.RelayStatus((), ())
        self._owners = self._asked_owners()
        self._captures = self._asked_captures()
        self._relay = self._try(plan.names, lambda: relaying.status(plan), nobody)
        self._relayed = {each.mapping: each for each in self._relay.mappings}
        self._backfills = {each.mapping: each for each in self._try(plan.names, lambda: statuses(plan), list[BackfillStatus]())}
        self._passes = self._asked_passes()
        self._back = self._try(plan.names, partial(gone_back, plan), dict[str, str]())
        self._strays = self._try(plan.names, self._asked_strays, dict[str, Strays]())

    def standing(self, name: str) -> Standing:
        ownership = self._owners.get(name, Ownership())
        rests = ownership.owner == NEW and self._plan.mapping(name).back is None
        found = Standing(name, owner=ownership.owner, epoch=ownership.epoch, rests=rests)
        found = self._with_verdict(self._with_backfill(self._with_strays(self._with_relay(self._with_capture(found)))))
        return replace(found, trouble=self._trouble.get(name, ""))

    def _try(self, names: Iterable[str], ask: Callable[[], T], otherwise: T) -> T:
        """What cannot be asked is told for each of these mappings; the first trouble stands."""
        try:
            return ask()
        except StranglerError as error:
            for name in names:
                self._trouble.setdefault(name, _on_one_line(error))
            return otherwise

    def _asked_owners(self) -> dict[str, Ownership]:
        found: dict[str, Ownership] = {}
        pairs = dict.fromkeys((mapping.source.database, mapping.target.database) for mapping in self._plan.mappings)
        for pair in pairs:
            names = [each.name for each in self._plan.mappings if (each.source.database, each.target.database) == pair]
            found |= self._try(names, partial(self._agreed, pair, names), dict[str, Ownership]())
        return found

    def _agreed(self, pair: tuple[str, str], names: Iterable[str]) -> dict[str, Ownership]:
        found: dict[str, Ownership] = {}
        with opened(self._plan.databases, *pair) as (old, new):
            for name in names:
                says = (standing(old, name), standing(new, name))
                found[name] = self._try([name], partial(agreement, name, *says), says[0])
        return found

    def _asked_captures(self) -> dict[str, CaptureStatus]:
        found: dict[str, CaptureStatus] = {}
        for side in _SIDES:
            names = [name for name, owned in self._owners.items() if owned.owner == side]
            asked = self._try(names, partial(capture_status, self._plan, names, side=side), list[CaptureStatus]())
            found |= {each.mapping: each for each in asked}
        return found

    def _with_capture(self, found: Standing) -> Standing:
        each = self._captures.get(found.mapping)
        if each is None:
            return found
        states = {feed.state for feed in each.feeds} | {each.heart}
        worst = next((state for state in _WORST if state in states), "changed")
        back = self._back.get(found.mapping, "")
        found = replace(found, captured=worst, known=each.known and not back, why_unknown=back or each.why)
        return replace(found, waiting=each.waiting, oldest=each.oldest)

    def _with_relay(self, found: Standing) -> Standing:
        each = self._relayed.get(found.mapping)
        if each is None:
            return found
        ages = [age for age in (found.oldest, each.oldest) if age is not None]
        return replace(
            found,
            lag=self._relay.lag(found.mapping),
            waiting=found.waiting + each.waiting + each.deferred,
            oldest=max(ages, default=None),
            deferred=each.deferred,
            dead=each.dead,
            halted=each.why.removeprefix(f"{each.mapping}: ") if each.state == "halted" else "",
        )

    def _with_backfill(self, found: Standing) -> Standing:
        each = self._backfills.get(found.mapping)
        if each is None:
            return found
        clean = self._passes.get(found.mapping, _Passes()).clean
        passed_over = len(each.skipped) if clean is None or each.seconds_ago < _since_begin(clean) else 0
        share = min(1.0, each.rows / each.total) if each.total else 1.0
        return replace(found, backfill=each.state, backfilled=share, passed_over=passed_over)

    def _with_strays(self, found: Standing) -> Standing:
        each = self._strays.get(found.mapping, Strays())
        return replace(found, skipped=each.skipped, rogue=each.rogue, rogue_key=each.rogue_key, stranded=each.stranded)

    def _asked_strays(self) -> dict[str, Strays]:
        owners = {name: ownership.owner for name, ownership in self._owners.items()}
        since = {name: _since_begin(found.clean) for name, found in self._passes.items() if found.clean is not None}
        return strays(self._plan, owners, since)

    def _asked_passes(self) -> dict[str, _Passes]:
        found: dict[str, _Passes] = {}
        for place in dict.fromkeys(history.place(self._plan, name) for name in self._plan.names):
            names = [name for name in self._plan.names if history.place(self._plan, name) == place]
            found |= self._try(names, partial(self._looked_up, place, names), dict[str, _Passes]())
        return found

    def _looked_up(self, place: str, names: Iterable[str]) -> dict[str, _Passes]:
        with opened(self._plan.databases, place) as (database,):
            return {name: _newest(database, name) for name in names}

    def _with_verdict(self, found: Standing) -> Standing:
        passes = self._passes.get(found.mapping, _Passes())
        last, full = passes.last, passes.full
        if last is None:
            return found
        if full is not None and last.verdict is Verdict.CLEAN and full.verdict is not Verdict.CLEAN:
            last = full  # what changed since is equal, but what it rested on was found not to be
        drifted = sum(int(last.counts.get(kind, 0)) for kind in Drift)
        why = str(last.counts.get("reason", ""))
        instant = time.time()
        redefined = last.definition != self._plan.mapping(found.mapping).definition
        found = replace(
            found, redefined=redefined, verdict=last.verdict, drifted=drifted, why=why, compared_at=instant - last.age
        )
        return found if full is None else replace(found, compared_all_at=instant - (last if full.id == last.id else full).age)


def _newest(database: Database, name: str) -> _Passes:
    """One question where the newest passes tell it all; what is older is asked for by itself."""
    found = history.passes(database, name, limit=_NEWEST)
    full = next((each for each in found if each.full), None)
    clean = next((each for each in found if each.full and each.verdict is Verdict.CLEAN), None)
    if len(found) == _NEWEST:
        full = full or history.latest(database, name, full=True)
        clean = clean or history.latest(database, name, full=True, clean=True)
    return _Passes(found[0] if found else None, full, clean)


def _since_begin(passed: Passed) -> float:
    """Seconds since a pass began."""
    return passed.age + (passed.ended_at - passed.started_at) / 1e6


def _on_one_line(error: StranglerError) -> str:
    if isinstance(error, ConfigError) and len(error.problems) > 1:
        return f"{str(error).splitlines()[0]} (and {len(error.problems) - 1} more: `check`)"
    return str(error)
