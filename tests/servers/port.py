"""Ports for servers of our own, and waiting until they answer."""

from __future__ import annotations

import socket
import subprocess
import time

STARTS = 120.0  # seconds, on a busy machine


def free() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until a server listens there."""
    ends = time.monotonic() + STARTS
    while not answers(port):
        assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
        assert time.monotonic() < ends, f"{process.args!r} does not answer"
        time.sleep(0.02)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
