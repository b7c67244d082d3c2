"""The short form of `python -m benchmarks.streams`: a worker's memory, as the system sees it, under large bodies."""

import sys

import pytest

from benchmarks import streams

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc, which only Linux has")


def test_large_bodies_pass_in_little_memory_and_slow_readers_slow_their_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PAUSE_SECONDS", 0.2)
    outcomes = streams.run(96 * 2**20)
    assert len(outcomes) == 8
    assert [str(outcome) for outcome in outcomes if not outcome.good] == []
