"""Processes that end with the demo, and folders that are known to be nobody's any more, however the demo was ended."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "strangler-demo-"
LOCK = "held"
_PDEATHSIG = 1  # prctl(2): the signal that a process gets when the one that started it dies


def tied() -> Callable[[], None] | None:
    """What a child does before it becomes another program, so that it ends when this process is killed; None where no system
    call does that."""
    if not sys.platform.startswith("linux"):
        return None
    libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()

    def tie() -> None:
        libc.prctl(_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died just before
            os._exit(1)

    return tie


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Say that somebody lives in a folder, in a way that a kill ends too."""
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sweep(place: Path | None = None) -> list[Path]:
    """Remove what demos that were killed have left in the temporary folder; what was removed. Folders of others, and those in
    which somebody lives, stay."""
    found = []
    for folder in (place or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid() and not folder.is_symlink() and _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)
                found.append(folder)
    return found


def _is_left(folder: Path) -> bool:
    """Raises OSError if nobody has ever said that he lives there: he may be about to."""
    with (folder / LOCK).open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
