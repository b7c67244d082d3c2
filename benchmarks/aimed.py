"""Harm that is aimed: at each phase of a cutover, there and back, everybody who has a part in it is killed once, and its disk
is full once. Afterwards all who can be asked have to name one owner.

Where a phase begins is told by the control process, as it tells the command. A phase that takes no time is kept open by what it
waits for: a worker that is stopped, a write that is slow, a relay that is stopped. In the others the harm is done after a part
of the time that they take, which is drawn.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import product
from typing import Any

import yaml

from benchmarks.harm import full, kill, send, settles
from strangler.control.cutover.order import Order, order_as_json
from strangler.control.flipping import door
from strangler.control.frames import FrameError, Head
from strangler.core.cutover import Step
from strangler.core.errors import StranglerError
from tests.e2e.control.cutting import Cutting, Ledger, slow_write

PHASES = (
    Step.HOLD,
    Step.DRAIN,
    Step.CATCH_UP,
    Step.VERIFY,
    Step.DECIDE,
    Step.BUMP,
    Step.LIVE,
    Step.RELEASE,
    Step.CLOSE,
)
VICTIMS = ("worker", "control", "data", "supervisor", "old", "new", "disk")
HOLD = 5.0  # seconds that writes may wait
FULL = 1.2  # times as long a disk is full
TAKES = {Step.VERIFY: 0.02, Step.BUMP: 0.03, Step.LIVE: 0.1}  # seconds, about: drawn from; the others none
AGAIN = 8
_SILENT, _LEASE = 120.0, 60.0  # seconds


@dataclass(frozen=True)
class Point:
    """Which way it goes, and who is harmed when."""

    back: bool
    phase: Step
    victim: str

    def __str__(self) -> str:
        return f"{'back' if self.back else 'there'}, {self.phase}, {self.victim}"


@dataclass
class Shots:
    """What came of them. Times in seconds.

    Attributes:
        within: how many fell into the phase that they were meant for.
        again: why a cutover did not get so far, and was asked for again.
        unowned: by victim, the longest time without a write that was answered; the time that we kept it from working is in it.
        wrong: what must not be.
    """

    count: int = 0
    within: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    unowned: dict[str, float] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        unowned = ", ".join(f"{victim} {seconds:.1f} s" for victim, seconds in self.unowned.items())
        return [
            f"{self.count} points, {self.within} within the phase they were meant for; {dict(self.ends)}",
            f"longest without a write that was answered, by who was harmed: {unowned}",
            f"asked for again, {len(self.again)} times: {dict(Counter(self.again))}",
            *self.wrong,
        ]


def points(victims: Iterable[str] = VICTIMS) -> Iterator[Point]:
    """All that there are for these."""
    for phase, victim, back in product(PHASES, victims, (False, True)):
        yield Point(back, phase, victim)


def order_to(back: bool, hold: float) -> Order:
    return Order("@orders", "aimed", back=back, reason="aimed", force=True, hold=hold)


class Course:
    """One cutover that was asked for, as its control process tells of it.

    Attributes:
        begun, ended: when each step was told to have, on the monotonic clock.
        said: the last word; empty if whoever was to say it has died.
    """

    def __init__(self, cutting: Cutting, order: Order) -> None:
        self.begun: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.said: Head = {}
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.create_task(asyncio.to_thread(self._listen, cutting, order))

    async def reaches(self, step: Step) -> bool:
        """Wait until a step begins; whether it does."""
        while step not in self.begun and not self._over.done():
            self._news.clear()
            waiting = asyncio.create_task(self._news.wait())
            await asyncio.wait({waiting, self._over}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        return step in self.begun

    async def end(self) -> Head:
        await self._over
        return self.said

    def _listen(self, cutting: Cutting, order: Order) -> None:
        found = door.find(cutting.serving.file)
        assert found is not None, "nobody serves"
        with suppress(OSError, FrameError):
            for head in found.listen({"do": "cutover", "order": order_as_json(order)}, _SILENT):
                self._hear(head)
                if head.get("over"):
                    break
        found.close()

    def _hear(self, head: Head) -> None:
        if told := head.get("told"):
            kept = self.begun if told["seconds"] is None else self.ended
            kept.setdefault(told["step"], time.monotonic())
        if head.get("over"):
            self.said = head
        self._loop.call_soon_threadsafe(self._news.set)


class Range:
    """Where points are shot at.

    Args:
        servers: those that may be restarted, ``old`` and ``new``.
        hold: seconds that writes may wait.
    """

    def __init__(
        self, cutting: Cutting, servers: Mapping[str, Any], ledger: Ledger, draw: random.Random, hold: float = HOLD
    ) -> None:
        self._cutting, self._servers, self._ledger, self._draw, self._hold = cutting, servers, ledger, draw, hold
        self.shots = Shots()

    async def shoot_all(self, points: Iterable[Point], tell: Callable[[str], None]) -> None:
        """In an order that is drawn, as far as who owns lets it; where no point is left for that, it goes over unharmed."""
        left: dict[bool, list[Point]] = {False: [], True: []}
        for point in points:
            left[point.back].append(point)
        for some in left.values():
            self._draw.shuffle(some)
        while left[False] or left[True]:
            back = self._cutting.owners()[0] == "new"
            if left[back]:
                await self.shoot(point := left[back].pop())
                await self._arrives()
                tell(f"{self.shots.count} {point}: {self.shots.ends} {self.shots.wrong[-1:]}")
            else:
                await self._go_over(back)

    async def shoot(self, point: Point) -> None:
        """One cutover with harm in it, and what is wrong after it. One that does not get so far is asked for again: who was
        killed before may still be missing."""
        for _ in range(AGAIN):
            if await self._shot(point):
                return
        self.shots.wrong.append(f"{point}: it does not get there: {self.shots.again[-AGAIN:]}")

    async def _shot(self, point: Point) -> bool:
        began = time.monotonic()
        async with _KEPT_OPEN.get(point.phase, _nothing)(self._cutting) as let_go:
            course = await self._ask(point.back)
            reached = await course.reaches(point.phase)
            await asyncio.sleep(self._draw.random() * TAKES.get(point.phase, 0.0))
            harmed = time.monotonic()
            if reached:
                await self._harm(point, let_go)
            let_go()
            said = await course.end()
        if reached:
            self.shots.count += 1
            self.shots.within += course.ended.get(point.phase, harmed + 1) > harmed
        else:
            self.shots.again.append(_brief(said))
        await self._judge(point, began, reached)
        return reached

    async def _go_over(self, back: bool) -> None:
        for _ in range(AGAIN):
            said = await (await self._ask(back)).end()
            if await settles(self._cutting) == ("old" if back else "new"):
                return
            self.shots.again.append(_brief(said))
        raise AssertionError(f"it does not go over: {self.shots.again}")

    async def _arrives(self) -> None:
        """A relay that was killed leaves what it had claimed to others for as long as its lease lasts: until that is over."""
        shops = self._cutting.old, self._cutting.new
        owner, other = shops if self._cutting.owners()[0] == "old" else reversed(shops)
        kept = owner.kept().keys()
        async with asyncio.timeout(_LEASE):
            while not kept <= other.kept().keys():
                await asyncio.sleep(0.2)

    async def _ask(self, back: bool) -> Course:
        if not back:
            await asyncio.to_thread(self._cutting.typed, "resume", "@orders")
        return Course(self._cutting, order_to(back, self._hold))

    async def _harm(self, point: Point, let_go: Callable[[], None]) -> None:
        if point.victim != "disk":
            await kill(self._cutting, point.victim, self._servers)
            return
        with full(self._cutting.folder):
            let_go()
            await asyncio.sleep(FULL * self._hold)

    async def _judge(self, point: Point, began: float, counts: bool) -> None:
        try:
            owner = await settles(self._cutting)
            gap = self._ledger.longest_pause(began, time.monotonic())
            await self._cutting.serving.until(lambda: _is_served(self._cutting))
            found = await asyncio.to_thread(voices, self._cutting)
        except (TimeoutError, AssertionError, StranglerError) as error:
            self.shots.wrong.append(f"{point}: {type(error).__name__} {error}; {self._cutting.record}")
            return
        self.shots.ends["moved" if (owner == "old") is point.back else "taken back"] += 1
        if set(found.values()) != {owner}:
            self.shots.wrong.append(f"{point}: {owner} answers, and {found}")
        if counts:
            self.shots.unowned[point.victim] = max(gap, self.shots.unowned.get(point.victim, 0.0))


def _brief(said: Head) -> str:
    """Why nothing came of it."""
    done = said.get("done", {})
    return "; ".join(done.get("objections", ())) or done.get("why") or str(said.get("error") or said)


def voices(cutting: Cutting) -> dict[str, str]:
    """Who owns the data, as everybody says who can be asked. Takes the standard output meanwhile."""
    status, owners, journal = (
        json.loads(cutting.typed(*words, "--json")) for words in (("status",), ("data", "owner"), ("journal", "@orders"))
    )
    stages = {route["name"]: route.get("stage") for route in yaml.safe_load(cutting.serving.file.read_text())["routes"]}
    found = {f"database {side}": owner for side, owner in zip(("old", "new"), cutting.owners(), strict=True)}
    found |= {f"status of {each['route']}": each["owner"] for each in status["routes"] if each["group"] == "orders"}
    found |= {f"stage of {name}": _side(stages[name]) for name in ("read", "write")}
    found |= {f"data owner of {each['mapping']}": each["owner"] for each in owners}
    live = [event for event in journal["events"] if event["event"] == "flip" and event["became"] == "live"]
    found |= {f"journal of {each['route']}": _side(each["to"]["stage"]) for event in live[:1] for each in event["routes"]}
    found["record"] = "new" if cutting.record.moved else "old"
    found["under way"] = found["record"] if status["cutover"] is None else str(status["cutover"])
    return found


def _is_served(cutting: Cutting) -> bool:
    """Whether every worker is there again, and decides by the file as it is."""
    state = door.state(cutting.serving.file)
    digest = sha256(cutting.serving.file.read_bytes()).hexdigest()
    return state is not None and bool(state["serving"]) and not state["problems"] and state["digest"] == digest


def _side(stage: str) -> str:
    return "new" if stage == "modern" else "old"


@asynccontextmanager
async def _nothing(cutting: Cutting) -> AsyncIterator[Callable[[], None]]:
    yield lambda: None


@asynccontextmanager
async def _stopped(cutting: Cutting, name: str) -> AsyncIterator[Callable[[], None]]:
    """From the moment on in which the record is opened: before it, a cutover that would have to wait is not begun."""
    stopping = asyncio.create_task(_stop_when_it_begins(cutting, name))

    def let_go() -> None:
        with suppress(ProcessLookupError):
            if stopping.done() and not stopping.cancelled():
                os.kill(stopping.result(), signal.SIGCONT)
        stopping.cancel()

    try:
        yield let_go
    finally:
        let_go()


async def _stop_when_it_begins(cutting: Cutting, name: str) -> int:
    while cutting.record.move is None:
        await asyncio.sleep(0.001)
    return send(cutting, name, signal.SIGSTOP)


_KEPT_OPEN: dict[Step, Callable[[Cutting], AbstractAsyncContextManager[Callable[[], None]]]] = {
    Step.HOLD: lambda cutting: _stopped(cutting, "worker"),
    Step.DRAIN: slow_write,
    Step.CATCH_UP: lambda cutting: _stopped(cutting, "data"),
}
