"""The automatic ladder through real processes: a route climbs on its evidence, and comes down when modern turns bad."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from itertools import count
from typing import Any

import httpx

from strangler.config.load import load
from strangler.control.flipping.spool import Spool
from strangler.control.journal import Journal
from strangler.core.flip import place_of
from strangler.core.journal import LADDER, Kind
from tests.e2e.control.serving import SECONDS, Serving, Upstream
from tests.exposition import parse, total

FILE = """version: 1
listen: [{{address: "127.0.0.1:{port}"}}]
admin: {{address: "127.0.0.1:{admin}"}}
workers: 2
upstreams:
  legacy: {{url: "http://127.0.0.1:{legacy}"}}
  modern: {{url: "http://127.0.0.1:{modern}", version: "header:x-build"}}
routes:
  - name: shop
    match: {{path: "/shop/{{id}}", methods: [GET]}}
    stage: shadow
    sticky: {{by: "header:x-user"}}
    ladder: {{auto: true, steps: [50%, 100%], dwell: {dwell}}}
    guard: {{match_rate: 90%, confidence: 80%, coverage: 50%, error_increase: 20%, latency_ratio: 50}}
notify: {{webhook: "http://127.0.0.1:{hook}/SECRET"}}
"""


class Build(Upstream):
    """Says which build it is."""

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nX-Build: b1\r\nContent-Length: 5\r\n\r\n" + self.name.encode())
        writer.close()


class Hook(Upstream):
    """Keeps what it is told."""

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
                )
                self.told.append(json.loads(await reader.readexactly(length)))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    told: list[dict[str, Any]]


async def crowd(port: int) -> None:
    """Ask for one thing after another, each as somebody else."""
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS) as client:
        for number in count():
            answer = await client.get(f"http://127.0.0.1:{port}/shop/{number}", headers={"x-user": str(number)})
            assert answer.status_code == 200
            await asyncio.sleep(0.002)


def place(serving: Serving) -> str:
    return str(place_of(load(serving.file, {}).routes[0]))


async def test_a_route_climbs_and_is_taken_back(serving: Serving) -> None:
    hook = Hook("hook")
    hook.told = []
    await hook.open()
    await serving.legacy.close()
    await serving.modern.close()
    serving.legacy, serving.modern = await Build("right").open(), await Build("right").open()
    text = FILE.format(
        port=serving.port, admin=serving.admin, legacy=serving.legacy.port, modern=serving.modern.port, hook=hook.port, dwell="2s"
    )  # fmt: skip
    serving.put(text)
    await serving.start()
    asking = asyncio.create_task(crowd(serving.port))
    try:
        async with asyncio.timeout(90):
            while not place(serving).startswith("canary"):
                assert not asking.done()
                await asyncio.sleep(0.05)
            serving.modern.name = "wrong"
            while place(serving) != "shadow":
                assert not asking.done()
                await asyncio.sleep(0.05)
            serving.modern.name = "right"
            while len(hook.told) < 2 or hook.told[-1]["event"] != "rolled back":
                await asyncio.sleep(0.05)
    finally:
        asking.cancel()
    async with asyncio.timeout(SECONDS):  # the next look shows it
        while not total(metrics := parse((await serving.ask("/metrics")).text), "strangler_route_held", route="shop"):
            await asyncio.sleep(0.05)
    assert total(metrics, "strangler_flips_total", actor="ladder") >= 2
    assert await serving.stop() == 0
    await hook.close()
    told = [(each["event"], each["route"], each["from"], each["to"]) for each in hook.told]
    assert told[0] == ("climbed", "shop", "shadow", "canary 50%")
    assert (told[-1][0], told[-1][3]) == ("rolled back", "shadow")
    entries = Journal(Spool(serving.file), "sqlite:///strangler.db", str(serving.folder)).entries()
    assert {entry.actor for entry in entries if entry.kind is Kind.LIVE} <= {LADDER, "file"}
    assert [entry.route for entry in entries if entry.kind is Kind.HOLD] == ["shop"]
    assert "SECRET" not in await serving.complaints()
