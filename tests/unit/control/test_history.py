"""How a route went over time: steps without gaps, by who answered, and what was added up once is not lost when it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.control.gathering.witnessed import ARM_CELLS, SERVED
from strangler.control.history import WHOLE, Past, Step, of_route, together
from strangler.control.tally import CELLS
from strangler.core.model import Config, Side
from strangler.core.outcome import Outcome
from strangler.core.records import Batch, Stratum
from strangler.store.store import Store
from tests.unit.cli.stored import configured

HALF_HOUR = 1800.0
NOON = 1_795_262_400.0


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return configured(tmp_path)[1]


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    opened = Store.open(config.store, config.folder)
    yield opened
    opened.close()


def happened(
    store: Store, config: Config, at: float, *, legacy: int = 0, modern: int = 0, agree: int = 0, differ: int = 0
) -> None:
    """What control would have stored of the first route at that time; of each side one answer that took about 16 ms."""
    route, minute, batch = config.routes[0], int(at // 60), Batch()
    stratum = Stratum(route.name, "canary", Side.LEGACY, route.rules, "1", "GET", "2xx")
    batch.counts = {(minute, stratum, Outcome.MATCH): [agree, 0], (minute, stratum, Outcome.MISMATCH): [differ, 0]}
    for upstream, number in (("legacy", legacy), ("modern", modern)):
        batch.arms[minute, route.name, "canary", "", SERVED + upstream] = [0, 0, number, *[0] * (CELLS - 3)]
    for side in Side:
        batch.arms[minute, route.name, "canary", "1", side] = [0] * 7 + [1] + [0] * (ARM_CELLS - 8)
    store.record(batch, store.begin_run(NOON - 10, "1"))


def test_steps_are_there_without_gaps_and_say_who_answered(store: Store, config: Config) -> None:
    happened(store, config, NOON - 3 * HALF_HOUR + 60, legacy=30, modern=10, agree=9, differ=1)
    happened(store, config, NOON - 3 * HALF_HOUR + 120, legacy=5)
    happened(store, config, NOON + 60, modern=7)
    steps = of_route(store, config.routes[0], NOON - 4 * HALF_HOUR + 1, HALF_HOUR, NOON + 100)
    assert [step.at for step in steps] == [NOON + number * HALF_HOUR for number in range(-4, 1)]
    assert [(step.legacy, step.modern) for step in steps] == [(0, 0), (35, 10), (0, 0), (0, 0), (0, 7)]
    assert [(step.agreed, step.compared) for step in steps][1] == (9, 10)
    assert steps[1].p95_modern == pytest.approx(0.017, abs=0.003)
    assert steps[2].p95_modern is None


def test_several_routes_are_added_step_by_step() -> None:
    one, other = [Step(0.0, 1, 2, 3, 4, 0.1, 0.2), Step(60.0)], [Step(0.0, 10, 20, 30, 40), Step(60.0, legacy=5)]
    assert together([one, other]) == (Step(0.0, 11, 22, 33, 44), Step(60.0, legacy=5))
    assert together([]) == ()


def test_what_is_kept_says_the_same_as_what_is_read_anew(store: Store, config: Config) -> None:
    past = Past(4 * HALF_HOUR, HALF_HOUR)
    for number in range(12):
        now = NOON + number * HALF_HOUR / 4
        happened(store, config, now - 1, legacy=number, modern=2 * number, agree=1)
        kept = past.read(store, config.routes, now)["read-order"]
        assert kept == of_route(store, config.routes[0], now - 4 * HALF_HOUR, HALF_HOUR, now)


def test_what_was_stored_late_is_found_when_all_is_added_up_anew(store: Store, config: Config) -> None:
    past = Past(8 * HALF_HOUR, HALF_HOUR)
    past.read(store, config.routes, NOON)
    happened(store, config, NOON - 3 * HALF_HOUR, legacy=7)
    assert sum(step.legacy for step in past.read(store, config.routes, NOON + 60)["read-order"]) == 0
    assert sum(step.legacy for step in past.read(store, config.routes, NOON + WHOLE)["read-order"]) == 7


def test_a_route_that_has_gone_is_forgotten(store: Store, config: Config) -> None:
    past = Past(2 * HALF_HOUR, HALF_HOUR)
    past.read(store, config.routes, NOON)
    assert set(past.read(store, config.routes[1:], NOON + 1)) == {"search", "home"}
