"""What endpoints work with: the configuration that is served, its store, and the world that flips touch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from strangler.control.admin import Control
from strangler.control.cutover.record import record_of
from strangler.control.flipping.guard import guard
from strangler.control.flipping.spool import Spool
from strangler.control.flipping.world import World
from strangler.control.history import Past, Step
from strangler.control.journal import Journal
from strangler.control.older import Older
from strangler.control.standings import Overview
from strangler.core.cutover import Record
from strangler.core.flip import Flip
from strangler.core.guard.verdict import Judgement
from strangler.core.model import Config
from strangler.store.store import Store
from strangler.web.answers import Turned
from strangler.web.flow import Flow
from strangler.web.overview import LastLook

History = Mapping[str, tuple[Step, ...]]
Guard = Callable[[Config, Sequence[Flip]], Mapping[str, Judgement]]


MINUTE, HALF_HOUR, HOUR, DAY = 60.0, 1800.0, 3600.0, 86_400.0  # seconds
REST = 10.0  # seconds between two looks back


class Desk:
    """One for all endpoints; safe in threads."""

    def __init__(self, control: Control, guard: Guard = guard) -> None:
        self.control, self.guard = control, guard
        self.path = Path(control.settings["path"])
        self.flow, self.older = Flow(), Older()
        self.last_look: LastLook[Overview] = LastLook()
        self.last_progress = LastLook[str](fresh=REST, stale=HOUR)
        self._day, self._hour = Past(DAY, HALF_HOUR), Past(HOUR, MINUTE)
        self._last_past = LastLook[Mapping[float, History]](fresh=REST, stale=HOUR)

    @property
    def config(self) -> Config:
        """What is served. Raises Turned before that is known."""
        config = self.control.config
        if config is None:
            raise Turned(503, "starting", "strangler is just starting: ask again in a second", {"Retry-After": "1"})
        return config

    @contextmanager
    def store(self) -> Iterator[Store]:
        """To be read. Raises DatabaseError."""
        config = self.config
        store = Store.open(config.store, config.folder, read_only=True)
        try:
            yield store
        finally:
            store.close()

    def past(self) -> tuple[float, History]:
        """How every route went in the last day, in half hours; in the last hour, in minutes, if there was nothing before. How
        long a step is, in seconds, and the steps; no route while that is being added up for the first time."""
        found = self._last_past.latest(self._look_back, dict)
        day = found.get(HALF_HOUR, {})
        is_young = not any(step.requests or step.compared for steps in day.values() for step in steps[:-2])
        return (MINUTE, found.get(MINUTE, {})) if is_young else (HALF_HOUR, day)

    def _look_back(self) -> Mapping[float, History]:
        now, routes = time.time(), self.config.routes
        with self.store() as store:
            return {HALF_HOUR: self._day.read(store, routes, now), MINUTE: self._hour.read(store, routes, now)}

    @property
    def world(self) -> World:
        """The same as that of the commands."""
        return World(self.path, os.environ, self.guard, self.control.complain)

    @property
    def record(self) -> Record:
        """Which data modern owns, and which cutover is under way."""
        return record_of(self.path)

    @property
    def journal(self) -> Journal:
        """What is in the store, and what is on its way there."""
        return Journal(Spool(self.path.resolve()), self.config.store, self.config.folder, self.control.complain)
