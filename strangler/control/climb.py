"""The automatic ladder at work in the control process: when it looks, and whom it calls."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from strangler.control.flipping.guard import guard
from strangler.control.flipping.world import World
from strangler.control.ladder import Ladder, Seen, interval
from strangler.control.schedule import Schedule
from strangler.control.webhook import Webhook
from strangler.core.model import Config


class Climb:
    """Begins with the first configuration that has a route.

    Args:
        path: of the configuration.
        complain: tells people what they should know; from any thread.
    """

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        self._webhook = Webhook(complain)
        self._ladder = Ladder(World(path, os.environ, guard, complain), self._webhook.tell, complain)
        self._schedule: Schedule | None = None
        self._config: Config | None = None
        self._closed = False

    @property
    def seen(self) -> Seen:
        """What the last look has shown."""
        return self._ladder.seen

    def use(self, config: Config | None) -> None:
        """Routes stand as in this configuration from now on."""
        if self._closed or config is None or not (config.routes or self._config):
            return
        self._config = config
        self._webhook.use(config.notify.webhook)
        if self._schedule is None:
            self._schedule = Schedule()
            self._schedule.start()
        self._schedule.every(interval(config), "ladder", self._look)

    def close(self) -> None:
        """Flip nothing more, and call whoever is to be called, for a moment. Blocks."""
        self._closed = True
        if self._schedule is not None:
            self._schedule.stop()
            self._schedule = None
        self._webhook.close()

    def _look(self) -> None:
        assert self._config is not None
        self._ladder.look(self._config)
