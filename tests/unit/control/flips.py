"""A world for flips: real file, spool and store in a folder; a clock, a guard and a running proxy that do as they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strangler.control.flipping.door import Answer, Outcome
from strangler.control.flipping.order import Order
from strangler.control.flipping.world import World
from strangler.core import journal
from strangler.core.flip import Flip, place_of
from strangler.core.guard.verdict import Finding, Judgement, Verdict
from strangler.core.journal import Entry, Recorded
from strangler.core.model import Config, Stage
from strangler.core.units import Share

FILE = """\
version: 1
mappings: [mappings.yaml]
{more}
upstreams: {{legacy: {{url: "http://127.0.0.1:1"}}, modern: {{url: "http://127.0.0.1:2"}}}}
defaults: {{sticky: {{by: "cookie:user"}}}}
routes:  # kept
  - {{name: read, match: {{path: /read, methods: [GET]}}, stage: shadow, weight: 25%}}  # the first
  - name: cart
    match: {{path: /cart, methods: [GET]}}
    stage: canary
    weight: 25%
    group: carts
  - {{name: pay, match: {{path: /pay, methods: [GET]}}, stage: canary, weight: 25%, group: carts}}
  - {{name: write, match: {{path: /write}}, stage: canary, weight: 5%, data: [orders]}}
  - {{name: new, match: {{path: /new, methods: [GET]}}}}
"""

PASSED = Judgement((Finding("parity", Verdict.PASS, "all agree"),))
FAILED = Judgement(
    (
        Finding("parity", Verdict.FAIL, "GET 2xx: 90.00% of 1,000 agree"),
        Finding("coverage", Verdict.PASS, "all of it"),
        Finding("errors", Verdict.NOT_ENOUGH, "3 of 10; 400 more samples needed, about 2 h at current traffic", 400),
    )
)


@dataclass
class Proxy:
    """The running proxy: what it answers, and which files it was asked to take up."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    rest: Answer = Answer(Outcome.SERVED, pid=7)

    def take_up(self, digest: str) -> Answer:
        self.asked.append(digest)
        return self.answers.pop(0) if self.answers else self.rest


class Given(World):
    """A world whose clock goes on by a second with every look, and whose guard passes what it is not told about."""

    def __init__(self, folder: Path, more: str = "", write: bool = True) -> None:
        super().__init__(folder / "routes.yaml", {}, self._guard)
        self.proxy = Proxy()
        self.time = 1_800_000_000.0
        self.judged: list[Flip] = []
        self.verdicts: dict[str, Judgement] = {}
        self.meanwhile: Callable[[], Any] = lambda: None  # while the guard thinks
        if write:
            self.path.write_text(FILE.format(more=more))
            (folder / "mappings.yaml").touch()

    def now(self) -> float:
        self.time += 1
        return self.time

    def take_up(self, real: Path, digest: str) -> Answer:
        return self.proxy.take_up(digest)

    def _guard(self, config: Config, flips: Sequence[Flip]) -> Mapping[str, Judgement]:
        self.judged += flips
        self.meanwhile()
        return {flip.route: self.verdicts.get(flip.route, PASSED) for flip in flips}

    # What a test looks at.

    def entries(self) -> list[Entry]:
        snapshot = self.read()
        return self.journal(self.config(snapshot.data), snapshot.real).entries()

    def history(self) -> list[Recorded]:
        return list(journal.history(self.entries()))

    def told(self) -> list[str]:
        """The flips of the journal, short."""
        return [f"{recorded.entry.change} {recorded.state}" for recorded in self.history()]

    def places(self) -> dict[str, str]:
        return {route.name: str(place_of(route)) for route in self.config(self.path.read_bytes()).routes}


def order(name: str, words: str = "", **more: Any) -> Order:
    """An order as one says it: ``canary 5%``; a rollback without words."""
    stage, _, weight = words.partition(" ")
    share = Share(float(weight.rstrip("%")) / 100) if weight else None
    return Order(name, **{"actor": "anna", "stage": Stage(stage) if stage else None, "weight": share, **more})


def rollback(name: str, words: str = "", **more: Any) -> Order:
    return order(name, words, rollback=True, **more)
