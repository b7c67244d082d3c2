"""Rates out of counters: over a window, since the oldest reading that is in it, and never from too short a time."""

from strangler.control.standings import Traffic
from strangler.control.tally import BUCKETS
from strangler.control.totals import Totals
from strangler.web.flow import LEAST, WINDOW, Flow
from tests.unit.cli.stored import configured


def counted(**requests: int) -> Totals:
    """Requests of one route at two stages, by upstream."""
    totals = Totals()
    for upstream, number in requests.items():
        for stage, some in (("shadow", number // 2), ("canary", number - number // 2)):
            totals.rows["route", "home", stage, upstream][2] = some
            totals.rows["route", "home", stage, upstream][BUCKETS] = 1_000_000  # a bucket of durations: no request
    return totals


def test_what_was_served_between_two_looks_is_what_flows(tmp_path):
    _, config = configured(tmp_path)
    flow = Flow()
    assert flow.read(counted(legacy=1000), config.routes, 100.0) == {}
    assert flow.read(counted(legacy=1000), config.routes, 100.0 + LEAST / 2) == {}
    found = flow.read(counted(legacy=1060, modern=20), config.routes, 102.0)
    assert found["home"] == Traffic(30.0, 10.0)
    assert found["search"] == Traffic(0.0, 0.0)


def test_what_is_older_than_the_window_is_forgotten(tmp_path):
    _, config = configured(tmp_path)
    flow = Flow()
    flow.read(counted(legacy=0), config.routes, 0.0)
    flow.read(counted(legacy=1000), config.routes, 100.0)
    assert flow.read(counted(legacy=1000), config.routes, 100.0 + WINDOW)["home"] == Traffic(0.0, 0.0)


def test_a_proxy_that_was_started_anew_counts_from_nothing(tmp_path):
    _, config = configured(tmp_path)
    flow = Flow()
    flow.read(counted(legacy=1000), config.routes, 0.0)
    assert flow.read(counted(legacy=5), config.routes, 5.0)["home"] == Traffic(0.0, 0.0)


def test_a_rate_is_of_no_less_than_the_window(tmp_path):
    _, config = configured(tmp_path)
    flow = Flow()
    for now, requests in ((0.0, 0), (WINDOW / 2, 0)):
        flow.read(counted(legacy=requests), config.routes, now)
    found = flow.read(counted(legacy=1200), config.routes, WINDOW * 1.2)
    assert found["home"] == Traffic(1200 / (WINDOW * 1.2), 0.0), "since the newest reading that is a window old, or the oldest"
