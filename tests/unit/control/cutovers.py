"""A world for cutovers: real file, record and journal in a folder; workers and two databases that do as they are told, and a fate
that ends the process between any two things it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from strangler.config.file import Snapshot
from strangler.control.cutover.hands import Hands
from strangler.control.cutover.order import Order
from strangler.control.cutover.record import record_of
from strangler.control.cutover.sides import Verdict
from strangler.control.flipping.door import Answer, Outcome
from strangler.control.frames import Head
from strangler.control.journal import Journal
from strangler.core.cutover import Move, Record
from strangler.core.decide import Forward, Refuse, Table
from strangler.core.errors import DatabaseError, Refusal
from strangler.core.journal import Entry
from strangler.core.model import Config
from tests.unit.control.flips import Given
from tests.unit.given import request

FILE = """\
version: 1
mappings: [mappings.yaml]
upstreams: {{legacy: {{url: "http://127.0.0.1:1"}}, modern: {{url: "http://127.0.0.1:2"}}}}
defaults: {{sticky: {{by: "cookie:user"}}}}
routes:
  - {{name: read, match: {{path: /orders, methods: [GET]}}, stage: {stage}, weight: 100%, group: orders, data: [orders]}}
  - {{name: write, match: {{path: /orders}}, stage: {stage}, weight: 100%, group: orders, data: [orders, lines]}}
  - {{name: other, match: {{path: /other}}, stage: legacy}}
"""
NAMES = ("orders", "lines")


class Killed(BaseException):
    """The process has ended here."""


class Broken(BaseException):
    """What has to hold does not; no error that a cutover would go on after."""


@dataclass
class Fate:
    """Ends the process after so many steps; never, if that is negative."""

    left: int = -1
    done: int = 0

    def step(self) -> None:
        if self.left == self.done:
            raise Killed
        self.done += 1


@dataclass
class Databases:
    """What both say: durable."""

    old: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NAMES, "old"))
    new: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NAMES, "old"))
    moved: set[str] = field(default_factory=set)
    reverted: set[str] = field(default_factory=set)

    def owner(self) -> str:
        """The side that both name, of all mappings; "" if they do not agree."""
        said = {*self.old.values(), *self.new.values()}
        return said.pop() if len(said) == 1 else ""


@dataclass
class Workers:
    """Supervisor and workers: they live until they are killed, too."""

    config: Config | None = None
    moved: frozenset[str] = frozenset()
    hold: Move | None = None
    kept: bool = False

    def writes(self) -> str:
        """The side that a write of the group is sent to now; "" if it waits."""
        assert self.config is not None
        table = Table(self.config, self.moved)
        table.hold(self.hold.routes if self.hold else ())
        decision = table.decide(request("POST /orders"), 0.5)
        if isinstance(decision, Refuse):
            assert decision.waits
            return ""
        assert isinstance(decision, Forward)
        return {"legacy": "old", "modern": "new"}[decision.upstream]

    def expire(self) -> None:
        """The hold has lasted for as long as it may."""
        if not self.kept:
            self.hold = None


class World(Given):
    """Of the flips in a cutover."""

    def __init__(self, folder: Path, run: Run) -> None:
        super().__init__(folder, write=False)
        self.run = run

    def add(self, journal: Journal, entries: Any) -> None:
        self.run.step()
        super().add(journal, entries)
        self.run.step()

    def put(self, snapshot: Snapshot, text: str, intend: Callable[[bytes], None]) -> Snapshot:
        self.run.step()
        after = super().put(snapshot, text, intend)
        self.run.step()
        return after

    def take_up(self, real: Path, digest: str) -> Answer:
        self.run.step()
        self.run.read_the_file()
        self.run.step()
        return Answer(Outcome.SERVED, pid=7)


class GivenSides:
    """Both databases, with what a test has them say."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __enter__(self) -> GivenSides:
        return self

    def __exit__(self, *_: object) -> None: ...

    def refusals(self, to: str) -> tuple[str, ...]:
        self.run.fail("refusals")
        return tuple(self.run.refusals)

    def rehearsal(self, to: str) -> Mapping[str, Any]:
        return {"lag": 0.1, "waiting": 3, "to_verify": 5, "estimated": 0.4}

    def prepare(self, deadline: float) -> Verdict:
        self.run.fail("prepare")
        return Verdict(True, keys=12)

    def mark(self) -> tuple[Any, ...]:
        if self.run.workers.hold is None:
            return ()
        self.run.fail("mark")
        assert self.run.workers.hold is None or self.run.in_flight == 0, "the marker is written after the drain"
        return ("marker",)

    def waits_for(self, markers: Sequence[Any]) -> int:
        if not markers:
            return self.run.pop("on_the_way")
        self.run.fail("waits_for")
        return self.run.pop("waiting")

    def verify(self, deadline: float) -> Verdict:
        self.run.fail("verify")
        return self.run.verdict

    def bump(self, to: str, token: str) -> Mapping[str, tuple[str, int]]:
        """The side that gains first, mapping by mapping, as reconcile does."""
        databases = self.run.databases
        if token in databases.reverted:
            raise Refusal("was reverted")
        self.run.fail("bump")
        gaining, losing = (databases.new, databases.old) if to == "new" else (databases.old, databases.new)
        for name in NAMES:
            for side in (gaining, losing):
                self.run.step()
                databases.moved.add(token)
                side[name] = to
        self.run.step()
        return dict.fromkeys(NAMES, (to, 2))

    def owners(self) -> Mapping[str, tuple[tuple[str, int], tuple[str, int]]]:
        self.run.fail("owners")
        return {name: ((self.run.databases.old[name], 2), (self.run.databases.new[name], 2)) for name in NAMES}

    def revert(self, token: str) -> None:
        self.run.fail("revert")
        if token in self.run.databases.moved:
            raise Refusal("something was moved by it")
        self.run.databases.reverted.add(token)


