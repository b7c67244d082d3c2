"""The processes that are to run: started, restarted when they die, replaced when they hang, stopped together.

A place in the crew outlives those who fill it. As long as it is not told to stop the crew never gives up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from strangler.control.child import Child
from strangler.control.frames import Head
from strangler.control.loop import Loop

CALM = 30.0  # seconds of life after which a death is a first one again
SLOWEST = 30.0  # seconds between two starts of what dies at once
_START = 30.0  # seconds without a word that a process gets until it serves: on a busy machine it has a lot to do at once
_BYTES_PER_SECOND = 256 * 1024  # of a configuration, that even a busy worker takes in
_LAST = 2.0  # seconds beyond the grace
_LAST_OF_CONTROL = 10.0  # seconds to compare and store what the last worker left

DATA = -1  # number of the data process: clients are served with it or without it


def pause(deaths: int) -> float:
    """Seconds to wait before the next start, after so many deaths in a row: 0, 0.25, 0.5, 1, ... up to SLOWEST."""
    return 0.0 if deaths <= 1 else min(2.0 ** (deaths - 4), SLOWEST)


@dataclass(slots=True)
class Place:
    """One place in the crew.

    Attributes:
        number: of the worker, from 1; 0 is the control process, `DATA` the data process.
        revision: that whoever is here has acknowledged; 0: is not serving yet.
        due: when it must have acknowledged the latest, on the loop's clock.
        deaths: in a row, without a long life between.
    """

    name: str
    number: int
    module: str
    child: Child | None = None
    since: float = 0.0
    revision: int = 0
    due: float = 0.0
    deaths: int = 0
    restarts: int = 0

    def state(self) -> Head:
        pid = self.child.pid if self.child else 0
        return {"name": self.name, "pid": pid, "revision": self.revision, "restarts": self.restarts}


@dataclass(slots=True)
class Equipment:
    """What every process of the crew is started with: settings, and the descriptors they name. ``life`` is added: how many
    have been in its place, with it."""

    settings: Head
    descriptors: list[int] = field(default_factory=list)


class Crew:
    """All places.

    Args:
        patience: seconds without a word, or without the acknowledgement that is due, after which a process that has served is
            replaced.
        bury: called with the number of a worker that has died, or of control, before its successor starts.
        changed: called when who serves what has changed.
        refused: called when a worker cannot use a revision, with the reason.
        say: told what people should know.
        other: called with the number of a place and whatever else it says.

    Attributes:
        hold: what workers have to know of a hold on writes, with every configuration; record: of what is recorded.
        fallen: how those died who died before the whole crew first served.
        revision: the latest.
    """

    def __init__(
        self,
        loop: Loop,
        patience: float,
        *,
        bury: Callable[[int], None],
        changed: Callable[[], None],
        refused: Callable[[int, str], None],
        say: Callable[[str], None],
        other: Callable[[int, Head], None] = lambda number, head: None,
    ) -> None:
        self._loop, self._patience = loop, patience
        self._bury, self._changed, self._refused, self._say, self._other = bury, changed, refused, say, other
        self._places: list[Place] = []
        self._equipment: dict[int, Equipment] = {}
        self._body = b""
        self._moved: Sequence[str] = ()
        self._stopping = False
        self.hold: Head = {}
        self.record: Head = {}
        self.revision = 0
        self.fallen: list[str] = []
        self.began = False

    @property
    def workers(self) -> list[Place]:
        return [place for place in self._places if place.number > 0]

    @property
    def serving(self) -> bool:
        """Whether all workers acknowledged the latest revision."""
        return all(place.revision == self.revision for place in self.workers)

    @property
    def gone(self) -> bool:
        return not any(place.child for place in self._places)

    def names(self) -> dict[int, str]:
        """Those of the workers, by number."""
        return {place.number: place.name for place in self.workers}

    def states(self) -> list[Head]:
        return [place.state() for place in self._places]

    def hire(self, name: str, number: int, module: str, equipment: Equipment) -> None:
        """Add a place, and fill it."""
        place = Place(name, number, module)
        self._places.append(place)
        self._equipment[number] = equipment
        self._start(place)

    def publish(self, revision: int, body: bytes, moved: Sequence[str] = ()) -> None:
        """Give all a configuration, which stays the one that new ones get. `moved` are the mappings that modern owns."""
        self.revision, self._body, self._moved = revision, body, moved
        for place in self._places:
            if place.child is not None:
                self._brief(place)

    def tell_control(self, head: Head) -> bool:
        """Whether there is anybody to hear it."""
        found = [place.child for place in self._places if place.number == 0 and place.child is not None]
        for child in found:
            child.send(head)
        return bool(found)

    def tell_hold(self, hold: Head) -> None:
        """Have all workers hold writes, and those that come; or no more."""
        self.hold = hold
        for place in self.workers:
            if place.child is not None:
                place.child.send({"do": "hold", "hold": hold})

    def tell_record(self, record: Head) -> None:
        """Have all workers record, and those that come; or no more."""
        self.record = record
        for place in self.workers:
            if place.child is not None:
                place.child.send({"do": "record", "record": record})

    def look(self) -> None:
        """Replace those who hang."""
        now = self._loop.now
        for place in self._places:
            child = place.child
            if child is None or self._stopping:
                continue
            if now - child.heard > (silence := self._silence(place)):
                self._replace(place, f"has not said a word for {silence:g} s")
            elif place.revision < self.revision and now > place.due:
                self._replace(place, f"has not taken up revision {self.revision}")

    def stop(self, grace: float, replaced: bool) -> None:
        """Have all leave: workers first, so that control can be asked, and takes their last pairs, until all have gone.

        Args:
            replaced: another control answers at the admin address already.
        """
        self._stopping = True
        if replaced:
            self.tell_control({"do": "retire"})
        for place in self._places:
            if place.number and place.child is not None:
                place.child.send({"do": "stop", "grace": grace})
        self._loop.after(grace + _LAST, self._kill_workers)
        self._stop_control_when_alone()

    def kill(self) -> None:
        """End all at once."""
        self._stopping = True
        for place in self._places:
            if place.child is not None:
                place.child.kill()

    def _start(self, place: Place) -> None:
        if self._stopping:
            return
        equipment = self._equipment[place.number]

        def heard(head: Head, _: bytes) -> None:
            self._heard(place, head)

        def ended(how: str) -> None:
            self._ended(place, how)

        place.since = self._loop.now
        settings = {**equipment.settings, "life": place.restarts + 1}
        try:
            place.child = Child(self._loop, place.module, place.name, settings, equipment.descriptors, heard, ended)
        except OSError as error:  # no process, no memory: later, perhaps
            self._again(place, f"{place.name} could not be started: {error.strerror}")
            return
        self._brief(place)

    def _silence(self, place: Place) -> float:
        """Seconds without a word after which it is replaced."""
        return self._patience if place.revision else max(self._patience, _START)

    def _brief(self, place: Place) -> None:
        assert place.child is not None
        place.due = self._loop.now + self._silence(place) + len(self._body) / _BYTES_PER_SECOND
        body = b"" if place.number == DATA else self._body  # it has files of its own
        told = {"moved": list(self._moved), "hold": self.hold, "record": self.record}
        place.child.send({"do": "serve", "revision": self.revision, **told}, body)

    def _heard(self, place: Place, head: Head) -> None:
        if head["is"] == "serving":
            place.revision = head["revision"]
            self.began = self.began or all(place.revision for place in self._places if place.number != DATA)
            self._changed()
        elif head["is"] == "refused":
            self._refused(head["revision"], f"{place.name}: {head['why']}")
        elif head["is"] == "complaining":
            self._say(f"{place.name}: {head['why']}")
        elif head["is"] != "alive":
            self._other(place.number, head)

    def _replace(self, place: Place, why: str) -> None:
        assert place.child is not None
        self._say(f"{place.name} (pid {place.child.pid}) {why}: it is replaced")
        place.child.kill()

    def _ended(self, place: Place, how: str) -> None:
        """Somebody has died: as asked, or another takes the place, later and later if they die at once."""
        assert place.child is not None
        pid, place.child, place.revision = place.child.pid, None, 0
        if place.number >= 0:
            self._bury(place.number)
        if self._stopping:
            self._stop_control_when_alone()
            return
        self._again(place, f"{place.name} (pid {pid}) {how}")
        self._changed()

    def _again(self, place: Place, what: str) -> None:
        """Fill a place again, soon."""
        if not self.began and place.number != DATA:
            self.fallen.append(what)
            return
        place.deaths = 1 if self._loop.now - place.since > CALM else place.deaths + 1
        place.restarts += 1
        seconds = pause(place.deaths)
        when = f"starts again in {seconds:g} s, after {place.deaths} deaths in a row" if seconds else "starts again"
        self._say(f"{what}: {when}")
        self._loop.after(seconds, lambda: self._start(place))

    def _stop_control_when_alone(self) -> None:
        if not any(place.child for place in self.workers):
            self.tell_control({"do": "stop"})
            self._loop.after(_LAST_OF_CONTROL, self.kill)

    def _kill_workers(self) -> None:
        for place in self.workers:
            if place.child is not None:
                place.child.kill()
