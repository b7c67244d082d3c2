"""What the chapters share: the running parts, the people, and the commands that a person would type."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from strangler.config.load import load
from strangler.control.evidence_for import Look, judgements
from strangler.core.flip import Flip, Place, place_of
from strangler.core.guard.verdict import Verdict
from strangler.core.model import Config
from strangler.demo import part, people
from strangler.demo.balancer import Balancer
from strangler.demo.buyers import Buyers
from strangler.demo.part import Ended, Part
from strangler.demo.proof import LEDGER
from strangler.demo.screen import Screen, routes_table
from strangler.demo.tally import Tally
from strangler.demo.workspace import Workspace

CROWD = people.crowd(400)
GUESTS = CROWD[:60]
LOOK_SECONDS = 0.25
PATIENCE = 240.0  # seconds that anything may take on a machine that has a lot to do
NARROW = 96  # columns that commands have at least

Visit = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Story:
    """`phase_seconds` is how long each of the live phases lasts."""

    workspace: Workspace
    screen: Screen
    phase_seconds: float
    resources: AsyncExitStack
    parts: dict[str, Part] = field(default_factory=dict)
    balancer: Balancer = field(default_factory=Balancer)
    first_quarter: frozenset[str] = frozenset()
    tally: Tally = field(init=False)
    buyers: Buyers = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(self.workspace.access_log)
        self.buyers = Buyers(self.workspace.folder / LEDGER)

    async def start(self, name: str, *arguments: str, ready: str = "") -> Part:
        """Start a part that is stopped when the story ends."""
        started = await part.start(name, *arguments, environ=self.workspace.environ(), ready=ready)
        self.resources.push_async_callback(started.stop)
        self.parts[name] = started
        return started

    async def deploy(self, build: str, planted: str) -> None:
        """Have the new services answer with another build; the one before stops when this one is ready."""
        before = self.parts.get("modern")
        arguments = ("--port", "0", "--database", self.workspace.modern_database, "--seed-tables", "none", "--numbers", "even")
        wrong = ("--build", build, "--planted", planted)
        started = await self.start("modern", "sample_modern", *arguments, *wrong, ready="ready on")
        self.balancer.to = ("127.0.0.1", int(started.ready.rpartition(":")[2]))
        if before is not None:
            await before.stop()

    async def command(self, *words: str, show: bool = True) -> Ended:
        """Type a command, and show what it says."""
        self.screen.command(shlex.join(("strangler", *words)))
        environ = {**self.workspace.environ(), "COLUMNS": str(max(self.screen.console.width - 6, NARROW))}
        if self.screen.console.is_terminal and not self.screen.console.no_color:
            environ["FORCE_COLOR"] = "1"
        ended = await part.run("strangler", "strangler", *words, environ=environ, folder=self.workspace.folder)
        if show or ended.code:
            self.screen.output(ended.output)
        if ended.complaints != part.SILENCE:
            self.screen.output(ended.complaints)
        return ended

    def config(self) -> Config:
        """The file as it is now."""
        return load(self.workspace.routes, self.workspace.environ())

    def place(self, name: str) -> Place:
        """Where a route stands in the file."""
        return next(place_of(route) for route in self.config().routes if route.name == name)

    async def watch(self) -> None:
        """Let the traffic flow for one phase, showing the table of routes to whoever watches."""
        await self.until(lambda: False, self.phase_seconds)

    async def until(self, holds: Callable[[], bool], patience: float = PATIENCE) -> bool:
        """Wait for something, showing the table of routes to whoever watches; whether it came in time."""
        deadline = time.monotonic() + patience
        with self.screen.live() as live:
            while not (held := await asyncio.to_thread(holds)) and time.monotonic() < deadline:
                self.tally.read()
                if self.screen.console.is_terminal:
                    live.update(routes_table(self.config(), self.tally), refresh=True)
                await asyncio.sleep(LOOK_SECONDS)
        return held

    async def evidence(self, flips: Sequence[Flip], visit: Visit, build: str) -> None:
        """Have people come until the guard lets it pass, or nobody waits any longer: then who asks is told what is missing.

        Samples of an earlier build say nothing, and are what the guard goes by until `build` has answered.
        """
        deadline, told = time.monotonic() + PATIENCE, False
        while time.monotonic() < deadline:
            await visit()
            found = await asyncio.to_thread(judgements, self.config(), flips)
            passed = all(judgement.verdict is Verdict.PASS for judgement in found.values())
            if passed and await asyncio.to_thread(self._builds, flips) == {build}:
                return
            unmet = [unmet for judgement in found.values() for unmet in judgement.unmet]
            if unmet and not told:
                self.screen.say(f"the guard wants more for {flips[0].after}: {unmet[0].condition}: {unmet[0].words}")
                told = True
            await asyncio.sleep(LOOK_SECONDS)

    def _builds(self, flips: Sequence[Flip]) -> set[str]:
        """Of modern, that the guard goes by."""
        moving, config = {flip.route for flip in flips}, self.config()
        with Look(config, time.time()) as look:
            return {look.evidence(route).version for route in config.routes if route.name in moving}

    async def see_products(self, who: list[str]) -> frozenset[str]:
        """Have people look at a product each; those whom modern served."""
        return await people.see_products(self.workspace.proxy_url, who)


Chapter = Callable[[Story], Awaitable[None]]
