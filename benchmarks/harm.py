"""What is done to the processes of a cutover, to its databases and to its disk, and until when that lasts."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from tests.e2e.control.cutting import Cutting
from tests.servers import mariadb

PROCESSES = {"worker": "worker", "control": "web.admin", "data": "cli.data_process"}  # what their commands name
SIDES = {"old": "legacy", "new": "modern"}
SETTLES = 60.0  # seconds that everything has to name one owner
_ROOM = "16m"  # of a disk that will be full


def restart(server: Any) -> None:
    """Not in good order."""
    server.stop(*((signal.SIGKILL,) if isinstance(server, mariadb.Server) else ()))
    server.start()


async def kill(cutting: Cutting, victim: str, servers: Mapping[str, Any]) -> None:
    """A process, the supervisor, or a server by its name here; whoever does not come back by itself is started again."""
    if victim in servers:
        await asyncio.to_thread(restart, servers[victim])
    elif victim == "supervisor":
        cutting.serving.process.kill()
        await cutting.serving.end()
        await cutting.serving.start()
    elif victim in PROCESSES:
        send(cutting, victim, signal.SIGKILL)


def send(cutting: Cutting, victim: str, number: signal.Signals) -> int:
    """Its pid; 0 if it is not there just now."""
    with suppress(StopIteration, ProcessLookupError):
        pid = cutting.pid_of(PROCESSES[victim])
        os.kill(pid, number)
        return pid
    return 0


async def settles(cutting: Cutting) -> str:
    """Wait until everything names one owner, who answers a write; that side."""
    async with asyncio.timeout(SETTLES):
        while cutting.record.move is not None or len(await said_by_databases(cutting)) != 1:
            await asyncio.sleep(0.02)
        number = random.randrange(10_000_000, 99_000_000)
        while (said := await cutting.ask("POST", str(number)))[0] != 200:
            number += 1
            await asyncio.sleep(0.02)
        owner = cutting.owners()[0]
        assert said[1] == SIDES[owner], f"{said[1]} keeps what {owner} owns"
        return owner


async def said_by_databases(cutting: Cutting) -> set[str]:
    """Every side that a database names as the owner; none if one of them does not answer."""
    with suppress(DBAPIError):
        return set(await asyncio.to_thread(cutting.owners))
    return set()


@contextmanager
def disk(folder: Path) -> Iterator[bool]:
    """A small disk of its own at `folder`, while the block lasts; whether there is one: only root may have it."""
    made = os.geteuid() == 0 and not _run("mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", str(folder))
    try:
        yield made
    finally:
        if made:
            _run("umount", "--lazy", str(folder))


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Not a byte is left on the disk while the block lasts."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                _write(file.fileno())
        yield
    finally:
        filler.unlink()


def _write(file: int) -> None:
    """Large pieces, and then small ones, down to the last page."""
    for size in (2**20, 2**12):
        try:
            while True:
                os.write(file, bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _run(*command: str) -> int:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode
