"""Reloads, stage changes, upgrades and killed workers under full load: every request that fails is counted and named.

python -m benchmarks.reload --reloads 200
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import click

from benchmarks.crowd import Crowd
from benchmarks.processes import free_port, running, tree

_SECONDS = 60.0  # that one step may take
_FILE = """version: 1
listen: [{{address: "127.0.0.1:{port}"}}]
admin: {{address: "127.0.0.1:0"}}
workers: {workers}
reload: trusted
upstreams: {{legacy: {{url: "http://127.0.0.1:{upstream}"}}, modern: {{url: "http://127.0.0.1:{upstream}"}}}}
routes:
  - {{name: page, match: {{path: "/page/{{id}}"}}, stage: {stage}}}
"""


@dataclass(slots=True)
class Proxy:
    """Strangler on a file, restarted and reloaded by whoever tries it."""

    file: Path
    port: int
    workers: int
    upstream: int
    process: Process | None = None
    steps: int = 0

    def write(self) -> None:
        stage = ("legacy", "modern")[self.steps % 2]
        new = self.file.with_suffix(".new")
        new.write_text(_FILE.format(port=self.port, workers=self.workers, upstream=self.upstream, stage=stage))
        new.replace(self.file)

    async def start(self, *arguments: str) -> None:
        self.write()
        command = (sys.executable, "-m", "strangler", "serve", "-c", str(self.file), *arguments)
        self.process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL)
        await self._line(b"serves")

    async def reload(self) -> None:
        """Change the stage of the route, and wait until every worker has acknowledged it."""
        assert self.process is not None
        self.write()
        self.process.send_signal(signal.SIGHUP)
        await self._line(b"reloaded")

    async def upgrade(self) -> None:
        """Start a successor, and wait until the old one has gone."""
        old = self.process
        await self.start("--takeover")
        assert old is not None
        await asyncio.wait_for(old.wait(), _SECONDS)

    async def kill_a_worker(self) -> None:
        """Kill one with SIGKILL, and wait until another has its place."""
        before = set(self._workers())
        os.kill(min(before), signal.SIGKILL)
        while len(set(self._workers()) - before) < 1:
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.terminate()
            await self.process.wait()

    def _workers(self) -> list[int]:
        assert self.process is not None
        return [pid for pid in tree(self.process.pid) if b"control.worker" in _command(pid)]

    async def _line(self, text: bytes) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(_SECONDS):
            while line := await self.process.stdout.readline():
                if text in line:
                    return
        raise click.ClickException(f"the proxy ended before it said {text.decode()!r}")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def disturb(proxy: Proxy, crowd: Crowd, what: str, step: Callable[[], Awaitable[None]], count: int) -> str:
    """Do something so many times while the crowd asks; what came of it, in words."""
    answered, failed, took = crowd.answered, len(crowd.failures), []
    for _ in range(count):
        proxy.steps += 1
        started = perf_counter()
        await step()
        took.append(perf_counter() - started)
        await crowd.progress(crowd.clients)
    failures = Counter(f"{failure.what} after {'sending' if failure.sent else 'nothing'}" for failure in crowd.failures[failed:])
    named = "".join(f"\n    {number} × {text}" for text, number in failures.most_common())
    times = f"median {median(took) * 1000:.0f} ms, longest {max(took) * 1000:.0f} ms" if took else "never"
    return f"{count} {what} ({times}): {crowd.answered - answered:,} answered, {sum(failures.values())} failed{named}"


async def run(reloads: int, upgrades: int, kills: int, workers: int, clients: int) -> bool:
    """All of it; whether no request failed that must not."""
    with tempfile.TemporaryDirectory(prefix="strangler-benchmark-") as folder:
        port = free_port()
        command = (sys.executable, "-m", "benchmarks.upstream", str(port))
        with running(command, port=port, folder=Path(folder)):
            proxy = Proxy(Path(folder, "routes.yaml"), free_port(), workers, port)
            try:
                await proxy.start()
                async with Crowd(proxy.port, clients, "/page/1", pause=0.0) as crowd:
                    click.echo(await disturb(proxy, crowd, "reloads with a stage change", proxy.reload, reloads))
                    click.echo(await disturb(proxy, crowd, "takeovers", proxy.upgrade, upgrades))
                    sound = not crowd.failures
                    click.echo(await disturb(proxy, crowd, "workers killed", proxy.kill_a_worker, kills))
                    return sound and all(failure.sent for failure in crowd.failures)
            finally:
                await proxy.stop()


@click.command()
@click.option("--reloads", type=click.IntRange(0, 1000), default=200, show_default=True)
@click.option("--takeovers", type=click.IntRange(0, 100), default=5, show_default=True)
@click.option("--kills", type=click.IntRange(0, 100), default=5, show_default=True, help="Of a worker, with SIGKILL.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True)
@click.option("--clients", type=click.IntRange(1, 256), default=32, show_default=True, help="Each asks without a pause.")
def main(reloads: int, takeovers: int, kills: int, workers: int, clients: int) -> None:
    """Disturb the proxy under full load. Exit code 3 if a request failed that was not in a killed worker."""
    sys.exit(0 if asyncio.run(run(reloads, takeovers, kills, workers, clients)) else 3)


if __name__ == "__main__":
    main()
