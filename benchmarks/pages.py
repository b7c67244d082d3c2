"""How long pages take at the server with a store as a large shop fills it: hundreds of routes, thousands of causes.

Each page is asked several times over the application itself, without a network; what the first one takes, after a start, is told
apart. Beside the time that passes stands the processor time of the process, which other work on the machine does not change.

    python -m benchmarks.pages --routes 300 --causes 2000 --hours 24
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click
import httpx

from strangler.config.load import load
from strangler.control.gathering.witnessed import ARM_CELLS, SERVED
from strangler.control.tally import CELLS
from strangler.core.difference import Kind
from strangler.core.model import Config, Side
from strangler.core.outcome import Outcome
from strangler.core.records import Batch, Cause, Stratum
from strangler.store.store import Store
from tests.unit.web.given import Site

HEAD = """version: 1
store: sqlite:///evidence.db
upstreams: {legacy: {url: "http://127.0.0.1:1"}, modern: {url: "http://127.0.0.1:2"}}
defaults: {sticky: {by: "cookie:user"}}
routes:
"""
BUILD = "2026-11-20.3"


@click.command(help=__doc__)
@click.option("--routes", type=click.IntRange(1), default=300, show_default=True)
@click.option("--causes", type=click.IntRange(1), default=2000, show_default=True)
@click.option("--hours", type=click.IntRange(1), default=24, show_default=True, help="Of traffic, minute by minute.")
@click.option("--samples", type=click.IntRange(1), default=1_000_000, show_default=True, help="Counted pairs in all.")
@click.option("--times", type=click.IntRange(1), default=10, show_default=True, help="How often each page is asked.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Keep the store here; ask one that is there.")
def main(routes: int, causes: int, hours: int, samples: int, times: int, keep: Path | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = keep or Path(name)
        os.environ["XDG_RUNTIME_DIR"] = name
        if not (folder / "evidence.db").exists():
            _make(folder, routes, causes, hours, samples)
        asyncio.run(_ask(folder, times))


def _make(folder: Path, routes: int, causes: int, hours: int, samples: int) -> None:
    folder.mkdir(exist_ok=True)
    lines = (f"  - {{name: route-{number}, match: {{path: /r{number}}}, stage: shadow}}\n" for number in range(routes))
    (folder / "routes.yaml").write_text(HEAD + "".join(lines))
    config = load(folder / "routes.yaml", {})
    begun = time.perf_counter()
    _fill(config, causes, hours, samples)
    size, took = (folder / "evidence.db").stat().st_size / 1e6, time.perf_counter() - begun
    click.echo(f"{routes} routes, {causes} causes, {samples:,} pairs over {hours} h: {size:.0f} MB, made in {took:.0f} s")


def _fill(config: Config, causes: int, hours: int, samples: int) -> None:
    """As `serve` would have, an hour a transaction."""
    store = Store.open(config.store, config.folder)
    run = store.begin_run(time.time() - hours * 3600, "0.1.0")
    for batch in _batches(config, causes, hours, samples):
        store.record(batch, run)
    store.close()


def _batches(config: Config, causes: int, hours: int, samples: int) -> Iterator[Batch]:
    last = int(time.time() // 60)
    each = max(1, samples // (len(config.routes) * hours * 60))
    for hour in range(hours):
        batch = Batch()
        for minute in range(last - (hour + 1) * 60, last - hour * 60):
            for route in config.routes:
                stratum = Stratum(route.name, "shadow", Side.LEGACY, route.rules, BUILD, "GET", "2xx")
                batch.counts[minute, stratum, Outcome.MATCH] = [each, 0]
                batch.arms[minute, route.name, "shadow", "", f"{SERVED}legacy"] = [0, each, *[0] * (CELLS - 2)]
                for side in Side:
                    batch.arms[minute, route.name, "shadow", BUILD, side] = [0] * 8 + [each] + [0] * (ARM_CELLS - 9)
        if hour == 0:
            for number in range(causes):
                route = config.routes[number % len(config.routes)]
                batch.causes[route.name, route.rules, BUILD, Cause(f"$.field_{number}", Kind.VALUE)] = [number + 1, time.time()]
        yield batch


async def _ask(folder: Path, times: int) -> None:
    site = Site(folder)
    headers = {"authorization": f"Bearer {site.token}"}
    transport = httpx.ASGITransport(app=site.app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8081", headers=headers, trust_env=False
    ) as client:
        cause = (await client.get("/api/diffs?route=route-1")).json()["routes"][0]["causes"][0]["id"]
        for path in ("/", "/routes/route-1", f"/causes/{cause}", "/journal", "/data", "/progress", "/api/status"):
            took, busy = [], 0.0
            for turn in range(times + 1):
                begun, worked = time.perf_counter(), time.process_time()
                found = await client.get(path)
                took.append(time.perf_counter() - begun)
                busy += (time.process_time() - worked) if turn else 0.0
                assert found.status_code == 200, found.text
                await asyncio.sleep(0.05)
            first, *others = took
            others.sort()
            middle, most = others[len(others) // 2] * 1000, others[-1] * 1000
            words = f"first {first * 1000:7.0f} ms, then {middle:6.0f} ms in the middle, {most:6.0f} ms at most"
            words += f" ({busy / times * 1000:.0f} ms of processor)"
            click.echo(f"{path:24} {words}, {len(found.content) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
