"""What `top` shows, kept up to date: counters at every look, and beside that, in a thread, what takes a moment to find out."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from strangler.cli.options import environment
from strangler.cli.status_look import known, proxy, with_traffic
from strangler.cli.status_metrics import Metrics
from strangler.config import file
from strangler.config.load import read
from strangler.control.standings import Overview, Standing
from strangler.core.errors import StranglerError
from strangler.core.model import Config, Route

WINDOW = 10.0  # seconds of traffic that a rate is of
REST = 3.0  # seconds between two askings of store and guard, or longer: as much as they take, twice

Choose = Callable[[Config], Sequence[Route]]


class Watch:
    """Looks at one configuration. A context: its thread ends with it.

    Args:
        choose: the routes to show.
    """

    def __init__(self, config: Config, path: Path, choose: Choose) -> None:
        self._config, self._path, self._choose = config, path, choose
        self._revision = file.read(path).revision
        self._readings: deque[tuple[float, Metrics]] = deque()
        self._known: Overview | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()

    def look(self) -> Overview:
        """Everything as it is now. What the thread has not found out yet is not known yet."""
        self._reload()
        who, metrics = proxy(self._config, self._path)
        now = time.monotonic()
        if metrics is not None:
            self._readings.append((now, metrics))
        while len(self._readings) > 2 and self._readings[1][0] < now - WINDOW:
            self._readings.popleft()
        if self._known is None:
            self._known = self._find()
            self._thread.start()
        seen = self._flowing(self._known.standings) if who.workers and metrics is not None else self._known.standings
        return replace(self._known, now=time.time(), proxy=who, standings=self._placed(seen))

    def _flowing(self, seen: Sequence[Standing]) -> tuple[Standing, ...]:
        """With traffic from the readings; with the first one alone, as the store has it."""
        (first, before), (last, after) = self._readings[0], self._readings[-1]
        if before.started != after.started:
            self._readings = deque([self._readings[-1]])
        return with_traffic(seen, before, after, last - first) if last > first else tuple(seen)

    def _placed(self, seen: Sequence[Standing]) -> tuple[Standing, ...]:
        """Where the file has the routes now, which may be newer than what the thread knows."""
        known = {standing.route.name: standing for standing in seen}
        return tuple(
            replace(known[route.name], route=route) if route.name in known else Standing(route)
            for route in self._choose_of(self._config)
        )

    def _reload(self) -> None:
        """A file that is wrong just now is not taken up; that it is not served, the proxy says."""
        try:
            snapshot = file.read(self._path)
            if snapshot.revision != self._revision:
                found = read(snapshot.data, environment(), self._path.parent).config
                self._config, self._revision = found or self._config, snapshot.revision
        except StranglerError:
            return

    def _ask(self) -> None:
        took = 0.0
        while not self._over.wait(max(REST, 2 * took)):
            begun = time.monotonic()
            self._known = self._find()
            took = time.monotonic() - begun

    def _find(self) -> Overview:
        config, metrics = self._config, self._readings[-1][1] if self._readings else None
        try:
            return known(config, self._path, self._choose_of(config), metrics)
        except StranglerError as error:
            return replace(self._known or Overview(time.time(), proxy(config, self._path)[0], ()), trouble=(str(error),))

    def _choose_of(self, config: Config) -> Sequence[Route]:
        """A route that has gone from the file is not shown any more."""
        try:
            return self._choose(config)
        except StranglerError:
            return ()
