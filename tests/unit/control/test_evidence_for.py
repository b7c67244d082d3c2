"""What the guard is shown of what is in the store. Times are minutes before now."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strangler.control import data_document, tally
from strangler.control.evidence_for import Look, judgements
from strangler.control.gathering.recorder import RECORDED
from strangler.control.gathering.witnessed import ARM_CELLS, COMPARABLE, ERRORS, FAILURES, SERVED, bucket
from strangler.control.older import Older
from strangler.core.data_status import DataStatus, MappingStatus, encode
from strangler.core.flip import Flip, Place
from strangler.core.guard.evidence import Agreement, Covered, DataState, Evidence, Failures
from strangler.core.guard.judge import Step
from strangler.core.guard.verdict import Verdict
from strangler.core.journal import Entry, Kind
from strangler.core.model import Config, Health, Match, Route, Stage, Upstream, Url
from strangler.core.records import Batch, Stratum
from strangler.core.template import parse_template
from strangler.core.units import Share
from strangler.store.rows import Run
from strangler.store.store import Store

NOW = 1_700_000_000.0 // 86400 * 86400 + 43_230.0  # noon and half a minute
ROUTE = Route(0, "shop", Match(parse_template("/shop/{id}")), stage=Stage.SHADOW)
UPSTREAMS = {
    "legacy": Upstream(Url("http", "h", 1)),
    "modern": Upstream(Url("http", "h", 2), version="header:x-build", health=Health("/healthz")),
}
UP = Flip("shop", Place(Stage.SHADOW), Place(Stage.CANARY, Share(0.01)))
CLEAN = MappingStatus(DataState.CLEAN, "", 0.5, NOW - 600)
RETIRE = Flip("shop", Place(Stage.MODERN), Place(Stage.RETIRED))


class Kept:
    """A store, and what is put into it."""

    def __init__(self, folder: Path) -> None:
        self.config = Config(UPSTREAMS, routes=(ROUTE,), folder=str(folder))
        self.store = Store.open(self.config.store, folder)
        self.run: Run = self.store.begin_run(NOW - 86400 * 50, "1", "test")

    def put(self, *batches: Mapping[str, Any]) -> None:
        for batch in batches:
            self.store.record(Batch(**batch), self.run)

    def pairs(
        self, ago: float, outcome: str = "match", count: int = 1, repeated: int = 0, *,
        version: str = "b1", method: str = "GET", status: str = "2xx", rules: str = ROUTE.rules,
    ) -> None:  # fmt: skip
        stratum = Stratum("shop", "shadow", "legacy", rules, version, method, status)
        self.put({"counts": {(minute(ago), stratum, outcome): [count, repeated]}})

    def arm(self, ago: float, side: str, cells: list[int], version: str = "b1", route: str = "shop") -> None:
        stage = "shadow" if route else ""
        self.put({"arms": {(minute(ago), route, stage, version, side): cells}})

    def served(self, ago: float, upstream: str, fell_back: int = 0, unanswered: int = 0, **classes: int) -> None:
        cells = [0] * tally.CELLS
        for name, count in classes.items():
            cells[tally.CLASSES.index(name.removeprefix("of_"))] = count
        cells[tally.FELL_BACK], cells[tally.UNANSWERED] = fell_back, unanswered
        self.arm(ago, f"{SERVED}{upstream}", cells, "")

    def recorded(self, *ago: float) -> None:
        for each in ago:
            self.arm(each, RECORDED, [1], "", "")

    def evidence(self, kind: Step = Step.UP, route: Route = ROUTE) -> Evidence:
        with Look(replace(self.config, routes=(route,)), NOW, lambda upstream: True) as look:
            return look.evidence(route, kind)


def minute(ago: float) -> int:
    return int(NOW // 60 - ago)


def timed(failures: int = 0, errors: int = 0, **seconds: int) -> list[int]:
    """Cells of an arm: so many milliseconds, so often."""
    cells = [0] * ARM_CELLS
    for name, count in seconds.items():
        cells[bucket(int(name.removeprefix("ms")) / 1000)] += count
    cells[FAILURES], cells[ERRORS] = failures, errors
    return cells


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept(tmp_path)
    yield made
    made.store.close()


def test_equal_requests_count_once_and_failures_against_the_build_that_was_there(kept: Kept) -> None:
    kept.pairs(90, "match", 100, 40)
    kept.pairs(90, "ignored", 10)
    kept.pairs(80, "mismatch", 5, 3)
    kept.pairs(70, "candidate_failed", 7, 1, version="")
    kept.pairs(70, "match", 9, version="")  # whose build is not known
    kept.pairs(60, "match", 3, method="HEAD", status="4xx")
    found = kept.evidence()
    assert (found.version, found.others, found.names_version) == ("b1", (), True)
    assert found.agreement == (Agreement("GET", "2xx", 70, 8), Agreement("HEAD", "4xx", 3, 0))


def test_other_rules_and_older_builds_do_not_count(kept: Kept) -> None:
    kept.pairs(3000, rules="other", count=5)
    kept.pairs(200, "mismatch", 50, version="b0")
    kept.pairs(100, "candidate_failed", 50, version="")
    kept.pairs(20, count=40, version="b1")
    kept.pairs(0, rules="other", count=5, version="b9")
    found = kept.evidence()
    assert (found.version, found.agreement) == ("b1", (Agreement("GET", "2xx", 40, 0),))


@pytest.mark.parametrize(
    ("builds", "version", "others"),
    [
        ({"b1": (90, 0), "b2": (10, 0)}, "b2", ("b1",)),  # being deployed
        ({"b1": (90, 5), "b2": (10, 0)}, "b2", ()),
        ({"b1": (90, 0), "b2": (50, 10)}, "b1", ()),  # taken back
        ({"b1": (90, 0), "b2": (9, 0), "b3": (8, 0)}, "b3", ("b1", "b2")),
        ({"other": (9, 0), "b1": (90, 1)}, "b1", ()),
        ({"other": (9, 0)}, "", ()),
        ({"": (9, 0)}, "", ()),
        ({}, "", ()),
    ],
)
def test_which_build_counts(kept: Kept, builds: dict[str, tuple[int, int]], version: str, others: tuple[str, ...]) -> None:
    for name, seen in builds.items():
        for ago in seen:
            kept.pairs(ago, version=name)
    found = kept.evidence()
    assert (found.version, found.others) == (version, others)


def test_without_a_named_build_all_is_shown_and_nothing_passes(kept: Kept) -> None:
    kept.pairs(30, "match", 5000, version="")
    found = kept.evidence()
    assert (found.version, found.agreement) == ("", (Agreement("GET", "2xx", 5000, 0),))


@pytest.mark.parametrize(("lately", "minutes", "total"), [(30, 15, 30), (29, 60, 129)])
def test_what_is_recent(kept: Kept, lately: int, minutes: int, total: int) -> None:
    kept.pairs(90, "mismatch", 1000)
    kept.pairs(40, "match", 100)
    kept.pairs(10, "match", lately - 1)
    kept.pairs(5, "mismatch", 1, version="b0")  # whichever build it was
    found = kept.evidence().recent
    assert (found.minutes, sum(each.total for each in found.agreement)) == (minutes, total)
    assert found.agreement[0].differ == 1


def test_both_arms_count_failures_and_5xx_of_the_same_requests(kept: Kept) -> None:
    kept.pairs(40)
    kept.arm(90, "modern", timed(ms5=1000, failures=500))  # before these rules
    kept.arm(40, "legacy", timed(ms5=100, errors=3))
    kept.arm(40, "modern", timed(ms20=98, errors=1, failures=2))
    kept.arm(39, "legacy", timed(ms5=50), version="")
    kept.arm(39, "modern", timed(failures=50), version="")
    kept.arm(38, "legacy", [1] * 23)  # of another version of Strangler
    kept.arm(38, "legacy", timed(ms5=7), version="b0")
    found = kept.evidence()
    assert found.failures == Failures(150, legacy=3, modern=53)
    assert found.latency is not None
    assert (found.latency.legacy.total, found.latency.modern.total) == (100, 98)
    assert found.latency.modern.percentile == pytest.approx(0.02, rel=0.35)
    assert (found.recent.minutes, found.recent.failures) == (60, Failures(157, legacy=3, modern=53))


def test_coverage_by_method_of_all_that_was_meant(kept: Kept) -> None:
    kept.pairs(100, "match", 90)
    kept.pairs(100, "mismatch", 5, 4, method="HEAD")
    for ago, method, number in [(100, "GET", 95), (100, "HEAD", 10), (5, "GET", 20), (500, "GET", 1000)]:
        kept.arm(ago, f"{COMPARABLE}{method}", [number], "")
    found = kept.evidence()
    assert found.coverage == (Covered("GET", 90, 115), Covered("HEAD", 5, 10))
    assert found.recent.coverage == (Covered("GET", 0, 20),)


def test_clients_that_modern_failed_count_beside_legacys_usual_share(kept: Kept) -> None:
    kept.pairs(100)
    kept.served(90, "legacy", of_2xx=970, of_5xx=30)
    kept.served(3, "modern", of_2xx=180, of_5xx=10, unanswered=4)
    kept.served(3, "legacy", of_2xx=10, fell_back=10)
    assert kept.evidence().recent.served == Failures(200, legacy=6, modern=20)


def test_clients_are_failed_also_where_nothing_was_compared_under_these_rules(kept: Kept) -> None:
    kept.pairs(3000, rules="other")
    kept.served(20, "legacy", of_2xx=100)
    kept.served(3, "modern", of_5xx=50)
    assert kept.evidence().recent.served == Failures(50, legacy=0, modern=50)


def test_two_looks_see_the_same_whether_older_arms_are_kept_or_not(kept: Kept) -> None:
    for ago in (3000, 500, 100, 62, 61, 60, 30, 5, 0):
        kept.pairs(ago, count=50)
        for version in ("b1", ""):
            kept.arm(ago, "legacy", timed(ms5=100, errors=3), version=version)
            kept.arm(ago, "modern", timed(ms20=98, errors=1, failures=2), version=version)
        kept.arm(ago, f"{COMPARABLE}GET", [60], "")
        kept.served(ago, "legacy", of_2xx=100, of_5xx=1)
    older = Older()
    for later in (0.0, 30.0, 600.0, 3500.0, 3601.0):
        found = []
        for kind in (older, Older()):
            with Look(kept.config, NOW + later, lambda upstream: True, kind) as look:
                found.append(look.evidence(ROUTE))
        assert found[0] == found[1]
    assert found[0].failures.total == 9 * 200


@pytest.mark.parametrize(("ago", "comparing"), [((), False), ((0,), True), ((1,), True), ((2,), False), ((9, 0), True)])
def test_evidence_that_is_not_written_is_noticed(kept: Kept, ago: tuple[int, ...], comparing: bool) -> None:
    kept.pairs(0)
    kept.recorded(*ago)
    assert kept.evidence().comparing is comparing


def test_age_and_pace(kept: Kept) -> None:
    kept.pairs(90, count=500)
    kept.pairs(30, count=50, repeated=20)
    kept.pairs(11, count=10)
    found = kept.evidence()
    assert found.age == pytest.approx(10.5 * 60)
    assert found.per_hour == 40


def test_a_pace_that_has_only_begun(kept: Kept) -> None:
    kept.pairs(5, count=50)
    assert kept.evidence().per_hour == pytest.approx(50 / 5.5 * 60)


@pytest.mark.parametrize(
    ("recorded", "served", "quiet"),
    [
        ((), (), None),
        ((600, 5), (), 600 * 60 - 30.0),
        ((600, 5), (30,), 30 * 60 - 30.0),
        ((60 * 24 * 40,), (60 * 24 * 40,), 40 * 86400 - 3600 + 30.0),  # to the hour, and never more than it was
    ],
)
def test_how_long_legacy_was_quiet(kept: Kept, recorded: tuple[int, ...], served: tuple[int, ...], quiet: float | None) -> None:
    kept.recorded(*recorded)
    for ago in served:
        kept.served(ago, "legacy", of_2xx=1)
    kept.served(0, "modern", of_2xx=1)
    assert kept.evidence(Step.RETIRE).legacy_quiet == (pytest.approx(quiet, abs=31) if quiet is not None else None)


def test_a_flip_that_is_not_settled_keeps_a_route_from_retiring(kept: Kept) -> None:
    entry = Entry("1", Kind.INTENDED, "f", NOW, "me", "shop", Place(Stage.CANARY), Place(Stage.MODERN))
    assert kept.evidence(Step.RETIRE).journal_complete
    kept.store.append([entry])
    assert not kept.evidence(Step.RETIRE).journal_complete
    kept.store.append([replace(entry, id="2", kind=Kind.LIVE)])
    assert kept.evidence(Step.RETIRE).journal_complete


def test_nothing_is_known_of_mappings_before_the_data_process_speaks(kept: Kept) -> None:
    kept.pairs(5)
    (found,) = kept.evidence(route=replace(ROUTE, data=("orders",))).data
    assert (found.mapping, found.state) == ("orders", DataState.UNKNOWN)
    assert "the data process has said nothing" in found.why


@pytest.mark.parametrize(
    ("document", "state"),
    [
        (encode(DataStatus(NOW - 2, {"orders": CLEAN})), DataState.CLEAN),
        (encode(DataStatus(NOW - 2, {"orders": replace(CLEAN, state=DataState.DRIFT)})), DataState.DRIFT),
        (encode(DataStatus(NOW - 60, {"orders": CLEAN})), DataState.UNKNOWN),
        (encode(DataStatus(NOW - 2, {"orders": replace(CLEAN, compared_at=NOW - 27 * 3600)})), DataState.UNKNOWN),
        (b"half of a docum", DataState.UNKNOWN),
    ],
)
def test_what_the_data_process_says_of_mappings_is_evidence_while_it_is_fresh(
    kept: Kept, document: bytes, state: DataState
) -> None:
    kept.pairs(5)
    data_document.path_of(kept.config).write_bytes(document)
    (found,) = kept.evidence(route=replace(ROUTE, data=("orders",))).data
    assert found.state is state


@pytest.mark.parametrize(
    ("store", "path"),
    [
        ("sqlite:///strangler.db", "/etc/shop/strangler.data.json"),
        ("sqlite:///kept/of.shop.db", "/etc/shop/kept/of.shop.data.json"),
        ("sqlite:////var/lib/s.db?mode=rwc", "/var/lib/s.data.json"),
        ("postgresql+psycopg://u:p@h/s", "/etc/shop/strangler.data.json"),
    ],
)
def test_the_document_lies_beside_the_store(store: str, path: str) -> None:
    assert str(data_document.path_of(Config(UPSTREAMS, store=store, folder="/etc/shop"))) == path


def good(kept: Kept) -> None:
    kept.recorded(0)
    kept.pairs(90, count=6000)
    kept.pairs(2, count=100)
    for ago, number in ((90, 6000), (2, 100)):
        for side in ("legacy", "modern"):
            kept.arm(ago, side, timed(ms20=number))
        kept.arm(ago, f"{COMPARABLE}GET", [number], "")


def test_good_evidence_passes(kept: Kept) -> None:
    good(kept)
    found = judgements(kept.config, [UP], NOW)["shop"]
    assert [(each.condition, each.words) for each in found.unmet] == []
    assert found.verdict is Verdict.PASS


def test_a_canary_that_clients_are_failed_by_fails(kept: Kept) -> None:
    good(kept)
    kept.served(1, "legacy", of_2xx=60, fell_back=50)
    (finding,) = judgements(kept.config, [UP], NOW)["shop"].unmet
    assert (finding.condition, finding.verdict) == ("recent", Verdict.FAIL)
    assert "modern failed 50 of 50 requests that modern was to answer in the last 15 min" in finding.words


def test_an_empty_store_promotes_nothing(kept: Kept) -> None:
    found = judgements(kept.config, [UP], NOW)["shop"]
    assert found.verdict is Verdict.NOT_ENOUGH
    assert {each.condition for each in found.unmet} >= {"parity", "recent", "errors", "latency", "coverage", "comparing"}


@pytest.mark.parametrize("url", ["sqlite:///missing/other.db", "sqlite:///broken.db"])
@pytest.mark.parametrize("flip", [UP, RETIRE])
def test_a_store_that_cannot_be_read_is_not_enough(tmp_path: Path, url: str, flip: Flip) -> None:
    (tmp_path / "broken.db").write_bytes(b"not a database" * 1000)
    found = judgements(Config(UPSTREAMS, routes=(ROUTE,), store=url, folder=str(tmp_path)), [flip], NOW)["shop"]
    assert found.verdict in (Verdict.NOT_ENOUGH, Verdict.FAIL)
    assert found.unmet


def test_a_broken_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"not a database" * 1000)
    config = Config(UPSTREAMS, routes=(ROUTE,), store="sqlite:///broken.db", folder=str(tmp_path))
    (finding,) = judgements(config, [UP], NOW)["shop"].findings
    assert (finding.condition, finding.verdict) == ("evidence", Verdict.NOT_ENOUGH)
    assert "what was compared cannot be read: store" in finding.words


@pytest.mark.parametrize(("well", "verdict"), [(True, "pass"), (False, "fail"), (None, "not enough data")])
def test_a_shadow_needs_modern_to_be_well_and_asks_once(tmp_path: Path, well: bool | None, verdict: str) -> None:
    asked: list[Upstream] = []

    def ask(upstream: Upstream) -> bool | None:
        asked.append(upstream)
        return well

    routes = tuple(replace(ROUTE, name=name) for name in ("a", "b"))
    flips = [Flip(route.name, Place(Stage.LEGACY), Place(Stage.SHADOW)) for route in routes]
    found = judgements(Config(UPSTREAMS, routes=routes, folder=str(tmp_path)), flips, NOW, ask)
    assert {name: str(judgement.verdict) for name, judgement in found.items()} == {"a": verdict, "b": verdict}
    assert asked == [UPSTREAMS["modern"]]
