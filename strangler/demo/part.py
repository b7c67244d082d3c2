"""A part of the demo that runs as a process of its own."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strangler.core.errors import UnreachableError
from strangler.demo.leash import tied

SILENCE = "nothing"
START_SECONDS = 60.0  # on a machine that has a lot to do, too
STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a command: exit code, standard output, standard error."""

    code: int
    output: str
    complaints: str


class Part:
    """One child process: started, known to be ready by a line it prints, stopped with SIGTERM and then SIGKILL.

    Attributes:
        ready: the line by which it was known to be ready.
    """

    def __init__(self, name: str, process: Process) -> None:
        self.name, self.process, self.ready = name, process, ""
        self._complaints = asyncio.create_task(process.stderr.read() if process.stderr else asyncio.sleep(0, b""))

    @property
    def running(self) -> bool:
        return self.process.returncode is None

    async def stop(self) -> None:
        """Stop it, and wait until it is gone."""
        if self.running:
            with suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        await self._complaints

    async def complaints(self) -> str:
        """What it wrote to standard error, once it has ended."""
        return (await self._complaints).decode(errors="replace").strip() or SILENCE

    async def until(self, text: str) -> None:
        """Wait for a line of its output that holds `text`. Raises UnreachableError if none comes in time."""
        try:
            self.ready = await asyncio.wait_for(self._line_with(text), START_SECONDS)
        except (TimeoutError, EOFError):
            await self.stop()
            raise UnreachableError(f"{self.name} never said {text!r}; it complained: {await self.complaints()}") from None

    async def _line_with(self, text: str) -> str:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if text in line.decode(errors="replace"):
                return line.decode(errors="replace").strip()
        raise EOFError

    async def output(self) -> str:
        """What it prints until it ends, and nothing of what it complained about."""
        text = await self.process.stdout.read() if self.process.stdout else b""
        await self.process.wait()
        return text.decode()


async def start(name: str, *arguments: str, environ: Mapping[str, str], ready: str = "", folder: Path | None = None) -> Part:
    """Run ``python -m ARGUMENTS``, in a folder; with `ready`, wait until a line with that text comes.

    Raises UnreachableError with what it said if it ends first, or does not get ready in time.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env=dict(environ),
        cwd=folder,
        preexec_fn=tied(),
    )
    part = Part(name, process)
    try:
        if ready:
            await part.until(ready)
    except asyncio.CancelledError:
        await part.stop()
        raise
    return part


async def run(name: str, *arguments: str, environ: Mapping[str, str], folder: Path | None = None) -> Ended:
    """Run ``python -m ARGUMENTS`` to its end."""
    part = await start(name, *arguments, environ=environ, folder=folder)
    try:
        output = await part.output()
    finally:
        await part.stop()
    assert part.process.returncode is not None
    return Ended(part.process.returncode, output, await part.complaints())


async def succeed(name: str, *arguments: str, environ: Mapping[str, str]) -> None:
    """The same; raises UnreachableError with what it said if that was not success."""
    ended = await run(name, *arguments, environ=environ)
    if ended.code:
        raise UnreachableError(f"{name} failed; it complained: {ended.complaints}")


async def together(*doing: Coroutine[Any, Any, object]) -> None:
    """Do several things at once, until all are done. Raises the first error, when the others are ended."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in doing:
                group.create_task(each)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
