"""What endpoints work with: the configuration that is served, its store, and the world that flips touch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from strangler.control.admin import Control
from strangler.control.cutover.record import record_of
from strangler.control.flipping.guard import guard
from strangler.control.flipping.spool import Spool
from strangler.control.flipping.world import World
from strangler.control.journal import Journal
from strangler.core.cutover import Record
from strangler.core.flip import Flip
from strangler.core.guard.verdict import Judgement
from strangler.core.model import Config
from strangler.store.store import Store
from strangler.web.answers import Turned
from strangler.web.overview import LastLook

Guard = Callable[[Config, Sequence[Flip]], Mapping[str, Judgement]]


class Desk:
    """One for all endpoints; safe in threads."""

    def __init__(self, control: Control, guard: Guard = guard) -> None:
        self.control, self.guard = control, guard
        self.path = Path(control.settings["path"])
        self.last_look = LastLook()

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
