"""Everything that a cutover touches, one method each: time, record, file, workers and databases.

Whatever happens between two of these calls, a crash too, must leave something that `core.cutover.recovery` settles; tests end the
process at each of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from strangler.control.cutover.record import Shelf
from strangler.control.cutover.sides import Sides, sides
from strangler.control.flipping import door
from strangler.control.flipping.door import Door
from strangler.control.flipping.world import World
from strangler.control.frames import FrameError, Head
from strangler.core.cutover import Move, Record, encode
from strangler.core.errors import Refusal, UnreachableError
from strangler.core.model import Config

ANSWER = 5.0  # seconds for the supervisor, which answers at once
READING = 120.0  # and for a file that it has to have read


class Hands:
    """Those of one configuration.

    Args:
        world: of its flips.
        stop: set when the process that this runs in has to end.
    """

    def __init__(self, world: World, environ: Mapping[str, str], stop: threading.Event | None = None) -> None:
        self.world, self._environ, self._stop = world, environ, stop or threading.Event()
        self._door: Door | None = None

    # Time.

    def clock(self) -> float:
        """Seconds on a clock that only goes forward, that of `time.monotonic`."""
        return time.monotonic()

    def pause(self, seconds: float) -> bool:
        """Wait; whether to go on after it."""
        return not self._stop.wait(seconds)

    # The record.

    def read(self) -> Record:
        """What is written beside the file. Raises RecordError."""
        return self._shelf.read()

    @property
    def without_record(self) -> bool:
        """Whether there is none: nothing was ever moved, or it was lost."""
        return not self._shelf.path.exists()

    def write(self, record: Record) -> None:
        """Replace it, durably. Raises RecordError."""
        self._shelf.write(record)

    def make_room(self, record: Record) -> None:
        """Have room on the disk for all that a cutover writes which begins with this record. Raises RecordError."""
        self._shelf.make_room(record)

    def alone(self) -> AbstractContextManager[None]:
        """Be the only one who moves anything here. Raises Refusal."""
        return self._shelf.alone()

    # The databases.

    def sides(self, config: Config, names: Sequence[str]) -> Sides:
        """Those of these mappings. Raises UsageError."""
        return sides(config, names, self._environ)

    # The workers, by way of the supervisor.

    def state(self) -> Head | None:
        """What the supervisor says of itself; None if nobody serves the file."""
        return door.state(self._real)

    def foresee(self, record: Record) -> None:
        """Have the table read that this record will bring once it is decided. Raises Refusal if nobody could serve it."""
        record = record.with_decision()
        assert record.move is not None
        said = self._ask({"do": "foresee", "token": record.move.token, "record": encode(record).decode()}, READING)
        if said["problems"]:
            raise Refusal(said["problems"])

    def hold(self, move: Move, kept: bool) -> Head:
        """Have the workers hold its writes; how far they are. `refused` says why they do not."""
        question = {"do": "hold", "token": move.token, "routes": list(move.routes), "seconds": move.hold, "kept": kept}
        return self._ask(question)

    def holding(self) -> Head:
        """How far they are."""
        return self._ask({"do": "holding"})

    def keep(self, token: str) -> bool:
        """Have the hold last until it is told to end; whether there still is one."""
        return bool(self._ask({"do": "keep", "token": token})["kept"])

    def release(self, token: str) -> None:
        """Let the writes go; without a token whoever holds them."""
        self._ask({"do": "release", "token": token})

    def close(self) -> None:
        """Let go of the supervisor."""
        if self._door is not None:
            self._door.close()
            self._door = None

    @property
    def _real(self) -> Path:
        return self.world.read().real

    @property
    def _shelf(self) -> Shelf:
        return Shelf(self._real)

    def _ask(self, question: Head, patience: float = ANSWER) -> Head:
        """Raises UnreachableError."""
        try:
            self._door = self._door or door.find(self._real)
            if self._door is None:
                raise UnreachableError(f"nobody serves {self.world.path}: start `strangler serve`")
            return self._door.ask(question, patience)
        except (OSError, FrameError) as error:
            self.close()
            raise UnreachableError(f"the supervisor does not answer: {error}") from None
