"""`strangler serve` as a process, with everything a test does to it, and an upstream that answers when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SECONDS = 90.0  # that anything may take on a busy machine

FILE = """version: 1
listen: [{{address: "{listen}"}}]
admin: {{address: "{admin}"}}
workers: {workers}
reload: {reload}
log: {{access: {log}}}
upstreams: {{legacy: {{url: "http://127.0.0.1:{legacy}"}}, modern: {{url: "http://127.0.0.1:{modern}"}}}}
routes:
  - {{name: shop, match: {{path: "/shop/{{id}}"}}, stage: {stage}, unsafe: independent}}
"""

# What the command does, with less patience than people are offered.
IMPATIENT = (
    "import sys; from pathlib import Path; from strangler.control.supervisor import Order, Supervisor; "
    "Supervisor(Order(Path(sys.argv[1]), patience=2.0)).run()"
)


@dataclass
class Upstream:
    """Answers with its name; at /slow only after `release` is set."""

    name: str
    port: int = 0
    asked: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> Upstream:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                if b" /slow " in head.split(b"\r\n", 1)[0] + b" ":
                    self.waiting.set()
                    await self.release.wait()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(self.name), self.name.encode()))
        writer.close()


@dataclass
class Serving:
    """A file, and the processes that serve it."""

    folder: Path
    legacy: Upstream
    modern: Upstream
    port: int
    admin: int
    mark: str
    workers: int = 2
    log: str = "off"
    processes: list[Process] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "routes.yaml"

    @property
    def runtime(self) -> Path:
        """Where the supervisors of this test find each other."""
        return self.folder / f"strangler-{os.geteuid()}"

    @property
    def process(self) -> Process:
        return self.processes[-1]

    def write(self, stage: str = "legacy", **other: object) -> None:
        """Put a file in its place in one step, as an editor does."""
        values: dict[str, object] = {
            "listen": f"127.0.0.1:{self.port}",
            "admin": f"127.0.0.1:{self.admin}",
            "workers": self.workers,
            "log": self.log,
            "legacy": self.legacy.port,
            "modern": self.modern.port,
            "stage": stage,
            "reload": "trusted",
        }
        self.put(FILE.format(**{**values, **other}))

    def put(self, text: str) -> None:
        new = self.folder / "new.yaml"
        new.write_text(text, encoding="utf-8")
        new.replace(self.file)

    async def launch(self, *arguments: str, impatient: bool = False, environ: dict[str, str] | None = None) -> Process:
        """Start, and do not wait for anything."""
        what = ["-c", IMPATIENT, str(self.file)] if impatient else ["-m", "strangler", "serve", "-c", str(self.file)]
        environ = {**os.environ, "STRANGLER_TEST_MARK": self.mark, "XDG_RUNTIME_DIR": str(self.folder), **(environ or {})}
        process = await asyncio.create_subprocess_exec(
            sys.executable, *what, *arguments, stdout=PIPE, stderr=PIPE, env=environ, cwd=self.folder
        )
        self.processes.append(process)
        return process

    async def start(self, *arguments: str, impatient: bool = False, environ: dict[str, str] | None = None) -> Process:
        process = await self.launch(*arguments, impatient=impatient, environ=environ)
        await self.line("serves")
        return process

    async def line(self, text: str, process: Process | None = None) -> str:
        """Wait for a line on standard output that holds `text`."""
        stream = (process or self.process).stdout
        assert stream is not None
        async with asyncio.timeout(SECONDS):
            while raw := await stream.readline():
                self.said.append(raw.decode())
                if text in self.said[-1]:
                    return self.said[-1].strip()
        raise AssertionError(f"no line with {text!r}, but {self.said} and {await self.complaints(process)}")

    async def complaint(self, text: str, process: Process | None = None) -> str:
        """Wait for a line on standard error that holds `text`."""
        stream = (process or self.process).stderr
        assert stream is not None
        async with asyncio.timeout(SECONDS):
            while raw := await stream.readline():
                if text in raw.decode():
                    return raw.decode().strip()
        raise AssertionError(f"no line with {text!r}")

    async def complaints(self, process: Process | None = None) -> str:
        """All of standard error that has not been read, once the process has ended."""
        stream = (process or self.process).stderr
        assert stream is not None
        async with asyncio.timeout(SECONDS):
            return (await stream.read()).decode()

    async def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)
        await self.line("reloaded")

    async def end(self, process: Process | None = None) -> int:
        """Wait until a process has ended, whoever still holds its output; its exit code."""
        ended = process or self.process
        await self.until(lambda: ended.returncode is not None)
        assert ended.returncode is not None
        return ended.returncode

    async def stop(self) -> int:
        self.process.terminate()
        return await self.end()

    def children(self, name: str = "") -> list[int]:
        """Processes of this test whose command names `name`, but for the supervisors."""
        ours = ("strangler.control.", "strangler.web.")
        found = {pid: command(pid).partition("{")[0] for pid in marked(self.mark)}  # settings name a folder, and that anything
        return [pid for pid, said in found.items() if name in said and any(room in said for room in ours)]

    async def ask(self, path: str) -> httpx.Response:
        """Ask the admin address."""
        async with httpx.AsyncClient(trust_env=False, timeout=SECONDS, verify=False) as client:  # no TLS: no authorities to read
            return await client.get(f"http://127.0.0.1:{self.admin}{path}")

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for something that no line announces."""
        async with asyncio.timeout(SECONDS):
            while not holds():
                await asyncio.sleep(0.02)

    async def state(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until what /readyz says fulfils a condition."""
        async with asyncio.timeout(SECONDS):
            while not holds(state := (await self.ask("/readyz")).json()):
                await asyncio.sleep(0.02)
        found: dict[str, Any] = state
        return found

    async def close(self) -> None:
        """Whatever has happened: nothing is left."""
        for pid in marked(self.mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.processes:
            assert process.stdout is not None
            await process.stdout.read()
            await self.complaints(process)
            await process.wait()
        await self.until(lambda: not marked(self.mark))
        await self.legacy.close()
        await self.modern.close()


def marked(mark: str) -> list[int]:
    """Living processes whose environment holds the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and f"STRANGLER_TEST_MARK={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return sorted(found)


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
