"""Cutovers there and back under load, with a process killed in most of them.

    python -m benchmarks.cutover [--rounds 20] [--old mariadb] [--new postgresql] [--behind 3] [--calm] [--seed 1]

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
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy.exc import DBAPIError

from benchmarks.chaos import DIALECTS, database
from tests.e2e.control.cutting import Cutting, Ledger, behind, cutting_from, people
from tests.e2e.control.serving import Serving, Upstream
from tests.e2e.running import free_port
from tests.servers import mariadb

VICTIMS = ("nobody", "worker", "web.admin", "cli.data_process", "supervisor")
SPREAD = 1.2  # seconds after the record was opened in which somebody is killed
SETTLES = 60.0  # seconds that everything has to name one owner
SIDES = {"old": "legacy", "new": "modern"}


@dataclass(frozen=True)
class World:
    """What it happens in: addresses of the databases by side (SQLite files, without any), servers that may be killed, by their
    dialect, seconds that the relay is held back, and whether nobody is killed."""

    urls: Mapping[str, str]
    servers: Mapping[str, Any]
    behind: float = 0.0
    calm: bool = False


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
            f"{self.orders:,} orders; answers: {_counted(self.statuses)}; slowest {self.slowest:.1f} s",
            f"acknowledged and missing: {self.lost}",
            *self.reasons,
        ]


def _counted(found: Counter[Any]) -> str:
    return ", ".join(f"{number} {name}" for name, number in found.most_common())


async def run(rounds: int, seed: int, folder: Path, world: World) -> Result:
    """So many rounds, in one world."""
    draw, result = random.Random(seed), Result()
    victims = ("nobody",) if world.calm else (*VICTIMS[1:], *world.servers)
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    legacy, modern = await Upstream("legacy").open(), await Upstream("modern").open()
    serving = Serving(folder, legacy, modern, free_port(), free_port(), str(folder))
    try:
        async with cutting_from(serving, world.urls) as cutting:
            async with people(cutting) as ledger, behind(cutting, world.behind) if world.behind else nullcontext():
                for number in range(rounds):
                    await one(cutting, world, draw, result, draw.choice(victims) if number else "nobody")
            await check(cutting, ledger, result)
    finally:
        await serving.close()
    return result


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
    if victim in world.servers:
        await asyncio.to_thread(restart, world.servers[victim])
    else:
        await kill(cutting, victim)
    done: dict[str, Any] = {}
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
        why = "; ".join(done.get("objections") or [done.get("why") or "it is not said"])
        result.reasons.append(f"round {result.rounds} ({victim}) was {done['effect']}: {why}")
    if victim == "nobody" and isinstance(held := done.get("held"), float):
        result.held.append(held)
    await asyncio.sleep(0.5)


def restart(server: Any) -> None:
    """Not in good order."""
    server.stop(*((signal.SIGKILL,) if isinstance(server, mariadb.Server) else ()))
    server.start()


async def kill(cutting: Cutting, victim: str) -> None:
    if victim == "supervisor":
        cutting.serving.process.kill()
        await cutting.serving.end()
        await cutting.serving.start()
    elif victim != "nobody":
        with suppress(StopIteration, ProcessLookupError):
            os.kill(cutting.pid_of(victim), signal.SIGKILL)


async def settles(cutting: Cutting) -> None:
    """Until everything names one owner, and that is who answers a write."""
    async with asyncio.timeout(SETTLES):
        while cutting.record.move is not None or len(await said_by_all(cutting)) != 1:
            await asyncio.sleep(0.02)
        number = random.randrange(10_000_000, 99_000_000)
        while (said := await cutting.ask("POST", str(number)))[0] != 200:
            number += 1
            await asyncio.sleep(0.02)
        assert said[1] == SIDES[cutting.owners()[0]], f"{said[1]} keeps what {cutting.owners()[0]} owns"


async def said_by_all(cutting: Cutting) -> set[str]:
    """Every side that a database names as the owner; none if one of them does not answer."""
    with suppress(DBAPIError):
        return set(await asyncio.to_thread(cutting.owners))
    return set()


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
    parser.add_argument("--calm", action="store_true", help="kill nobody")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers: dict[str, Any] = {}
        sides = {"old": given.old, "new": given.new}
        urls = {side: database(stack, servers, dialect, Path(folder), side) for side, dialect in sides.items()}
        result = asyncio.run(run(given.rounds, given.seed, Path(folder), World(urls, servers, given.behind, given.calm)))
    print("\n".join(result.lines()))
    return 1 if result.lost else 0


if __name__ == "__main__":
    sys.exit(main())
