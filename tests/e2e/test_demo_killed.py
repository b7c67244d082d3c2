"""A demo without a network and as nobody, where that can be had, that is killed: no process, no port; the next one sweeps."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.demo import NOBODY, Demo, folders, leaving_all_behind

WORDS = "open http://"  # everything runs by then


def can_be_left() -> bool:
    """Whether this machine lets root make a namespace."""
    command = leaving_all_behind()
    return bool(command) and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where nobody may look, too: what pytest makes is its user's alone."""
    with folders(1) as (made,):
        yield made


@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare and setpriv")
@pytest.mark.timeout(600)
def test_what_a_killed_demo_leaves_is_swept_by_the_next(folder: Path) -> None:
    if not can_be_left():
        pytest.skip("only root can leave network and rights behind")
    killed = Demo(folder, alone=True)
    try:
        url = re.search(r"http://127\.0\.0\.1:(\d+)", killed.until(WORDS))
        assert url is not None
        assert len(killed.processes()) > 5
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in killed.processes()} == {int(NOBODY)}
        with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", int(url[1])), 5):
            pass  # it is on a loopback of its own
    finally:
        killed.process.kill()
        killed.process.communicate()
    assert killed.is_gone(), [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in killed.processes()]
    (before,) = killed.files()
    again = Demo(folder, alone=True)
    try:
        again.until("Two shops")
        assert before not in again.files()
        assert len(again.files()) == 1
    finally:
        again.process.send_signal(signal.SIGINT)
        again.process.communicate(timeout=60)
    assert again.is_gone()
    assert again.files() == []
