"""The benchmark of the engine: it starts, says what is missing, counts right, and leaves no process behind."""

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import contenders
from benchmarks.contenders import Contender
from benchmarks.load import Load, LoadFailed, between
from benchmarks.processes import NotStarted, cpu_seconds, free_port, resident_mib, running, tree
from benchmarks.proxy import WrongAnswer, calmest, check, check_log, choose, main
from benchmarks.report import Result, Round, closed_table, costs, open_table, rate, ratios

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc, which only Linux has")

NOTHING = dict.fromkeys(("nginx", "envoy", "mitmproxy"))


def test_what_is_not_there_is_said_and_without_a_load_generator_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders.shutil, "which", lambda *_, **__: None)  # type: ignore[attr-defined]
    outcome = CliRunner().invoke(main, ["--envoy", "/opt/envoy"])
    assert outcome.exit_code == 1
    assert "envoy: missing, there is no envoy at /opt/envoy" in outcome.output
    for name in ("nginx", "mitmproxy", "wrk", "h2load"):
        assert f"{name}: missing, there is no" in outcome.output
    assert "without wrk nothing can be measured" in outcome.output


def test_it_explains_itself() -> None:
    outcome = CliRunner().invoke(main, ["--help"])
    assert outcome.exit_code == 0
    assert "nginx, Envoy and mitmproxy" in outcome.output


@pytest.mark.parametrize("routes", ["", "0", "10,10", "ten"])
def test_routes_must_be_different_numbers(routes: str) -> None:
    assert CliRunner().invoke(main, ["--routes", routes]).exit_code == 2


def test_strangler_serves_the_answer_of_the_fixed_upstream_and_both_stop(tmp_path: Path) -> None:
    upstream = contenders.fixed_upstream(None, tmp_path)
    direct, proxy, more, log = choose(NOTHING, [4, 8], [], tmp_path, upstream.port)
    assert [one.name for one in (proxy, more, log)] == ["strangler", "strangler-8", "strangler-log"]
    with running(upstream.command, port=upstream.port, folder=tmp_path):
        check(direct)
        with running(log.command, port=log.port, folder=tmp_path) as pid:
            check(log)
            check_log(log, 2)
            assert pid in tree(os.getpid())
            assert cpu_seconds(pid) > 0
            assert resident_mib(pid) > 1
    assert '"route": "part-2"' in (tmp_path / "access.log").read_text()
    assert tree(pid) == [pid]
    assert resident_mib(pid) == 0


def test_a_process_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    port = free_port()
    deaf = f"import signal, socket; signal.signal(15, 1); s = socket.create_server(('127.0.0.1', {port})); signal.pause()"
    with running((sys.executable, "-c", deaf), port=port, folder=tmp_path, patience=0.1) as pid:
        pass
    assert cpu_seconds(pid) == 0


def test_a_process_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(NotStarted, match="no such thing"),
        running((sys.executable, "-c", "raise SystemExit('no such thing')"), port=free_port(), folder=tmp_path),
    ):
        pass


def test_who_answers_something_else_is_not_compared(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(WrongAnswer, match="logged 0 of 1"):
        check_log(Contender("silent", (), 0, "/", "", tmp_path / "empty"), 1, patience=0)
    with pytest.raises(WrongAnswer, match="does not answer"):
        check(Contender("nobody", (), free_port(), "/", ""))
    port = free_port()
    other = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
    with running(other, port=port, folder=tmp_path), pytest.raises(WrongAnswer, match=r"other answers \(404"):
        check(Contender("other", (), port, "/nothing", ""))


def test_the_open_loop_counts_what_was_sent_while_all_connections_sent() -> None:
    rows = [
        (at * 1000, 200, taken) for at, taken in ((0, 9000), (500, 1000), (600, 2000), (700, 3000), (1400, 4000), (1500, 9000))
    ]
    load = between([*rows, (900_000, 503, 2500)], 0.5, 1.5, rate=5)
    assert (load.requests, load.errors, load.p50, load.p99, load.achieved) == (5, 1, 0.0025, 0.004, 1.0)
    with pytest.raises(LoadFailed):
        between(rows, 2.0, 3.0, rate=5)


def test_ratios_are_of_pairs_of_one_round() -> None:
    results = {"strangler": rounds(100, 400), "nginx": rounds(200, 500), "strangler-log": rounds(90, 380)}
    assert ratios(results, "strangler", "nginx", rate) == [0.5, 0.8]
    assert ratios(results, "strangler", "envoy", rate) == []
    assert "7.5% fewer requests/s (5.0% to 10.0%)" in costs(results, "strangler")[0]
    assert "0.65 (0.50–0.80)" in closed_table(results, ["nginx"])


def test_an_open_loop_that_fell_behind_says_so() -> None:
    slow = Round(Load(80, 1.0, 0, 0.001, 0.002, achieved=0.8), 0.0, 0.0)
    assert "80 (80% of it)" in open_table({"nginx": Result(opened=[slow])}, 0.3)


def test_a_disturbed_run_is_repeated_and_the_calmest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter([0.9, 0.4, 0.6, 0.5, 0.1, 0.0])
    monkeypatch.setattr("benchmarks.proxy.measure", lambda pid, run: Round(run(), 0.0, next(taken)))
    load = Load(1, 1.0, 0, 0.1, 0.1)
    assert calmest(0.25, None, lambda: load).elsewhere == 0.4
    assert calmest(0.25, None, lambda: load).elsewhere == 0.1


def rounds(*rates: int) -> Result:
    return Result(closed=[Round(Load(requests, 1.0, 0, 0.001, 0.002), 0.01, 0.0) for requests in rates])
