"""What a demo that was killed leaves: no process, and a folder that the next one sweeps, unless somebody lives in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from strangler.demo.leash import PREFIX, held, sweep

KILLED = """
import os, subprocess, sys
from strangler.demo.leash import tied
child = subprocess.Popen([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"], preexec_fn=tied())
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a process with the one that started it")
def test_a_part_ends_with_a_demo_that_is_killed() -> None:
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", KILLED], stdout=write) as demo:
        os.close(write)
        assert demo.wait() == -signal.SIGKILL
        with os.fdopen(read, "rb") as said:
            assert said.read().split()[0].isdigit(), "whoever holds the other end has gone, the part too"


ORPHANED = """
import os
from strangler.demo.leash import tied
tie = tied()
if os.fork() == 0:
    if os.fork() == 0:  # its parent is not the one that was to be tied to: as if that had died before
        tie()
        os._exit(0)
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux ends a process with the one that started it")
def test_a_part_whose_demo_is_dead_before_it_is_tied_ends_at_once() -> None:
    said = subprocess.run([sys.executable, "-c", ORPHANED], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1"]


def test_a_folder_of_another_user_is_not_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = left(tmp_path, "gone")
    monkeypatch.setattr(os, "getuid", lambda: folder.stat().st_uid + 1)
    assert sweep(tmp_path) == []
    assert folder.exists()


def left(place: Path, name: str) -> Path:
    folder = place / f"{PREFIX}{name}"
    folder.mkdir()
    with held(folder):
        (folder / "strangler.db").write_text("")
    return folder


def test_what_was_left_is_swept_and_what_somebody_lives_in_is_not(tmp_path: Path) -> None:
    gone, lived_in = left(tmp_path, "gone"), left(tmp_path, "lived-in")
    just_made = tmp_path / f"{PREFIX}just-made"
    just_made.mkdir()
    (tmp_path / "somebody-elses").mkdir()
    with held(tmp_path / "somebody-elses"):
        pass
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "somebody-elses")
    with held(lived_in):
        assert sweep(tmp_path) == [gone]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [lived_in.name, just_made.name, "somebody-elses", f"{PREFIX}link"]
    )
    assert sweep(tmp_path) == [lived_in]
