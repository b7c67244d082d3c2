"""From a finished request to the line that Prometheus reads."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from strangler.control import totals
from strangler.control.cells import Region, new_arena
from strangler.control.metrics import escape, render
from strangler.control.tally import Tally
from strangler.core.ledger import Ledger
from strangler.core.model import Config, Match, Route, Stage, Upstream, Url
from strangler.core.template import parse_template
from strangler.proxy.counters import Counters
from tests.exposition import Family, parse, total, unescape

from .given import EXCHANGE

STATE = {
    "revision": 3,
    "crew": [
        {"name": "worker 1", "pid": 7, "revision": 3, "restarts": 1},
        {"name": "control", "pid": 8, "revision": 2, "restarts": 0},
    ],
    "problems": "",
    "reloaded": 12.5,
    "stopping": False,
}
UPSTREAM = Upstream(Url("http", "127.0.0.1", 1))
CONFIG = Config({"legacy": UPSTREAM, "modern": UPSTREAM}, routes=(Route(0, "shop", Match(parse_template("/shop"))),))


@pytest.fixture
def arena() -> Iterator[int]:
    descriptor = new_arena(2)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def tally(arena: int) -> Tally:
    made = Tally(Region(arena, 1))
    made.use(CONFIG)
    return made


def shown(arena: int, **state: Any) -> dict[str, Family]:
    return parse(render(totals.read(arena, 1), {**STATE, **state}, "1.2.3", 99.5))


@pytest.mark.parametrize(
    ("status", "code_class"), [(200, "2xx"), (101, "1xx"), (304, "3xx"), (499, "4xx"), (502, "5xx"), (0, "none")]
)
def test_a_request_counts_by_route_stage_upstream_and_class(arena: int, tally: Tally, status: int, code_class: str) -> None:
    tally.observe(EXCHANGE._replace(status=status))
    labels = {"route": "shop", "stage": "legacy", "served_by": "legacy", "code_class": code_class}
    assert total(shown(arena), "strangler_requests_total", **labels) == 1
    assert total(shown(arena), "strangler_requests_total") == 1


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0.0, "0.001"), (0.001, "0.001"), (0.00101, "0.0025"), (10.0, "10.0"), (11.0, "+Inf")]
)
def test_a_duration_counts_in_the_first_bucket_that_holds_it(arena: int, tally: Tally, seconds: float, bound: str) -> None:
    tally.observe(EXCHANGE._replace(duration=seconds))
    family = shown(arena)["strangler_request_duration_seconds"]
    holding = [dict(labels)["le"] for (suffix, labels), count in family.samples.items() if suffix == "_bucket" and count]
    assert holding[0] == bound
    assert [value for (suffix, _), value in family.samples.items() if suffix == "_sum"] == [pytest.approx(seconds, abs=1e-6)]


def test_a_flip_begins_a_series_and_late_requests_of_the_old_stage_still_count_there(arena: int, tally: Tally) -> None:
    for stage in (Stage.LEGACY, Stage.CANARY, Stage.LEGACY):
        tally.observe(EXCHANGE._replace(stage=stage))
    metrics = shown(arena)
    assert total(metrics, "strangler_requests_total", stage="legacy") == 2
    assert total(metrics, "strangler_requests_total", stage="canary") == 1


def test_what_went_wrong_counts_where_it_did(arena: int, tally: Tally) -> None:
    tally.observe(EXCHANGE._replace(fell_back=True))  # modern failed, legacy answered
    tally.observe(EXCHANGE._replace(upstream="modern", reason="upstream_reset", status=502, retried=True))
    tally.observe(EXCHANGE._replace(upstream="", route="", stage="", reason="no_host", status=400))
    metrics = shown(arena)
    assert total(metrics, "strangler_upstream_failures_total", upstream="modern") == 2
    assert total(metrics, "strangler_upstream_fallbacks_total", upstream="modern") == 1
    assert total(metrics, "strangler_upstream_retries_total", upstream="modern") == 1
    assert total(metrics, "strangler_refusals_total", reason="no_host") == 1
    assert total(metrics, "strangler_refusals_total", reason="upstream_reset") == 1
    assert total(metrics, "strangler_requests_total", route="", served_by="") == 1


def test_what_the_engine_counts_by_itself_is_mirrored(arena: int, tally: Tally) -> None:
    counters = Counters(connections=5, connections_open=2, faults=1)
    counters.refusals["too_many_connections"] = 3
    tally.mirror(counters, log_lost=4)
    metrics = shown(arena)
    expected = {"connections_total": 5, "connections_open": 2, "faults_total": 1, "access_log_lost_total": 4}
    assert {name: total(metrics, f"strangler_{name}") for name in expected} == expected
    assert total(metrics, "strangler_refusals_total", reason="too_many_connections") == 3


def test_the_state_of_the_house_is_shown(arena: int) -> None:
    metrics = shown(arena)
    expected = {
        "config_revision": 3,
        "workers": 1,
        "workers_ready": 1,
        "config_last_reload_successful": 1,
        "start_time_seconds": 99.5,
    }
    assert {name: total(metrics, f"strangler_{name}") for name in expected} == expected
    assert total(metrics, "strangler_worker_restarts_total", process="worker 1") == 1
    assert total(metrics, "strangler_build_info", version="1.2.3") == 1
    assert total(shown(arena, problems="routes.yaml:1: no"), "strangler_config_last_reload_successful") == 0
    assert total(shown(arena, revision=4), "strangler_workers_ready") == 0


@pytest.mark.parametrize("hostile", ['"} 1\nevil 1', "\\", 'a"b\\n', "{},=", "ä\u2028"])
def test_no_name_breaks_out_of_its_label(arena: int, tally: Tally, hostile: str) -> None:
    tally.observe(EXCHANGE._replace(route=hostile))
    assert unescape(escape(hostile)) == hostile
    assert total(shown(arena), "strangler_requests_total", route=hostile) == 1


def test_the_ledger_of_each_route_is_shown(arena: int) -> None:
    ledger = Ledger(9, {"match": 4, "mismatch": 1}, {"sample": 2}, {"queue": 1}, 1)
    metrics = parse(render(totals.read(arena, 1), STATE, "1.2.3", 99.5, {"shop": ledger}))
    assert total(metrics, "strangler_shadow_requests_total", route="shop", outcome="match") == 4
    assert total(metrics, "strangler_shadow_requests_total") == 5
    assert total(metrics, "strangler_shadow_skipped_total", route="shop", reason="sample") == 2
    assert total(metrics, "strangler_shadow_lost_total", route="shop", place="queue") == 1
    assert total(metrics, "strangler_shadow_in_flight", route="shop") == 1
