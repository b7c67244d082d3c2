"""Several stores over one file in one process: opening another must not end the locks that the first one has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from strangler.core.records import Batch
from strangler.store.store import Store

URL = "sqlite:///strangler.db"
VISIT = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM strangler_runs').fetchall(); c.close()"


def test_whoever_comes_and_goes_takes_the_log_from_nobody(tmp_path: Path) -> None:
    first = Store.open(URL, tmp_path)
    run = first.begin_run(1.0, "0.1.0")
    Store.open(URL, tmp_path, read_only=True).close()
    log = (tmp_path / "strangler.db-wal").stat().st_ino
    subprocess.run([sys.executable, "-c", VISIT, str(tmp_path / "strangler.db")], check=True)
    assert (tmp_path / "strangler.db-wal").stat().st_ino == log
    first.record(Batch(worker_counts={("read", "seen"): 3}), run)
    other = Store.open(URL, tmp_path, read_only=True)
    assert other.ledger(route="read").seen == 3
    other.close()
    first.close()


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    Store.open(URL, tmp_path).close()
    assert (tmp_path / "strangler.db").stat().st_mode & 0o777 == 0o600
