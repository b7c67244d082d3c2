"""The benchmark of copies: its arithmetic, the candidates that are no good, and that everybody is told to copy."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import copying, isolation, shadow
from benchmarks.candidate import HUGE
from benchmarks.contenders import envoy_config
from benchmarks.isolation import Isolation, Trio, growth, order, p50, p99
from benchmarks.load import Load, LoadFailed
from benchmarks.processes import free_port, running
from benchmarks.report import Result, Round
from benchmarks.steady import at_share, one_connection
from benchmarks.upstream import BODY
from strangler.config.load import load
from strangler.core.ledger import Ledger
from strangler.core.model import Stage
from strangler.core.units import Share

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc, which only Linux has")


def trio(*latencies: float) -> Trio:
    """Of milliseconds: p50, and ten times that as p99."""
    return Trio(*(Load(1, 1.0, 0, ms / 1000, ms / 100) for ms in latencies))


class TestIsolation:
    # |A' - A|: 0.1 0.3 0.2; |B - A|: 0.2 0.1 0.3; B - (A + A')/2: 0.15 -0.05 0.2
    ONE = Isolation("strangler", "hang", "one", [trio(1.0, 1.1, 1.2), trio(1.0, 1.3, 1.1), trio(1.2, 1.0, 1.5)])

    def test_the_noise_is_what_two_runs_without_copies_are_apart(self) -> None:
        assert self.ONE.noise(p50) == pytest.approx(0.0002)
        assert self.ONE.noise(p99) == pytest.approx(0.002)

    def test_the_cost_is_against_both(self) -> None:
        cost = Isolation("x", "hang", "one", [trio(1.0, 1.2, 1.3), trio(1.0, 1.2, 1.0), trio(1.0, 1.2, 1.5)]).cost(p50)
        assert cost == pytest.approx(0.0002)

    def test_the_ratio_is_distance_in_noises(self) -> None:
        assert self.ONE.distance(p50) == pytest.approx(0.0002)
        assert self.ONE.ratio(p50) == pytest.approx(1.0)
        assert Isolation("x", "hang", "one", [trio(1.0, 1.0, 2.0)]).ratio(p50) is None

    def test_every_run_is_first_second_and_last(self) -> None:
        assert {tuple(order(number)) for number in range(6)} == {
            ("without", "again", "copying"),
            ("again", "copying", "without"),
            ("copying", "without", "again"),
        }

    def test_the_table_is_in_milliseconds(self) -> None:
        head, row = isolation.table([self.ONE])
        told = dict(zip(head, row, strict=True))
        assert (told["candidate"], told["p50 without"], told["p50 with"], told["p50 ratio"]) == ("hang", "1.000", "1.200", "1.00")
        assert isolation.as_json([self.ONE])[0]["p50_ratio"] == pytest.approx(1.0)


def test_a_run_that_does_not_end_is_told_and_not_the_end() -> None:
    def never() -> Load:
        raise LoadFailed("h2load did not end")

    one = Isolation("strangler", "huge", "many")
    shadow._add_round(one, {"without": never, "again": never, "copying": never}, 9.0)
    head, row = isolation.table([one])
    assert len(row) == len(head)
    assert dict(zip(head, row, strict=True))["unfinished"] == "1"
    assert isolation.as_json([one])[0]["unfinished"] == 1


def test_growth_is_counted_after_the_second_slice() -> None:
    assert growth([10, 30, 31, 33]) == 3
    assert growth([10]) == 0
    assert shadow.memory_lines({"hang, worker": [10.0, 30.0, 33.0]}) == [
        "memory, hang, worker: 10 30 33 MiB; +3.0 MiB after the second"
    ]


def test_ratios_say_whether_they_are_what_is_wanted() -> None:
    results = {name: rounds(rate) for name, rate in (("strangler-copies", 300), ("nginx-copies", 200), ("envoy-copies", 150))}
    assert shadow.ratio_lines("throughput", results) == [
        "strangler-copies / nginx-copies: 1.50 (1.50–1.50); at least 1.0 is wanted: yes",
        "strangler-copies / envoy-copies: 2.00 (2.00–2.00); at least 2.5 is wanted: NO",
    ]
    assert shadow.ratio_lines("different", {"strangler-copies": rounds(1)}) == []


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        (
            Ledger(10, {"match": 8}, {"busy": 2}),
            "closes: answered 10, seen 10 = compared 8 {'match': 8} + skipped 2 {'busy': 2} + lost 0 + in flight 0; 80.0%",
        ),
        (Ledger(12, {"match": 12}), " closes: answered 10, seen 12"),  # what was under way when the load generator left
        (Ledger(13, {"match": 13}), "DOES NOT CLOSE"),
        (Ledger(9, {"match": 9}), "DOES NOT CLOSE"),
        (Ledger(10, {"match": 8}), "DOES NOT CLOSE"),
    ],
)
def test_a_ledger_must_have_seen_all_that_was_sent_and_no_more(ledger: Ledger, expected: str) -> None:
    sent = shadow.Sent(3)
    sent.add(Load(7, 1.0, 0, 0.1, 0.1), connections=2)
    assert expected in shadow.ledger_line("different", ledger, sent)


def test_everybody_is_told_to_copy(tmp_path: Path) -> None:
    on, off = (copying.strangler(name, tmp_path, 1, 2, copies=name == "on") for name in ("on", "off"))
    routes = load(tmp_path / "on.yaml", {}).routes
    assert {route.stage for route in routes} == {Stage.SHADOW}
    assert {route.stage for route in load(tmp_path / "off.yaml", {}).routes} == {Stage.LEGACY}
    assert routes[0].shadow.sample == Share(1.0)
    assert on.path == off.path
    told = json.dumps(envoy_config(1, 2, 3))
    assert '"request_mirror_policies": [{"cluster": "candidate"}]' in told
    assert "candidate" not in json.dumps(envoy_config(1, 2))


def test_the_different_answer_differs_in_one_field() -> None:
    control, candidate = json.loads(BODY), json.loads(shadow.DIFFERENT)
    assert control != candidate
    assert len(shadow.DIFFERENT) == len(BODY)


@pytest.mark.parametrize("mode", ["slow", "huge", "hang", "reset"])
def test_a_candidate_is_no_good_in_its_way(mode: str, tmp_path: Path) -> None:
    port = free_port()
    command = (sys.executable, "-m", "benchmarks.candidate", str(port), mode, "0.01")
    timeout = 0.2 if mode == "hang" else 10
    with running(command, port=port, folder=tmp_path), closing(HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.request("GET", "/")
        if mode in ("hang", "reset"):
            with pytest.raises(TimeoutError if mode == "hang" else ConnectionResetError):
                connection.getresponse()
        else:
            with connection.getresponse() as answer:
                body = answer.read()
            assert len(body) == HUGE if mode == "huge" else body == BODY


def test_one_connection_sends_by_the_clock(tmp_path: Path) -> None:
    port = free_port()
    with running((sys.executable, "-m", "benchmarks.upstream", str(port)), port=port, folder=tmp_path):
        found = one_connection(port, "/", rate=200, seconds=0.1)
    assert (found.requests, found.errors) == (20, 0)
    assert 0 < found.p50 <= found.p99
    assert at_share([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0


def test_a_connection_that_is_closed_is_said(tmp_path: Path) -> None:
    port = free_port()
    closing = f"import socket; s = socket.create_server(('127.0.0.1', {port}))\nwhile 1: c, _ = s.accept(); c.recv(1); c.close()"
    with running((sys.executable, "-c", closing), port=port, folder=tmp_path), pytest.raises((LoadFailed, ConnectionResetError)):
        one_connection(port, "/", rate=10, seconds=0.1)


def test_it_explains_itself_and_knows_its_parts() -> None:
    assert "beside nginx and Envoy" in CliRunner().invoke(shadow.main, ["--help"]).output
    outcome = CliRunner().invoke(shadow.main, ["--parts", "all"])
    assert outcome.exit_code == 2
    assert "there are throughput, different, isolation, memory" in outcome.output


def rounds(requests: int) -> Result:
    return Result(closed=[Round(Load(requests, 1.0, 0, 0.001, 0.002), 0.01, 0.0)])
