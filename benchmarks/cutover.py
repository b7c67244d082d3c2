"""Cutovers there and back under load, with a process killed in most of them.

    python -m benchmarks.cutover [--rounds 20] [--old mariadb] [--new postgresql] [--behind 3] [--calm] [--seed 1]
    python -m benchmarks.cutover --aimed | --between 144000 [--old mariadb] [--new postgresql]

Two shops with a database each, `strangler serve` with two workers and a relay before them, and people who order all the time.
In each round the group is cut over to the other side, and at a moment that is drawn a worker, control, the data process, the
supervisor or a database server of ours is killed and started again, or nobody (`--calm`: always). The relay may be held back by
up to some seconds all the time (`--behind`). Then everything has to name one owner, writes have to be served by it, and every
order that was acknowledged has to be in both shops. Ends with 1 if one is not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import aimed
from benchmarks.aimed import Range, Shots, points
from benchmarks.between import Told, live_through
from benchmarks.chaos import DIALECTS, database
from benchmarks.harm import SIDES, disk, kill, settles
from tests.e2e.control.cutting import Cutting, Ledger, behind, cutting_from, people
from tests.e2e.control.serving import Serving, Upstream
from tests.e2e.running import free_port

VICTIMS = ("nobody", "worker", "control", "data", "supervisor")
AIMED_RATE = 10.0  # orders a second while there is a lot else to do
SPREAD = 1.2  # seconds after the record was opened in which somebody is killed


@dataclass(frozen=True)
class World:
    """What it happens in.

    Attributes:
        urls: of the databases, by side.
        servers: those of them that have one, which may be killed, by side.
        behind: seconds that the relay is held back at most.
        calm: nobody is killed.
        routes: so many more are in the file.
    """

    urls: Mapping[str, str]
    servers: Mapping[str, Any]
    behind: float = 0.0
    calm: bool = False
    routes: int = 0


@dataclass
class Result:
    """Of all rounds. Times in seconds."""

    rounds: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    victims: Counter[str] = field(default_factory=Counter)
    held: list[float] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)
    lost: int = 0
    orders: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        held = f"{median(self.held) * 1000:.0f} ms in the middle, {max(self.held) * 1000:.0f} ms at most" if self.held else "–"
        settled = f"{max(self.settled):.1f} s at most" if self.settled else "–"
        return [
            f"{self.rounds} rounds; killed: {_counted(self.victims)}",
            f"came to: {_counted(self.ends)}",
            f"writes waited where nobody was killed: {held}; one owner again after {settled}",
            *self.ledger_lines(),
            *self.reasons,
        ]

    def ledger_lines(self) -> list[str]:
        return [
            f"{self.orders:,} orders; answers: {_counted(self.statuses)}; slowest {self.slowest:.1f} s",
            f"acknowledged and missing: {self.lost}",
        ]


def _counted(found: Counter[Any]) -> str:
    return ", ".join(f"{number} {name}" for name, number in found.most_common())


@asynccontextmanager
async def shops(folder: Path, world: World) -> AsyncIterator[Cutting]:
    """Both, and what stands before them."""
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    legacy, modern = await Upstream("legacy").open(), await Upstream("modern").open()
    serving = Serving(folder, legacy, modern, free_port(), free_port(), str(folder))
    try:
        async with cutting_from(serving, world.urls, world.routes) as cutting:
            yield cutting
    finally:
        await serving.close()


async def run(rounds: int, seed: int, folder: Path, world: World) -> Result:
    """So many rounds, in one world."""
    draw, result = random.Random(seed), Result()
    victims = ("nobody",) if world.calm else (*VICTIMS[1:], *world.servers)
    async with shops(folder, world) as cutting:
        async with people(cutting) as ledger, behind(cutting, world.behind) if world.behind else nullcontext():
            for number in range(rounds):
                await one(cutting, world, draw, result, draw.choice(victims) if number else "nobody")
        await check(cutting, ledger, result)
    return result


async def aim(seed: int, most: int, folder: Path, world: World) -> tuple[Shots, Result]:
    """Every point once, or so many that are drawn, on a disk of its own if that may be."""
    result = Result()
    with disk(folder) as has_disk:
        victims = [each for each in aimed.VICTIMS if each in ("disk", *world.servers) or each not in ("disk", *SIDES)]
        victims = [each for each in victims if each != "disk" or has_disk]
        async with shops(folder, world) as cutting:
            async with people(cutting, AIMED_RATE) as ledger:
                draw, some = random.Random(seed), list(points(victims))
                there = Range(cutting, world.servers, ledger, draw)
                await there.shoot_all(draw.sample(some, min(most, len(some))), lambda words: print(words, file=sys.stderr))
            await check(cutting, ledger, result)
    return there.shots, result


async def wait_between(count: int, folder: Path, world: World) -> Told:
    """So many writes between going over and coming back."""
    async with shops(folder, world) as cutting, behind(cutting, world.behind) if world.behind else nullcontext():
        return await live_through(cutting, count)


async def one(cutting: Cutting, world: World, draw: random.Random, result: Result, victim: str) -> None:
    """One cutover, to the side that does not own."""
    loop = asyncio.get_running_loop()
    back = cutting.owners()[0] == "new"
    if not back:
        await cutting.strangler("resume", "@orders")
    hold = f"{5 + world.behind:g}s"
    moving = asyncio.create_task(cutting.cut_over("--hold", hold, *(["--back"] if back else [])))
    while cutting.record.move is None and not moving.done():
        await asyncio.sleep(0.002)
    await asyncio.sleep(draw.uniform(0, SPREAD))
    begun = loop.time()
    await kill(cutting, victim, world.servers)
    done: Mapping[str, Any] = {}
    try:
        _, done = await moving
    except AssertionError as error:  # whoever was to answer is dead
        done = {"effect": "cut off", "why": str(error).strip()}
    await settles(cutting)
    result.settled.append(loop.time() - begun)
    result.rounds += 1
    result.victims[victim] += 1
    after = cutting.owners()[0]
    result.ends["moved" if after == ("old" if back else "new") else str(done.get("effect", "taken back"))] += 1
    if done["effect"] != "live":
        why = "; ".join(map(str, done.get("objections") or [done.get("why")]))
        result.reasons.append(f"round {result.rounds} ({victim}) was {done['effect']}: {why}")
    if victim == "nobody" and isinstance(held := done.get("held"), float):
        result.held.append(held)
    await asyncio.sleep(0.5)


async def check(cutting: Cutting, ledger: Ledger, result: Result) -> None:
    await cutting.quiesce()
    result.lost = len(ledger.acknowledged - set(cutting.old.kept()))
    result.orders = len(ledger.answers)
    result.statuses = Counter(status for status, _, _ in ledger.answers.values())
    result.slowest = ledger.slowest()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cutover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--old", choices=DIALECTS, default="sqlite")
    parser.add_argument("--new", choices=DIALECTS, default="sqlite")
    parser.add_argument("--behind", type=float, default=0.0, help="seconds that the relay is late at most, all the time")
    parser.add_argument("--routes", type=int, default=0, help="so many more in the file")
    parser.add_argument("--calm", action="store_true", help="kill nobody")
    parser.add_argument("--aimed", action="store_true", help="instead: everybody once at each phase, and the disk full")
    parser.add_argument("--points", type=int, default=1000, help="of --aimed: so many of all, drawn")
    parser.add_argument("--between", type=int, default=0, help="instead: so many writes, and then back, and over again")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        world, folder = _world(stack, Path(name), given), Path(name, "house")
        folder.mkdir()
        wrong, lines = next(run for wanted, run in RUNS if wanted(given))(given, folder, world)
    print("\n".join(lines))
    return 1 if wrong else 0


def _world(stack: ExitStack, folder: Path, given: argparse.Namespace) -> World:
    """A server for each side, if its database has one."""
    urls, servers = dict[str, str](), dict[str, Any]()
    for side in SIDES:
        dialect, started = getattr(given, side), dict[str, Any]()
        urls[side] = database(stack, started, dialect, folder, side)
        if dialect in started:
            servers[side] = started[dialect]
    return World(urls, servers, given.behind, given.calm, given.routes)


def _drawn(given: argparse.Namespace, folder: Path, world: World) -> tuple[bool, list[str]]:
    result = asyncio.run(run(given.rounds, given.seed, folder, world))
    return result.lost > 0, result.lines()


def _aimed(given: argparse.Namespace, folder: Path, world: World) -> tuple[bool, list[str]]:
    shots, result = asyncio.run(aim(given.seed, given.points, folder, world))
    return bool(shots.wrong or result.lost), [*shots.lines(), *result.ledger_lines()]


def _between(given: argparse.Namespace, folder: Path, world: World) -> tuple[bool, list[str]]:
    told = asyncio.run(wait_between(given.between, folder, world))
    return bool(told.wrong), [*told.lines, *told.wrong]


RUNS: tuple[tuple[Callable[[argparse.Namespace], bool], Callable[..., tuple[bool, list[str]]]], ...] = (
    (lambda given: given.aimed, _aimed),
    (lambda given: given.between > 0, _between),
    (lambda given: True, _drawn),
)


if __name__ == "__main__":
    sys.exit(main())
