"""Processes that a benchmark starts: always stopped, their CPU time and memory read from /proc (Linux)."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")
_MIB = 2**20


class NotStarted(Exception):
    """A process ended, or did not listen in time; the message holds the end of its output."""


@contextmanager
def running(command: Sequence[str], *, port: int, folder: Path, patience: float = STOP_SECONDS) -> Iterator[int]:
    """Run `command` until it listens on `port`, and for the length of the block; gives its pid.

    At the end it is told to stop, and after `patience` seconds it and all that it started is killed.
    """
    output = folder / f"output-{port}"
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        if not _listens(process, port):
            tail = output.read_text(errors="replace")[-2000:]
            raise NotStarted(f"{' '.join(command)} does not listen on port {port}\n{tail}")
        yield process.pid
    finally:
        _stop(process, patience)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def tree(root: int) -> list[int]:
    """A process and all its descendants."""
    parents = {int(entry.name): _parent(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(root: int) -> float:
    """Time on a CPU, user and system, of a process and its living descendants."""
    return sum(_ticks(pid) for pid in tree(root)) / _TICKS


def resident_mib(root: int) -> float:
    """Resident memory of a process and its descendants; pages they share count for each."""
    return sum(_pages(pid) for pid in tree(root)) * os.sysconf("SC_PAGE_SIZE") / _MIB


def peak_mib(pid: int) -> float:
    """The most resident memory that a process has had, since the start or since `restart_peak`."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def restart_peak(pid: int) -> None:
    """Forget the most that a process has had so far."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def workers(root: int) -> list[int]:
    """The workers of a `strangler serve`."""
    return [pid for pid in tree(root) if b"control.worker" in _command(pid)]


def busy_elsewhere() -> float:
    """Seconds of CPU that this machine has spent on others than this process and its descendants, since some time."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return _machine_seconds() - cpu_seconds(os.getpid()) - ended.ru_utime - ended.ru_stime


def _machine_seconds() -> float:
    user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / _TICKS


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes], patience: float) -> None:
    """End the whole group, gently first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def _stat(folder: Path) -> list[str]:
    """The fields of /proc/PID/stat from the third on; empty if the process has gone."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _parent(folder: Path) -> int:
    fields = _stat(folder)
    return int(fields[1]) if fields else 0


def _ticks(pid: int) -> int:
    fields = _stat(Path(f"/proc/{pid}"))
    return int(fields[11]) + int(fields[12]) if fields else 0


def _pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
