"""Several relays in one process: while one waits for a database, another goes on. The others only join in when there is much."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from threading import Event, Thread

from reconcile.mapping.model import Plan
from reconcile.relaying.patience import idle_pause
from reconcile.relaying.relay import Relay

_MUCH = 100  # keys in a batch
_GLANCE = 0.2  # seconds between two looks of a helper that has nothing to do

Tell = Callable[[Mapping[str, str]], None]


def run(plan: Plan, stop: Event, *, names: Collection[str] = (), hands: int = 2, tell: Tell = lambda troubles: None) -> None:
    """Relay until told to stop; batches in hand are finished. `tell` is told of the troubles of every round."""
    crowded = any(plan.databases[mapping.source.database].url.startswith("sqlite") for mapping in plan.mappings)
    helpers = 0 if crowded else hands - 1  # SQLite has one writer at a time: two would only be in each other's way
    much, done, broken = Event(), Event(), list[BaseException]()
    with ExitStack() as stack:
        first = stack.enter_context(Relay(plan, names))
        threads = [Thread(target=_help, args=(plan, names, much, done, broken), daemon=True) for _ in range(helpers)]
        stack.callback(_dismiss, threads, done)
        for thread in threads:
            thread.start()
        _lead(first, stop, much, broken, tell)
    if broken:
        raise broken[0]


def _lead(relay: Relay, stop: Event, much: Event, broken: list[BaseException], tell: Tell) -> None:
    pause = 0.0
    while not stop.is_set() and not broken:
        step = relay.step()
        tell(step.troubles)
        (much.set if step.done >= _MUCH else much.clear)()
        pause = idle_pause(pause) if step.is_idle else 0.0
        if pause:
            stop.wait(pause)


def _help(plan: Plan, names: Collection[str], much: Event, done: Event, broken: list[BaseException]) -> None:
    try:
        with Relay(plan, names) as relay:
            while not done.is_set():
                if not much.wait(_GLANCE) or relay.step().is_idle:
                    done.wait(_GLANCE)
    except BaseException as error:
        broken.append(error)


def _dismiss(threads: Collection[Thread], done: Event) -> None:
    done.set()
    for thread in threads:
        thread.join()
