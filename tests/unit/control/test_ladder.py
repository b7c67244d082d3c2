"""Routes on the automatic ladder, over simulated time: a real file, journal and store, and a clock that is turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from strangler.config.load import load
from strangler.control import tally
from strangler.control.evidence_for import judgements
from strangler.control.flipping.hold import hold, resume
from strangler.control.flipping.world import World
from strangler.control.gathering.recorder import RECORDED
from strangler.control.gathering.witnessed import ARM_CELLS, COMPARABLE, ERRORS, SERVED, bucket
from strangler.control.ladder import EVERY, Ladder, interval
from strangler.core.flip import Flip, Place, place_of
from strangler.core.guard.verdict import Judgement, Verdict
from strangler.core.journal import LADDER, Entry, Kind
from strangler.core.model import Config, Route, Side, Stage
from strangler.core.records import Batch, Stratum
from strangler.core.units import Share
from strangler.store.store import Store

FILE = """version: 1
upstreams:
  legacy: {{url: "http://127.0.0.1:1"}}
  modern: {{url: "http://127.0.0.1:2", version: "header:x-build", health: {{path: /healthz}}}}
defaults:
  sticky: {{by: "header:x-user"}}
  ladder: {{auto: {auto}, steps: [5%, 50%], dwell: {dwell}}}
  guard: {{match_rate: 99%}}
routes:
  - {{name: shop, match: {{path: "/shop/{{id}}", methods: [GET]}}, stage: {stage}, group: {group}}}
  - {{name: cart, match: {{path: "/cart/{{id}}", methods: [GET]}}, stage: {stage}, group: {group}}}
"""
BEGAN = 1_700_000_000.0 // 3600 * 3600
A_MINUTE = 200  # requests of a route


class Clock(World):
    """A world with a clock of its own."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, {}, self._guard)
        self.at = BEGAN

    def now(self) -> float:
        return self.at

    def _guard(self, config: Config, flips: Sequence[Flip]) -> Mapping[str, Judgement]:
        return judgements(config, flips, self.at, lambda upstream: True)


