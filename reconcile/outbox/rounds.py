"""The outbox's relay by hand: until told to stop, or until nothing is under way any more."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

from reconcile.mapping.model import Plan
from reconcile.outbox.relay import OutboxRelay
from reconcile.outbox.status import OutboxStatus, status
from strangler.core.errors import SinkError

EVERY = 0.25  # seconds between two looks
_TRIES = 3  # in a row that a sink may take nothing

Look = Callable[[OutboxStatus], None]


def run(relay: OutboxRelay, plan: Plan, stop: Event, *, until_idle: bool = False, on_look: Look = lambda found: None) -> None:
    """Relay. `on_look` is told how things stand now and then.

    Raises SinkError where it is to end when nothing is under way, and what is left is for sinks that take nothing.
    """
    over, broken = Event(), list[BaseException]()
    thread = Thread(target=_relay, args=(relay, over, broken), name="outbox relay", daemon=True)
    thread.start()
    try:
        while not stop.wait(EVERY) and not broken:
            found = status(plan)
            on_look(found)
            if until_idle and found.is_idle:
                break
            if until_idle and (stuck := relay.stuck(_TRIES)) and _waits_only_for(found, stuck):
                raise SinkError("; ".join(f"{name}: {why}" for name, why in stuck.items()))
    finally:
        over.set()
        thread.join()
    if broken:
        raise broken[0]


def _relay(relay: OutboxRelay, over: Event, broken: list[BaseException]) -> None:
    try:
        relay.run(over)
    except BaseException as error:
        broken.append(error)


def _waits_only_for(found: OutboxStatus, stuck: dict[str, str]) -> bool:
    return not found.waiting and all(sink.name in stuck or sink.gone or not sink.pending for sink in found.sinks)
