"""The stream that tells pages that something has changed: when it speaks, when it is silent, and when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from strangler.control import data_document
from strangler.control.standings import Overview, Proxy
from strangler.core.errors import DatabaseError
from strangler.web.answers import Turned
from strangler.web.api import Lanes
from strangler.web.desk import Desk
from strangler.web.overview import LastLook
from strangler.web.pages import live

from .given import Site

SECONDS = 60.0  # only ends what hangs


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks again and again."""
    monkeypatch.setattr(live, "EVERY", 0.01)
    monkeypatch.setattr(live, "TICK", 0.001)


class Listener:
    """A page that listens, until it goes away."""

    def __init__(self, site: Site) -> None:
        self.desk, self.gone = Desk(site.control), asyncio.Event()
        self.desk.last_look = LastLook(fresh=0.0)  # whatever is looked at is new
        self.desk.flow.read = lambda *_: {}  # type: ignore[method-assign]  # rates come to be known after a while
        request = Request({"type": "http", "method": "GET", "path": "/events", "headers": []}, self._receive)
        response = live.changes(self.desk, Lanes(), request)
        assert isinstance(response, StreamingResponse)
        self.headers, self.lines = response.headers, response.body_iterator

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def next(self) -> str:
        async with asyncio.timeout(SECONDS):
            return str(await anext(self.lines))  # type: ignore[call-overload]

    async def rest(self) -> list[str]:
        """Everything until it ends."""
        async with asyncio.timeout(SECONDS):
            return [str(line) async for line in self.lines]

    async def quiet(self) -> None:
        """Wait until it has looked three times in a row, and said that nothing is new."""
        silent = 0
        async with asyncio.timeout(SECONDS):
            while silent < 3:
                silent = silent + 1 if await self.next() == ": nothing new\n\n" else 0


@asynccontextmanager
async def listening(site: Site) -> AsyncIterator[Listener]:
    made = Listener(site)
    try:
        assert await made.next() == "retry: 3000\n\n"
        yield made
    finally:
        made.gone.set()
        await made.rest()


CHANGE = "event: change\ndata: {}\n\n"


async def after(site: Site, monkeypatch: pytest.MonkeyPatch, change: Callable[[], Any]) -> None:
    """Nothing is said until then, and that there is something new at once."""
    monkeypatch.setattr(live, "QUIET", 0.0)
    async with listening(site) as page:
        await page.quiet()
        done = change()
        if asyncio.iscoroutine(done):
            await done
        async with asyncio.timeout(SECONDS):
            while (said := await page.next()) != CHANGE:
                assert said == ": nothing new\n\n"
        await page.quiet()


async def test_a_hold_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await after(site, monkeypatch, lambda: site.post("/api/holds", route="home", reason="Friday"))


async def test_what_the_data_process_says_anew_is_told_and_its_clock_is_not(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    config = site.control.config
    assert config is not None
    guards = data_document.path_of(config)
    document = guards.with_name(f"{guards.stem}.details.json")

    def say(at: float, state: str, dead: int = 0) -> None:
        file = {"at": at, "mappings": [{"mapping": "orders", "state": state}], "outbox": {"sinks": [{"dead": dead}]}}
        document.write_text(json.dumps({"version": 1, "files": {"m.yaml": file}}))

    say(1.0, "clean")
    await after(site, monkeypatch, lambda: say(1.0, "drift"))
    await after(site, monkeypatch, lambda: say(1.0, "drift", dead=1))
    monkeypatch.setattr(live, "QUIET", 0.0)
    async with listening(site) as page:
        await page.quiet()
        say(2.0, "drift", dead=1)
        assert [await page.next() for _ in range(5)] == [": nothing new\n\n"] * 5


async def test_a_store_that_breaks_is_a_change_and_no_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await after(site, monkeypatch, lambda: (site.folder / "evidence.db").write_bytes(b"no database, but long enough " * 100))


async def test_while_nothing_happens_it_says_so_only_now_and_then(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "QUIET", SECONDS)
    monkeypatch.setattr(live, "LASTS", 0.1)
    async with listening(site) as page:
        assert await page.rest() == []


async def test_the_time_of_day_is_no_change(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(range(10**6))
    monkeypatch.setattr(live, "latest", lambda _: Overview(float(next(looks)), Proxy(), ()))
    monkeypatch.setattr(live, "QUIET", 0.0)
    async with listening(site) as page:
        assert [await page.next() for _ in range(5)] == [": nothing new\n\n"] * 5


async def test_what_cannot_be_looked_at_is_a_change_and_no_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble: list[Exception] = []

    def look(_: Desk) -> Overview:
        if trouble:
            raise trouble[0]
        return Overview(0.0, Proxy(), ())

    monkeypatch.setattr(live, "latest", look)
    await after(site, monkeypatch, lambda: trouble.append(DatabaseError("gone")))
    await after(site, monkeypatch, lambda: trouble.insert(0, Turned(503, "starting", "just starting")))


@pytest.mark.parametrize("ends", ["gone", "stopping", "time"])
async def test_it_ends_and_makes_room(site: Site, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    monkeypatch.setattr(live, "QUIET", SECONDS)
    monkeypatch.setattr(live, "LASTS", 0.0 if ends == "time" else 3600.0)
    before = len(live._listening)
    page = Listener(site)
    assert len(live._listening) == before
    await page.next()
    assert len(live._listening) == before + 1
    if ends == "gone":
        page.gone.set()
    elif ends == "stopping":
        site.control.stopping = True
    assert await page.rest() == []
    assert len(live._listening) == before


async def test_a_rest_is_cut_short_when_the_process_stops(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "EVERY", 3600.0)
    page = Listener(site)
    await page.next()
    ending = asyncio.create_task(page.rest())
    await asyncio.sleep(0)
    site.control.stopping = True
    async with asyncio.timeout(SECONDS):
        assert await ending == []


async def test_no_more_than_so_many_listen(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST", 1)
    async with listening(site):
        with pytest.raises(Turned, match="1 pages listen already") as refused:
            Listener(site)
        assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "30"})
        found = await site.get("/events")
        assert found.status_code == 503
    monkeypatch.setattr(live, "LASTS", 0.0)
    found = await site.get("/events")
    assert (found.status_code, found.text) == (200, "retry: 3000\n\n")
    assert found.headers["content-type"].startswith("text/event-stream")
    assert (found.headers["x-accel-buffering"], found.headers["cache-control"]) == ("no", "no-store")