@dataclass
class Run:
    """One process and what it meets. `again` is the next process in the same world."""

    folder: Path
    databases: Databases = field(default_factory=Databases)
    workers: Workers = field(default_factory=Workers)
    fate: Fate = field(default_factory=Fate)
    refusals: list[str] = field(default_factory=list)
    on_the_way: list[int] = field(default_factory=list)  # before anybody is held
    waiting: list[int] = field(default_factory=list)
    at_work: list[int] = field(default_factory=list)
    late: list[list[str]] = field(default_factory=list)
    verdict: Verdict = field(default_factory=lambda: Verdict(True, keys=7))
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    expires_at: str = ""
    in_flight: int = 0
    time: float = 0.0
    said: list[str] = field(default_factory=list)
    watching: bool = True

    def __post_init__(self) -> None:
        self.world = World(self.folder, self)
        self.hands = GivenHands(self)
        if self.workers.config is None:
            self.read_the_file()

    @property
    def record(self) -> Record:
        return record_of(self.folder / "routes.yaml")

    def again(self, steps: int = -1) -> Run:
        """The same world, and another process in it."""
        made = Run(self.folder, self.databases, self.workers, Fate(steps))
        made.world.time = self.world.time + 60
        return made

    def restart(self) -> None:
        """Supervisor and workers were killed: the next ones know what is written down."""
        move = self.record.move
        self.workers.hold, self.workers.kept = move, move is not None
        self.read_the_file()

    def read_the_file(self) -> None:
        self.workers.config = self.world.config(self.world.read().data)
        self.workers.moved = self.record.moved

    def step(self) -> None:
        """A moment between two things: here a process may end, and this has to hold."""
        if self.watching:
            self.check()
        self.fate.step()

    def check(self) -> None:
        """Nobody writes where the data is not owned, and nobody at all while both databases do not agree."""
        side = self.workers.writes()
        if side and side != self.databases.owner():
            raise Broken(f"writes go to {side!r}, owned by {self.databases}")

    def fail(self, what: str) -> None:
        self.step()
        if self.expires_at == what:
            self.workers.expire()
        waiting = self.failures.get(what, [])
        if waiting:
            raise waiting.pop(0)

    def pop(self, what: str) -> int:
        values: list[int] = getattr(self, what)
        return values.pop(0) if len(values) > 1 else (values[0] if values else 0)


class GivenHands(Hands):
    """Whose workers are those of the run, and whose clock goes on when somebody waits."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.world, {})
        self.run = run

    def clock(self) -> float:
        return self.run.time

    def pause(self, seconds: float) -> bool:
        self.run.time += seconds
        return True

    def write(self, record: Record) -> None:
        self.run.step()
        if failures := self.run.failures.get("write decided" if record.decided else "write", []):
            raise failures.pop(0)
        super().write(record)
        self.run.step()

    def make_room(self, record: Record) -> None:
        self.run.fail("room")
        super().make_room(record)
        self.run.step()

    def sides(self, config: Config, names: Sequence[str]) -> Any:
        return GivenSides(self.run)

    def state(self) -> Head | None:
        snapshot = self.run.world.read()
        return {"pid": 7, "digest": snapshot.revision, "serving": True, "problems": ""}

    def foresee(self, record: Record) -> None:
        self.run.fail("foresee")

    def hold(self, move: Move, kept: bool) -> Head:
        self.run.step()
        workers = self.run.workers
        if workers.hold is not None and workers.hold.token != move.token:
            return {**self.holding(), "refused": "another cutover holds"}
        workers.hold, workers.kept = move, workers.kept or kept
        self.run.step()
        return self.holding()

    def holding(self) -> Head:
        late = self.run.late.pop(0) if self.run.late else []
        self.run.in_flight = self.run.pop("at_work")
        return {"late": late, "at_work": self.run.in_flight, "waiting": 2}

    def keep(self, token: str) -> bool:
        self.run.fail("keep")
        workers = self.run.workers
        held = workers.hold is not None and workers.hold.token == token
        workers.kept = workers.kept or held
        self.run.step()
        return held

    def release(self, token: str) -> None:
        self.run.step()
        workers = self.run.workers
        if workers.hold is not None and token in ("", workers.hold.token):
            workers.hold, workers.kept = None, False
        self.run.step()


def given(folder: Path, stage: str = "canary") -> Run:
    """The group at canary 100 %, legacy owning its data."""
    (folder / "routes.yaml").write_text(FILE.format(stage=stage))
    (folder / "mappings.yaml").touch()
    return Run(folder)


def order(**more: Any) -> Order:
    return Order("@orders", "anna", **more)


def lost() -> DatabaseError:
    return DatabaseError("the connection is gone")


def told(run: Run) -> list[str]:
    """The flips of the journal, short."""
    return run.world.told()


def entries(run: Run) -> list[Entry]:
    return run.world.entries()
