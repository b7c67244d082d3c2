"""Asking everyone how the mappings stand: owners, capture, relay, backfill, and the last verdict. Writes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from reconcile.backfilling.status import Status as BackfillStatus
from reconcile.backfilling.status import statuses
from reconcile.capturing.feed import Which
from reconcile.capturing.status import CaptureStatus
from reconcile.capturing.status import status as capture_status
from reconcile.comparing import history
from reconcile.comparing.history import Passed
from reconcile.databases.database import opened
from reconcile.mapping.model import Plan
from reconcile.owning.ownership import NEW, Ownership, agreement, standing
from reconcile.relaying import status as relaying
from reconcile.reports.report import Drift
from reconcile.reports.standing import Standing
from strangler.core.errors import StranglerError

T = TypeVar("T")

_SIDES: tuple[Which, ...] = ("old", "new")
_WORST = ("missing", "changed", "unconfirmed", "paused", "installed")


def standings(plan: Plan, names: Iterable[str] = ()) -> list[Standing]:
    """The named mappings (all, without names), in the order of the file. What cannot be asked is told in each one's `trouble`."""
    wanted = {plan.mapping(name).name for name in names} or set(plan.names)
    looks = _Looks(plan)
    return [looks.standing(name) for name in plan.names if name in wanted]


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

    def standing(self, name: str) -> Standing:
        ownership = self._owners.get(name, Ownership())
        rests = ownership.owner == NEW and self._plan.mapping(name).back is None
        found = Standing(name, owner=ownership.owner, epoch=ownership.epoch, rests=rests)
        found = self._with_verdict(self._with_backfill(self._with_relay(self._with_capture(found))))
        return replace(found, trouble=self._trouble.get(name, ""))

    def _try(self, names: Iterable[str], ask: Callable[[], T], otherwise: T) -> T:
        """What cannot be asked is told for each of these mappings; the first trouble stands."""
        try:
            return ask()
        except StranglerError as error:
            for name in names:
                self._trouble.setdefault(name, str(error))
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
        found = replace(found, captured=worst, known=each.known, why_unknown=each.why)
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
        return replace(found, backfill=each.state, backfilled=min(1.0, each.rows / each.total) if each.total else 1.0)

    def _with_verdict(self, found: Standing) -> Standing:
        nothing: list[Passed] = []
        passed = self._try([found.mapping], lambda: history.listed(self._plan, found.mapping, limit=1), nothing)
        if not passed:
            return found
        (last,) = passed
        drifted = sum(int(last.counts.get(kind, 0)) for kind in Drift)
        why = str(last.counts.get("reason", ""))
        return replace(found, verdict=last.verdict, drifted=drifted, why=why, compared_at=time.time() - last.age)
