"""Ends the servers of a folder and removes it once whoever started them has gone, in whatever way: once standard input closes.

A process of its own, `python watcher.py FOLDER`, which imports nothing of ours and leaves signals for the terminal's group alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

PATIENCE = 10.0  # seconds that a server gets to end by itself


def naming(folder: str) -> list[int]:
    """Processes whose command names the folder, but for this one."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], stdout=subprocess.PIPE, text=True, errors="replace").stdout
    found = [line.split(None, 1) for line in listed.splitlines() if folder in line]
    return [int(pid) for pid, _ in found if int(pid) != os.getpid()]


def end(folder: str) -> None:
    """PostgreSQL's main process takes the others along when it is told to quit, and not when it is killed."""
    for how in (signal.SIGQUIT, signal.SIGKILL):
        ends = time.monotonic() + PATIENCE
        for pid in naming(folder):
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        while naming(folder) and time.monotonic() < ends:
            time.sleep(0.1)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end(sys.argv[1])
    shutil.rmtree(sys.argv[1], ignore_errors=True)
