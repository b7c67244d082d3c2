"""The data process: for each mappings file the relays, the jobs on its schedule, and what the guard is told of it.

Each part has a thread of its own and never gives up: an error is said once, and tried again later and later. A changed file is
taken up as soon as it has no problems; until then the last good one goes on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import reconcile
from reconcile.jobs import parts
from reconcile.jobs.details import Details
from reconcile.jobs.look import standings
from reconcile.jobs.noticeboard import Noticeboard
from reconcile.jobs.sinks import figures
from reconcile.mapping.model import Plan
from strangler.core.errors import ConfigError, StranglerError

Say = Callable[[str], None]

LOOK = 1.0  # seconds between two looks at a file
SLOWEST = 30.0  # seconds between two tries
LAST = 8.0  # seconds that whatever is in hand gets at the end; it is committed or not by then


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is done until it is told to stop; it returns early to be begun anew after `pause` seconds."""

    name: str
    work: Callable[[Plan, threading.Event, Say], None]
    pause: float


def run(files: Sequence[str], document: Path, environ: Mapping[str, str], stop: threading.Event, say: Say) -> None:
    """Run until told to stop; what is in hand is finished."""
    board, details = Noticeboard(document), Details(document)
    houses = [_House(Path(file), environ, board, details, say) for file in files]
    try:
        while True:
            for house in houses:
                house.look()
            if stop.wait(LOOK):
                return
    finally:
        for house in houses:
            house.ask_to_stop()
        for house in houses:
            house.wait()


def tend(part: Part, plan: Plan, stop: threading.Event, say: Say) -> None:
    """Do a part again and again. The same trouble is told once, and once more that it is over."""
    trouble, pause = "", part.pause
    while not stop.is_set():
        try:
            part.work(plan, stop, say)
            if trouble:
                say(f"{part.name}: goes on")
            trouble, pause = "", part.pause
        except Exception as error:  # the next try may be luckier; ending would end every other part as well
            words = str(error) if isinstance(error, StranglerError) else f"{type(error).__name__}: {error}"
            if words != trouble:
                say(f"{part.name}: {words}")
            trouble, pause = words, min(max(1.0, 2 * pause), SLOWEST)
        stop.wait(pause)


class _House:
    """One mappings file, and what runs for it."""

    def __init__(self, path: Path, environ: Mapping[str, str], board: Noticeboard, details: Details, say: Say) -> None:
        self._path, self._environ, self._board, self._details, self._say = path, environ, board, details, say
        self._seen: tuple[int, ...] | None = None
        self._stop, self._threads = threading.Event(), list[threading.Thread]()

    def look(self) -> None:
        """Take the file up if it is another one."""
        found = _signature(self._path)
        if found is None or found == self._seen:
            return
        again, self._seen = self._seen is not None, found
        try:
            plan = reconcile.load(self._path, self._environ)
        except ConfigError as error:
            self._say(f"{error}; {'what ran before goes on' if again else 'nothing runs for it'}")
            return
        self.ask_to_stop()
        self.wait()
        self._begin(plan, again)

    def ask_to_stop(self) -> None:
        self._stop.set()

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(LAST)

    def _begin(self, plan: Plan, again: bool) -> None:
        self._stop = threading.Event()
        if again:
            self._say(f"took up the changed {self._path.name}")
        board, details = self._board, self._details

        def publish(plan: Plan, stop: threading.Event, say: Say) -> None:
            board.post(plan.file, {each.mapping: each.status for each in standings(plan)}, figures(plan))

        def tell(plan: Plan, stop: threading.Event, say: Say) -> None:
            details.post(plan)

        doing = (
            Part("relay", parts.relay, 2.0),
            Part("outbox", parts.outbox, 2.0),
            Part("jobs", parts.jobs, 1.0),
            Part("status", publish, 2.0),
            Part("details", tell, 5.0),
            Part("marks", parts.marks, 30.0),
        )
        self._threads = [
            threading.Thread(target=tend, args=(part, plan, self._stop, self._say), name=part.name, daemon=True) for part in doing
        ]
        for thread in self._threads:
            thread.start()


def _signature(path: Path) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
