"""Many flips at once, from several processes, while an editor saves over them: what is in the file and in the journal then.

The file must be sound at every moment, no save of the editor may be lost, and every flip that was accepted must be one row of
the journal for each route. An editor knows nothing of locks: what it saves over a flip that came while it had the file open is
an edit by hand, which the journal notices.

    python -m benchmarks.flips --flips 1000
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from random import Random

import click

from strangler.control.flipping.door import Answer, Outcome
from strangler.control.flipping.flip import flip
from strangler.control.flipping.hold import resume
from strangler.control.flipping.order import Effect, Order
from strangler.control.flipping.settlement import keep
from strangler.control.flipping.world import World
from strangler.core import journal
from strangler.core.errors import Refusal, StranglerError
from strangler.core.flip import Flip, place_of
from strangler.core.guard.verdict import Finding, Judgement, Verdict
from strangler.core.journal import FILE, Kind
from strangler.core.model import Config, Stage
from strangler.core.units import Share

ROUTES = 8
GROUPED = 3  # the last ones, as @some
HEAD = """version: 1
upstreams: {legacy: {url: "http://127.0.0.1:1"}, modern: {url: "http://127.0.0.1:2"}}
defaults: {sticky: {by: "cookie:user"}}
routes:
"""
FORK = multiprocessing.get_context("fork")
PASSED = Judgement((Finding("parity", Verdict.PASS, "for this benchmark"),))


class Nobody(World):
    """A world with a guard that lets all pass, and no proxy."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, {}, self._pass)

    def _pass(self, config: Config, flips: Sequence[Flip]) -> Mapping[str, Judgement]:
        return {one.route: PASSED for one in flips}

    def take_up(self, real: Path, digest: str) -> Answer:
        return Answer(Outcome.SERVED)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it.

    Attributes:
        accepted: flips that were carried out; refused: those that were not, by the kind of error.
        saves: of the editor; lost: saves that are not in the file; looks: at the file, all of which found it sound.
        wrong: accepted flips that are not one live row for each of their routes, and live rows of no such flip.
        apart: routes that stand elsewhere than the journal says.
        found: rows for what the editor has saved over.
    """

    accepted: int
    refused: Mapping[str, int]
    saves: int
    lost: int
    looks: int
    unsound: int
    wrong: int
    unsettled: int
    apart: int
    found: int
    seconds: float

    @property
    def good(self) -> bool:
        return not (self.lost or self.unsound or self.wrong or self.unsettled or self.apart)


def run(folder: Path, flips: int, processes: int, saves: int) -> Report:
    """Have so many processes ask for so many flips in all, and an editor save so often meanwhile."""
    path = folder / "routes.yaml"
    path.write_text(HEAD + "".join(map(_route, range(ROUTES))), encoding="utf-8")
    world, over, began = Nobody(path), FORK.Event(), time.perf_counter()
    keep(world, world.config(path.read_bytes()), create=True)
    askers = [FORK.Process(target=_ask, args=(path, number, flips // processes)) for number in range(processes)]
    others = [FORK.Process(target=work, args=(path, over, *more)) for work, *more in ((_edit, saves), (_look,), (_keep,))]
    for process in (*others, *askers):
        process.start()
    for process in askers:
        process.join()
    over.set()
    for process in others:
        process.join()
    assert not any(process.exitcode for process in (*askers, *others)), "a process has failed"
    return _judge(world, folder, time.perf_counter() - began)


def _route(number: int) -> str:
    group = ", group: some" if number >= ROUTES - GROUPED else ""
    return f"  - {{name: r{number}, match: {{path: /{number}, methods: [GET]}}, stage: shadow{group}}}  # of {number}\n"


def _ask(path: Path, seed: int, flips: int) -> None:
    """Flips at random, up and down; results as lines of JSON."""
    world, random = Nobody(path), Random(seed)
    names = [*(f"r{number}" for number in range(ROUTES - GROUPED)), "@some"]
    with (path.parent / f"asked.{seed}").open("w", encoding="utf-8") as results:
        for _ in range(flips):
            name, down = random.choice(names), random.random() < 0.3
            order = Order(name, f"p{seed}", Stage.CANARY, Share(random.randint(1, 99) / 100))
            try:
                done = flip(Order(name, f"p{seed}", rollback=True) if down else order, world)
                if done.effect is not Effect.NOTHING:
                    routes = [one.route for one in done.flips]
                    print(json.dumps({"flip": done.flip, "routes": routes}), file=results)
            except StranglerError as error:
                print(json.dumps({"error": type(error).__name__}), file=results)
                if isinstance(error, Refusal):
                    resume(name, f"p{seed}", "", world)


def _edit(path: Path, over: Event, saves: int) -> None:
    """An editor: reads, adds a line, and puts the file in its place."""
    random, number = Random(0), 0
    while number < saves and not over.wait(random.random() * 0.04):
        number += 1
        beside = path.with_name("editor.tmp")
        beside.write_text(f"{path.read_text(encoding='utf-8')}# save {number}\n", encoding="utf-8")
        beside.replace(path)
    path.with_name("saves").write_text(str(number), encoding="utf-8")


def _look(path: Path, over: Event) -> None:
    """Whoever reads the file, at any time, finds it sound."""
    world, looks, unsound = Nobody(path), 0, 0
    while not over.wait(0.002):
        looks += 1
        try:
            world.config(path.read_bytes())
        except (StranglerError, OSError):
            unsound += 1
    path.with_name("looks").write_text(f"{looks} {unsound}", encoding="utf-8")


def _keep(path: Path, over: Event) -> None:
    """Control, in a hurry."""
    world = Nobody(path)
    while not over.wait(0.2):
        with suppress(StranglerError):
            keep(world)


def _judge(world: World, folder: Path, seconds: float) -> Report:
    config = world.config(world.read().data)
    for _ in range(2):  # what the last flip left, and what the editor has saved over
        keep(world, config)
    entries = world.journal(config, world.read().real).entries()
    asked = [json.loads(line) for file in folder.glob("asked.*") for line in file.read_text(encoding="utf-8").splitlines()]
    wanted = Counter((one["flip"], route) for one in asked if "flip" in one for route in one["routes"])
    recorded = journal.history(entries)
    live = Counter((one.entry.flip, one.entry.route) for one in recorded if one.state is Kind.LIVE and one.entry.actor != FILE)
    rows = Counter((one.flip, one.route, one.kind) for one in entries if one.kind in (Kind.INTENDED, Kind.LIVE))
    twice = sum(number > 1 for number in rows.values())
    last = journal.last_places(entries)
    saves, text = int((folder / "saves").read_text(encoding="utf-8")), world.path.read_text(encoding="utf-8")
    looks, unsound = map(int, (folder / "looks").read_text(encoding="utf-8").split())
    return Report(
        accepted=sum("flip" in one for one in asked),
        refused=Counter(one["error"] for one in asked if "error" in one),
        saves=saves,
        lost=sum(f"# save {number}\n" not in text for number in range(1, saves + 1)),
        looks=looks,
        unsound=unsound,
        wrong=len((live - wanted) + (wanted - live)) + twice,
        unsettled=len(journal.unsettled(entries)),
        apart=sum(last.get(route.name) != place_of(route) for route in config.routes),
        found=sum(one.entry.actor == FILE for one in recorded) - ROUTES,
        seconds=seconds,
    )


@click.command()
@click.option("--flips", type=click.IntRange(1, 100_000), default=1000, show_default=True)
@click.option("--processes", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option("--saves", type=click.IntRange(0, 100_000), default=500, show_default=True, help="Of the editor, at most.")
def main(flips: int, processes: int, saves: int) -> None:
    """Flip from many processes at once. Exit code 1 if anything was lost, or is there twice."""
    with tempfile.TemporaryDirectory(prefix="strangler-benchmark-") as folder:
        report = run(Path(folder), flips, processes, saves)
    click.echo(f"{report.accepted:,} flips accepted in {report.seconds:.1f} s, not: {dict(report.refused) or 'none'}")
    click.echo(f"the file was sound at {report.looks - report.unsound:,} of {report.looks:,} looks")
    click.echo(f"{report.saves:,} saves of the editor, {report.lost} lost; it saved over flips of {report.found} routes")
    click.echo(f"journal: {report.wrong} wrong, {report.unsettled} unsettled, {report.apart} routes elsewhere than it says")
    sys.exit(not report.good)


if __name__ == "__main__":
    main()
