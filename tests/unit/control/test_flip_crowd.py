"""Many flips at once, while an editor saves over them. The long form is a command: python -m benchmarks.flips."""

from __future__ import annotations

from pathlib import Path

from benchmarks.flips import run


def test_flips_from_several_processes_and_an_editor_lose_nothing_and_are_journalled_once(tmp_path: Path) -> None:
    report = run(tmp_path, flips=100, processes=4, saves=100)
    assert report.good, report
    assert report.accepted > 20
    assert set(report.refused) <= {"Refused", "Refusal"}, "held, or nothing to roll back"
    assert report.looks > 20
