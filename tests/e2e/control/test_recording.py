"""Recording at the admin address of a real `serve`: it begins with whoever asks, outlives a worker, and ends with him."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx
import pytest

from tests.e2e.control.serving import SECONDS, Serving

OPS, LOOKS = "o" * 64, "l" * 64


@dataclass
class Heard:
    """The lines of a recording."""

    lines: AsyncIterator[str]

    async def until(self, name: str) -> Any:
        """What the next line of this name says."""
        async with asyncio.timeout(SECONDS):
            async for line in self.lines:
                told: dict[str, Any] = json.loads(line)
                if name in told:
                    return told[name]
                assert not {"error", "end"} & told.keys(), told
        raise AssertionError(f"no line {name!r}")


@asynccontextmanager
async def recording(serving: Serving, token: str = OPS, **asked: str) -> AsyncIterator[tuple[int, Heard]]:
    """A recording under way: the status, and what is heard of it."""
    url = f"http://127.0.0.1:{serving.admin}/api/recordings"
    async with (
        httpx.AsyncClient(trust_env=False, timeout=SECONDS) as client,
        client.stream("POST", url, json=asked, headers={"authorization": f"Bearer {token}"}) as response,
    ):
        yield response.status_code, Heard(response.aiter_lines())


async def pass_by(serving: Serving, path: str, times: int = 1) -> None:
    """Requests on connections of their own, so that each worker is likely to be asked."""
    for _ in range(times):
        async with httpx.AsyncClient(trust_env=False, timeout=SECONDS) as client:
            assert (await client.get(f"http://127.0.0.1:{serving.port}{path}")).status_code == 200


async def pass_by_until(serving: Serving, path: str, heard: Heard) -> dict[str, Any]:
    """Requests, again and again, until one is recorded: workers learn of a recording a moment after it began."""
    entry = asyncio.create_task(heard.until("entry"))
    while not entry.done():
        await pass_by(serving, path)
        await asyncio.sleep(0.05)
    found: dict[str, Any] = await entry
    return found


@pytest.fixture
async def served(serving: Serving) -> Serving:
    """With an operator and a viewer."""
    users = [("ops", OPS, "operator"), ("looks", LOOKS, "viewer")]
    text = ", ".join(
        f'{name}: {{token: "sha256:{sha256(token.encode()).hexdigest()}", role: {role}}}' for name, token, role in users
    )
    admin = f'admin: {{address: "127.0.0.1:{serving.admin}"'
    serving.put(serving.file.read_text().replace(admin, f"{admin}, users: {{{text}}}"))
    await serving.start()
    return serving


async def test_it_ends_with_whoever_asked_and_there_is_one_at_a_time(served: Serving) -> None:
    async with recording(served) as (status, heard):
        assert status == 200
        entry = await pass_by_until(served, "/shop/1", heard)
        assert entry["request"]["url"] == f"http://127.0.0.1:{served.port}/shop/1"
        assert (entry["response"]["status"], entry["response"]["bodySize"]) == (200, 6)
        assert (entry["_strangler"]["route"], entry["_strangler"]["side"]) == ("shop", "legacy")
        assert "127.0.0.1" not in entry["_strangler"]["client"]
        assert await served.complaint("records") == "strangler: control: ops records everything for up to 10m or 100MiB"
        async with recording(served) as (status, _):
            assert status == 409
    assert (await served.complaint("has ended")).startswith("strangler: control: the recording of ops has ended: ")
    async with recording(served, count="1") as (status, heard):
        assert status == 200
        await pass_by_until(served, "/elsewhere", heard)
        assert (await heard.until("end"))["why"] == "count"
    await served.until(lambda: not list(served.runtime.glob("*.takes")))
    await served.until(lambda: not served.children("scribe"))
    assert await served.stop() == 0


async def test_who_may_and_only_what_was_asked_for(served: Serving) -> None:
    async with recording(served, LOOKS) as (status, _):
        assert status == 403
    for asked in (
        {"routes": "nosuch"},
        {"sample": "0%"},
        {"for": "10"},
        {"count": "-1"},
        {"max_body": "1GiB"},
        {"keep": "cookie"},
    ):
        async with recording(served, **asked) as (status, _):
            assert status == 400, asked
    async with recording(served, routes="shop", count="3") as (_, heard):
        found = [await pass_by_until(served, "/shop/1", heard)]
        await pass_by(served, "/elsewhere", times=4)
        await pass_by(served, "/shop/2", times=2)
        found += [await heard.until("entry"), await heard.until("entry")]
        assert {entry["_strangler"]["route"] for entry in found} == {"shop"}


async def test_a_worker_that_was_restarted_goes_on(served: Serving) -> None:
    async with recording(served) as (_, heard):
        await pass_by_until(served, "/shop/1", heard)
        for pid in served.children("worker"):
            os.kill(pid, signal.SIGKILL)
            await served.complaint("was killed by SIGKILL")
        while not (await pass_by_until(served, "/shop/after", heard))["request"]["url"].endswith("/after"):
            pass  # one from before was still on its way


async def test_when_control_dies_nobody_records_and_the_next_one_can(served: Serving) -> None:
    async with recording(served) as (_, heard):
        await pass_by_until(served, "/shop/1", heard)
        os.kill(served.children("web.admin")[0], signal.SIGKILL)
        with pytest.raises((httpx.HTTPError, AssertionError)):
            await heard.until("end")
    await served.state(lambda state: state["ready"])
    await served.until(lambda: not served.children("scribe"))
    async with recording(served, count="1") as (status, heard):
        assert status == 200
        assert await pass_by_until(served, "/shop/2", heard)


async def test_when_the_proxy_is_stopped_every_exchange_is_there_or_missed(serving: Serving) -> None:
    serving.workers = 1
    serving.write()
    await serving.start()
    await serving.until((serving.folder / "admin.token").exists)
    async with recording(serving, (serving.folder / "admin.token").read_text().strip()) as (_, heard):
        entry = await pass_by_until(serving, "/shop/1", heard)
        assert entry["request"]["url"].endswith("/shop/1")
        for number in range(20):
            await pass_by(serving, f"/shop/last-{number}")
        serving.process.terminate()
        last = 0
        while "end" not in (told := json.loads(await anext(heard.lines))):
            last += "/shop/last-" in told.get("entry", {}).get("request", {}).get("url", "")
        assert told["end"]["why"] == "stopping"
        assert last + sum(told["end"]["missed"].values()) == 20
    assert await serving.end() == 0
