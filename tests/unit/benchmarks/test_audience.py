"""The short form of `python -m benchmarks.audience`: what a connection that stays costs a worker in memory."""

import sys

import pytest
import uvloop
from click.testing import CliRunner

from benchmarks import audience, contenders
from benchmarks.audience import Verdict, main, measure

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc, which only Linux has")


def test_streams_and_websockets_are_served_in_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "EVERY", 0.5)
    verdict = uvloop.run(measure(400, 100, 1, 1, None, None))
    assert (verdict.connections, verdict.lost) == (500, 0)
    assert verdict.good, verdict


@pytest.mark.parametrize(
    ("verdict", "good"),
    [
        (Verdict(10, 24.0, 0), True),
        (Verdict(10, 24.1, 0), False),
        (Verdict(10, 1.0, 1), False),
        (Verdict(10, 1.0, 0, (0.001, 0.002, 0.009), (0.001, 0.004, 0.009)), True),
        (Verdict(10, 1.0, 0, (0.001,), (0.0021,)), False),
    ],
)
def test_the_verdict(verdict: Verdict, good: bool) -> None:
    assert verdict.good is good


def test_without_a_load_generator_it_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders.shutil, "which", lambda *_, **__: None)  # type: ignore[attr-defined]
    outcome = CliRunner().invoke(main, ["--streams", "1", "--sockets", "1"])
    assert outcome.exit_code == 1
    assert "say --no-load" in outcome.output
