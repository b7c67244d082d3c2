"""The relay by hand: one round, until nothing is left, or until told to stop."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

from reconcile.mapping.model import Plan
from reconcile.relaying import status
from reconcile.relaying.patience import idle_pause
from reconcile.relaying.relay import Relay, Step
from strangler.core.errors import Refusal

IsOver = Callable[[Plan, tuple[str, ...], Step], bool]


def run(plan: Plan, names: tuple[str, ...], is_over: IsOver, stop: Event, on_step: Callable[[Step], None]) -> None:
    """Round after round."""
    pause = 0.0
    with Relay(plan, names) as relay:
        while not stop.is_set():
            step = relay.step()
            on_step(step)
            if is_over(plan, names, step):
                return
            pause = idle_pause(pause) if step.is_idle else 0.0
            if pause:
                stop.wait(pause)


def until(once: bool, idle: bool) -> IsOver:
    """When the rounds are over."""
    return _now if once else _idle if idle else _never


def _now(plan: Plan, names: tuple[str, ...], step: Step) -> bool:
    return True


def _never(plan: Plan, names: tuple[str, ...], step: Step) -> bool:
    return False


def _idle(plan: Plan, names: tuple[str, ...], step: Step) -> bool:
    """Nothing waits; dead letters do not count, they wait for a person. Raises Refusal for what only a person can move."""
    if not step.is_idle:
        return False
    found = status.status(plan)
    mine = [each for each in found.mappings if not names or each.mapping in names]
    halted = [_named(each.mapping, each.why) for each in mine if each.state == "halted"]
    if halted:
        raise Refusal("; ".join(halted))
    if not found.stations:
        raise Refusal("; ".join(step.troubles.values()) or "nothing is captured: `capture install` first")
    return not any(each.waiting or each.deferred for each in mine) and not any(station.outbox for station in found.stations)


def _named(mapping: str, why: str) -> str:
    return why if why.startswith(f"{mapping}:") else f"{mapping}: {why}"
