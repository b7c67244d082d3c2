"""What flips as one, what it has, and what needs a person first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strangler.control.gathering.witnessed import SERVED
from strangler.control.standings import Standing, Traffic, Unit, as_json, attention, next_step, split, standings, traffic
from strangler.control.tally import BUCKETS, CELLS
from strangler.core.guard.verdict import Verdict
from strangler.core.model import Side
from strangler.core.records import Batch
from strangler.store.store import Store
from tests.unit.cli.standing import FAIL, NOW, PASS, WAIT, compared, flowing, held, overview, route, standing
from tests.unit.cli.stored import configured


def names(*several: Standing) -> list[tuple[str, int]]:
    return [(unit.name, len(unit.standings)) for unit in overview(*several).units]


class TestUnits:
    def test_a_group_stands_where_its_first_route_does_and_a_route_alone_in_one_by_its_name(self) -> None:
        several = [standing("a", group="g"), standing("b"), standing("c", group="g"), standing("d", group="lonely")]
        assert names(*several) == [("@g", 2), ("b", 1), ("d", 1)]

    def test_numbers_of_a_group_are_those_of_its_routes_together(self) -> None:
        parts = (
            standing("a", judgement=PASS, traffic=flowing(3, 1), evidence=compared(90, 100)),
            standing("b", judgement=WAIT, traffic=None, evidence=None),
            standing("c", judgement=PASS, traffic=flowing(2), evidence=compared(10, 10)),
        )
        unit = Unit("@g", parts)
        assert (unit.traffic, unit.agreement, unit.verdict) == (Traffic(5, 1), (100, 110), Verdict.NOT_ENOUGH)
        legacy, modern = unit.percentile(Side.LEGACY), unit.percentile(Side.MODERN)
        assert legacy is not None
        assert modern is not None
        assert 0.001 < legacy <= 0.01 < modern <= 0.1

    def test_nothing_known_is_not_zero(self) -> None:
        unit = Unit("a", (standing("a"),))
        assert (unit.traffic, unit.verdict, unit.percentile(Side.LEGACY), unit.hold) == (None, None, None, None)


@pytest.mark.parametrize(
    ("place", "after"),
    [
        ("legacy", "shadow"),
        ("shadow", "canary 1%"),
        ("canary 5%", "canary 25%"),
        ("canary 100%", "modern"),
    ],
)
def test_the_next_step_is_the_ladders(place: str, after: str) -> None:
    step = next_step(route("a", place))
    assert step is not None
    assert str(step.after) == after


def test_from_modern_it_is_retirement_and_then_there_is_none() -> None:
    step = next_step(route("a", "modern"))
    assert step is not None
    assert str(step.after) == "retired"
    assert next_step(route("a", "retired")) is None


def test_traffic_is_split_by_who_answered() -> None:
    assert split(route("a"), {"legacy": 30, "modern": 10, "other": 5}, 10) == Traffic(3.5, 1.0)
    assert split(route("a"), {}, 10).total == 0


class TestAttention:
    @pytest.mark.parametrize(
        ("found", "words", "command"),
        [
            (standing("a", "canary 5%", PASS, serving=FAIL), "clients get modern, and the guard fails: parity", "rollback a"),
            (standing("a", "modern", WAIT, serving=FAIL), "clients get modern, and the guard fails: parity", "rollback a"),
            (standing("a", "shadow", FAIL), "the guard fails: parity: GET 2xx: 98.00% of 500 agree", "status a"),
            (standing("a", "canary 5%", WAIT, ailing="modern is out"), "modern is out", "rollback a"),
            (standing("a", "shadow", WAIT, ailing="modern is out"), "modern is out", "status a"),
            (standing("a", "shadow", WAIT, hold=held("a")), "held by anna: slow", "resume a"),
            (standing("a", "shadow", WAIT, open=True), "a flip is under way, or was cut off", "journal a"),
        ],
    )
    def test_says_what_and_what_to_do(self, found: Standing, words: str, command: str) -> None:
        (one,) = attention(overview(found).units)
        assert one.words.startswith(words)
        assert one.command == f"strangler {command}"

    @pytest.mark.parametrize("place", ["legacy", "retired"])
    def test_a_guard_that_fails_where_nothing_happens_is_no_emergency(self, place: str) -> None:
        assert attention(overview(standing("a", place, FAIL)).units) == []

    def test_a_lack_of_data_is_no_emergency(self) -> None:
        assert attention(overview(standing("a", "canary 5%", WAIT, serving=WAIT)).units) == []

    def test_what_clients_meet_comes_first(self) -> None:
        several = [
            standing("held", "shadow", WAIT, hold=held("held")),
            standing("failing", "shadow", FAIL),
            standing("served", "canary 5%", PASS, serving=FAIL),
            standing("out", "modern", WAIT, ailing="modern is out"),
        ]
        assert [one.unit for one in attention(overview(*several).units)] == ["out", "served", "failing", "held"]

    def test_a_group_is_named_as_commands_take_it(self) -> None:
        several = [standing("a", group="g"), standing("b", group="g", hold=held("b"))]
        assert [one.command for one in attention(overview(*several).units)] == ["strangler resume @g"]


class TestFromTheStore:
    def test_traffic_is_that_of_the_last_minutes_and_of_a_proxy_that_runs(self, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        assert traffic(config, config.routes, NOW) == {}
        now = NOW // 60 * 60 + 30
        minute = int(now // 60)
        store = Store.open(config.store, config.folder)
        run = store.begin_run(now - 3600, "0.1.0")
        cells = [0] * CELLS
        cells[2], cells[5], cells[BUCKETS] = 80, 10, 90
        batch = Batch()
        for at in (minute, minute - 1, minute - 2):
            batch.arms[at, "search", "shadow", "", f"{SERVED}legacy"] = cells
        batch.arms[minute, "search", "canary", "", f"{SERVED}modern"] = cells
        batch.arms[minute, "gone", "canary", "", f"{SERVED}modern"] = cells
        store.record(batch, run)
        found = traffic(config, config.routes, now)
        assert found == {"read-order": Traffic(), "search": Traffic(180 / 90, 90 / 90), "home": Traffic()}
        store.end_run(run, now)
        store.close()
        assert traffic(config, config.routes, now) == {}

    def test_a_proxy_that_has_just_begun_is_not_measured_by_a_whole_minute(self, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        store = Store.open(config.store, config.folder)
        run = store.begin_run(NOW - 10, "0.1.0")
        batch = Batch()
        batch.arms[int(NOW // 60), "search", "shadow", "", f"{SERVED}legacy"] = [20] + [0] * (CELLS - 1)
        store.record(batch, run)
        store.close()
        assert traffic(config, config.routes, NOW)["search"] == Traffic(2.0, 0.0)

    def test_a_store_that_is_none_is_not_known_and_the_guard_says_so(self, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        (tmp_path / "evidence.db").write_text("this is no database" * 100)
        found = standings(config, config.routes, [], {}, NOW, ask=lambda upstream: True)
        assert [each.traffic for each in found] == [None, None, None]
        assert [each.judgement.verdict for each in found if each.judgement] == [*[Verdict.NOT_ENOUGH] * 2, Verdict.PASS]

    def test_holds_and_what_ails_go_to_their_routes(self, tmp_path: Path) -> None:
        _, config = configured(tmp_path)
        ailing = {"modern": "is out"}
        found = standings(config, config.routes, [held("search")], ailing, NOW, ask=lambda upstream: None)
        assert [(each.route.name, bool(each.hold), each.ailing) for each in found] == [
            ("read-order", False, "modern is out"),
            ("search", True, "modern is out"),
            ("home", False, ""),
        ]


def test_plain_values() -> None:
    seen = overview(
        standing("a", "canary 5%", PASS, traffic=flowing(3, 1), evidence=compared(99, 100), since=NOW - 60),
        replace(standing("b", "retired"), step=None),
    )
    told = as_json(seen)
    first, last = told["routes"]
    assert told["proxy"] == {"pid": 7, "workers": 2, "serves_the_file": True, "problems": [], "silent": None}
    assert {key: first[key] for key in ("route", "stage", "weight", "traffic", "agree", "compared", "version")} == {
        "route": "a",
        "stage": "canary",
        "weight": 0.05,
        "traffic": {"legacy": 3, "modern": 1},
        "agree": 0.99,
        "compared": 100,
        "version": "7",
    }
    assert (first["next"], first["verdict"], first["since"]) == ({"stage": "canary", "weight": 0.25}, "pass", NOW - 60)
    assert (last["next"], last["verdict"], last["agree"], last["traffic"]) == (None, None, None, None)