class Simulation:
    """Traffic, evidence and the ladder."""

    def __init__(self, folder: Path, stage: str = "shadow", auto: bool = True, dwell: str = "1h", group: str = '""') -> None:
        self.path = folder / "routes.yaml"
        text = FILE.format(stage=stage, auto=str(auto).lower(), dwell=dwell, group=group)
        self.path.write_text(text.replace(', group: ""', ""))
        self.world = Clock(self.path)
        self.told: list[Mapping[str, Any]] = []
        self.said: list[str] = []
        self.ladder = Ladder(self.world, self.told.append, self.said.append, lambda upstream: True)
        self.store = Store.open(self.config.store, folder)
        self.run = self.store.begin_run(BEGAN, "1", "test")
        self.bad: dict[str, float] = {}  # share of modern's answers that are wrong, by route
        self.down: set[str] = set()  # routes on which modern does not answer at all
        self.silent = False
        self.looks = 0

    @property
    def config(self) -> Config:
        return load(self.path, {})

    def place(self, name: str = "shop") -> str:
        return next(str(place_of(route)) for route in self.config.routes if route.name == name)

    def pass_time(self, minutes: float, until: str = "", every: float = EVERY) -> int:
        """Let time pass, with a look now and then; how many looks it took until the shop stood where it was to."""
        for look in range(1, round(minutes * 60 / every) + 1):
            self.world.at += every
            if not self.silent:
                self._serve(every)
            self.ladder.look(self.config)
            self.ladder._spent = 0.0  # looks are cheap here
            if until and self.place() == until:
                return look
        assert not until, f"{self.place()}, {self.said}, {self.told}"
        return 0

    def wait(self, minutes: float, until: str = "") -> None:
        """The same, with a look in five minutes: for long times in which nothing happens at once."""
        self.pass_time(minutes, until, every=300.0)

    def _serve(self, seconds: float) -> None:
        batch = Batch()
        minute = int(self.world.at // 60)
        batch.arms[minute, "", "", "", RECORDED] = [1]
        for route in self.config.routes:
            self._served(batch, minute, route, round(A_MINUTE * seconds / 60))
        self.store.record(batch, self.run)

    def _served(self, batch: Batch, minute: int, route: Route, number: int) -> None:
        name, stage = route.name, str(route.stage)
        to_modern = {Stage.CANARY: round(number * route.weight), Stage.MODERN: number}.get(route.stage, 0)
        failed = to_modern if name in self.down else 0
        pairs = number - to_modern if name in self.down else number
        wrong = 0 if name in self.down else round(pairs * self.bad.get(name, 0.0))
        stratum = Stratum(name, stage, "legacy", route.rules, "b1", "GET", "2xx")
        outcomes = {"match": pairs - wrong, "mismatch": wrong}
        version = "b1"
        if name in self.down:
            stratum, outcomes, version = stratum._replace(version=""), {"candidate_failed": pairs}, ""
        if route.stage in route.shadow.during:
            for outcome, count in outcomes.items():
                if count:
                    batch.counts[minute, stratum, outcome] = [count, 0]
            for side in Side:
                cells = [0] * ARM_CELLS
                cells[bucket(0.02)] = pairs
                cells[ERRORS] = pairs if side is Side.MODERN and name in self.down else 0
                batch.arms[minute, name, stage, version, str(side)] = cells
            batch.arms[minute, name, stage, "", f"{COMPARABLE}GET"] = [number]
        for upstream, count, fell_back in (("modern", to_modern - failed, 0), ("legacy", number - to_modern + failed, failed)):
            cells = [0] * tally.CELLS
            cells[tally.CLASSES.index("2xx")], cells[tally.FELL_BACK] = count, fell_back
            batch.arms[minute, name, stage, "", f"{SERVED}{upstream}"] = cells

    def journal(self, name: str = "shop") -> list[tuple[str, str, str]]:
        """What went live, and by whom."""
        entries = self.world.journal(self.config, self.path.resolve()).entries()
        return [(e.actor, str(e.before), str(e.after)) for e in entries if e.kind is Kind.LIVE and e.route == name]

    def pend(self) -> None:
        """A flip that nobody settles."""
        there = next(place_of(route) for route in self.config.routes)
        entry = Entry("0", Kind.INTENDED, "f", self.world.at, "ops", "shop", there, Place(Stage.RETIRED))
        self.world.add(self.world.journal(self.config, self.path.resolve()), [entry])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_a_good_route_climbs_to_the_top_rung_by_rung_and_no_faster_than_it_may(folder: Path) -> None:
    simulation = Simulation(folder)
    simulation.wait(55)
    assert simulation.place() == "shadow"
    simulation.wait(4 * 60)
    assert simulation.journal() == [
        (LADDER, "shadow", "canary 5%"),
        (LADDER, "canary 5%", "canary 50%"),
        (LADDER, "canary 50%", "modern"),
    ]
    assert [(each["event"], each["route"], each["to"]) for each in simulation.told if each["route"] == "shop"] == [
        ("climbed", "shop", "canary 5%"),
        ("climbed", "shop", "canary 50%"),
        ("climbed", "shop", "modern"),
    ]
    assert simulation.ladder.seen.flips == {LADDER: 6}
    assert simulation.said == []


@pytest.mark.parametrize("state", ["", "held", "pending", "just arrived"])
@pytest.mark.parametrize("trouble", ["wrong", "down"])
def test_a_failing_canary_is_down_within_two_looks_in_every_state(folder: Path, state: str, trouble: str) -> None:
    simulation = Simulation(folder)
    simulation.wait(180, until="canary 5%")
    simulation.pass_time(0.5 if state == "just arrived" else 20)
    if state == "held":
        hold("shop", "ops", "wait", simulation.world)
    elif state == "pending":
        simulation.pend()
    if trouble == "wrong":
        simulation.bad["shop"] = 0.5
    else:
        simulation.down.add("shop")
    assert simulation.pass_time(30, until="shadow") <= 2
    event = next(each for each in simulation.told if each["event"] == "rolled back")
    assert (event["route"], event["from"], event["to"], event["verdict"]) == ("shop", "canary 5%", "shadow", "fail")
    assert simulation.place("cart") == "canary 5%"


def test_modern_that_fails_its_clients_where_nothing_is_compared_any_more(folder: Path) -> None:
    simulation = Simulation(folder)
    simulation.wait(400, until="modern")
    simulation.wait(120)
    assert simulation.place() == "modern"
    simulation.down.add("shop")
    assert simulation.pass_time(30, until="shadow") <= 2


def test_what_was_rolled_back_stays_down_until_somebody_resumes(folder: Path) -> None:
    simulation = Simulation(folder)
    simulation.wait(180, until="canary 5%")
    simulation.bad["shop"] = 0.5
    simulation.pass_time(2, until="shadow")
    simulation.bad.clear()
    simulation.wait(3 * 60)
    assert simulation.place() == "shadow"
    assert simulation.ladder.seen.holds.keys() == {"shop"}
    assert resume("shop", "ops", "repaired", simulation.world) == ("shop",)


@pytest.mark.parametrize("stage", ["shadow", "canary", "modern"])
def test_without_data_nothing_moves(folder: Path, stage: str) -> None:
    simulation = Simulation(folder)
    simulation.path.write_text(simulation.path.read_text().replace("stage: shadow", f"stage: {stage}"))
    before = simulation.place()
    simulation.silent = True
    simulation.wait(2 * 60)
    assert (simulation.place(), simulation.journal(), simulation.told) == (before, [], [])


def test_data_that_has_stopped_coming_moves_nothing(folder: Path) -> None:
    simulation = Simulation(folder)
    simulation.wait(180, until="canary 5%")
    simulation.silent = True
    told = len(simulation.told)
    simulation.wait(2 * 60)
    assert (simulation.place(), simulation.told[told:]) == ("canary 5%", [])


def test_a_bad_route_stays_in_the_shadow_and_that_is_told_once(folder: Path) -> None:
    simulation = Simulation(folder)
    simulation.bad["shop"] = 0.3
    simulation.wait(5 * 60)
    assert (simulation.place(), simulation.journal()) == ("shadow", [])
    mine = [each for each in simulation.told if each["route"] == "shop"]
    assert [(each["event"], each["verdict"]) for each in mine] == [("fails", "fail")]
    assert "parity: GET 2xx: 70.00% of" in mine[0]["reason"]
    assert simulation.ladder.seen.verdicts["shop"] is Verdict.FAIL


def test_a_route_that_climbs_by_hand_is_not_rolled_back_but_somebody_is_called_once(folder: Path) -> None:
    simulation = Simulation(folder, auto=False)
    simulation.wait(60)
    text = simulation.path.read_text().replace("stage: shadow", "stage: modern")
    simulation.path.write_text(text)
    simulation.down.add("shop")
    simulation.wait(3 * 60)
    assert (simulation.place(), simulation.journal()) == ("modern", [])
    assert [(each["event"], each["route"]) for each in simulation.told] == [("needs a person", "shop")]
    assert "would be rolled back, but climbs only by hand: recent: modern failed" in simulation.told[0]["reason"]
    assert simulation.ladder.seen.would == {"shop"}


def test_a_group_climbs_and_falls_as_one(folder: Path) -> None:
    simulation = Simulation(folder, group="g")
    simulation.wait(180, until="canary 5%")
    assert simulation.place("cart") == "canary 5%"
    simulation.bad["cart"] = 0.5
    assert simulation.pass_time(30, until="shadow") <= 2
    assert simulation.place("cart") == "shadow"
    assert simulation.told[-1]["routes"] == ["shop", "cart"]


def test_a_rollback_that_cannot_be_made_is_tried_again_and_told_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(folder)
    simulation.wait(180, until="canary 5%")
    simulation.bad["shop"] = 0.5
    with monkeypatch.context() as patch:
        patch.setattr("strangler.control.ladder.flip", _refuse)
        simulation.pass_time(10)
    assert [each["event"] for each in simulation.told].count("could not be rolled back") == 1
    assert simulation.pass_time(2, until="shadow") <= 2


def _refuse(order: object, world: object) -> None:
    from strangler.core.errors import UsageError

    raise UsageError("routes.yaml cannot be written")


def test_a_journal_that_cannot_be_read_stops_climbing_and_no_rollback(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(folder, dwell="10m")
    simulation.wait(180, until="canary 5%")
    (folder / ".routes.yaml.journal").unlink(missing_ok=True)
    (folder / ".routes.yaml.journal").mkdir()
    simulation.wait(60)
    assert simulation.place() == "canary 5%"
    assert [each for each in simulation.said if "nothing climbs by itself" in each] != []
    simulation.bad["shop"] = 0.5
    assert simulation.pass_time(30, until="shadow") <= 2


@pytest.mark.parametrize(
    ("auto", "dwell", "seconds"), [(True, "1h", 30.0), (True, "10s", 5.0), (True, "0s", 1.0), (False, "0s", 30.0)]
)
def test_how_often_it_looks(folder: Path, auto: bool, dwell: str, seconds: float) -> None:
    assert interval(Simulation(folder, auto=auto, dwell=dwell).config) == seconds


def test_the_first_weight_is_that_of_the_file(folder: Path) -> None:
    simulation = Simulation(folder)
    simulation.wait(180, until="canary 5%")
    assert next(place_of(route) for route in simulation.config.routes) == Place(Stage.CANARY, Share(0.05))
