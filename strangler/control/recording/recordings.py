"""Control's part in recordings: one at a time, begun by whoever asks, told to the workers, and ended with him."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from strangler.control.frames import FrameError, Head
from strangler.control.recording.course import Course
from strangler.control.recording.order import Order
from strangler.core.errors import Refusal, StranglerError
from strangler.core.model import Config


class Recordings:
    """Those of one control process.

    Args:
        say: takes what the supervisor is to know.
        complain: tells people what they should know.
        stopping: whether this process is about to end.
    """

    def __init__(self, say: Callable[[Head], None], complain: Callable[[str], None], stopping: Callable[[], bool]) -> None:
        self._say, self._complain, self._stopping = say, complain, stopping
        self._running: Course | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def begin(self, order: Order, config: Config) -> AsyncIterator[bytes]:
        """The lines of a recording, which begins when the first is asked for. Raises Refusal if there is one already.

        Each line is an object with one member: `entry`, an exchange as in a HAR, `beat` once a second, `end` or `error` at last.
        """
        if self._running is not None:
            raise Refusal(_said(self._running.order))
        return self._lines(order, config)

    def use(self, config: Config) -> None:
        """A configuration has come into force: its rules hold for what is recorded from now on."""
        if self._running is not None:
            self._running.use(config)

    def hear(self, head: Head) -> None:
        """A worker says what it hands over, and what it misses."""
        if self._running is not None:
            self._running.hear(head)

    async def close(self) -> None:
        """Wait until all is closed; streams have been told to end."""
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _lines(self, order: Order, config: Config) -> AsyncIterator[bytes]:
        if self._running is not None:
            yield _line("error", _said(self._running.order))
            return
        course = self._running = Course(order, self._tell, self._stopping)
        try:
            await course.open(config)
            self._complain(f"{order.actor} records {order}")
            yield _line("beat", course.sums())
            async for entries in course.entries():
                for entry in entries:
                    yield b'{"entry":' + entry + b"}\n"
                yield _line("beat", course.sums())
            yield _line("end", {"why": course.why, **course.sums()})
        except (StranglerError, OSError, FrameError) as error:
            yield _line("error", str(error) or type(error).__name__)
        finally:
            self._running = None
            closing = asyncio.create_task(self._end(course))  # whoever cancels us must not cancel that
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _end(self, course: Course) -> None:
        await course.close()
        sums = course.sums()
        missed = f", {sum(sums['missed'].values())} missed" if sums["missed"] else ""
        self._complain(f"the recording of {course.order.actor} has ended: {sums['exchanges']} exchanges{missed}")

    def _tell(self, record: Head) -> None:
        self._say({"is": "recording", "record": record})


def _said(order: Order) -> str:
    return f"{order.actor} is recording {order}: there is one at a time, so wait, or have it ended"


def _line(name: str, told: Any) -> bytes:
    return json.dumps({name: told}).encode() + b"\n"
