"""A server's folder, which is gone with its test process, and running its programs as whoever may: most refuse to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import watcher


@contextmanager
def temporary(prefix: str, *users: str) -> Iterator[Path]:
    """A folder for a server. After the block, or when this process is killed, what runs in it ends and it is removed."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))  # a short path: that of a socket must be
    give(folder, *users)
    command = [sys.executable, "-I", watcher.__file__, str(folder)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, cwd="/", start_new_session=True):
        yield folder


def give(folder: Path, *users: str) -> None:
    """Make a folder that of the user who will run the server."""
    if owner := user(*users):
        shutil.chown(folder, owner)


def user(*users: str) -> str | None:
    """The first of these users, or nobody, that exists; None if we are not root."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name for each in pwd.getpwall()}
    return next((name for name in (*users, "nobody") if name in known), None)


def run(owner: str, *command: str) -> None:
    """Run a program to its end. Its output goes into a file: a server that it starts would keep a pipe open."""
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(
            command, user=user(owner), cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, timeout=60
        )
        said.seek(0)
        assert done.returncode == 0, f"{command}: {said.read().decode()}"
