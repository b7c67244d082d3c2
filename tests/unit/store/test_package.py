"""The migrations travel with the package: without them, no installed store could be opened."""

from __future__ import annotations

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

from strangler.store.revision import known

ROOT = Path(__file__).parents[3]


def test_every_migration_is_in_the_wheel() -> None:
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert "strangler/store/migrations/env.py" in shipped
    steps = {path for path in shipped if path.startswith("strangler/store/migrations/versions/v")}
    assert len(steps) == len(known())
