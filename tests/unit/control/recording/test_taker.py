"""A worker's part: exchanges and what is missing go to control over a real socket, within a budget, and never twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from strangler.control.frames import Frames, Head
from strangler.control.recording import parcel
from strangler.control.recording.taker import Taker
from strangler.control.sockets import open_private

from .given import taped


class Desk:
    """A control that takes what is handed over."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.heard: list[tuple[Head, bytes]] = []
        self.news = asyncio.Event()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._take, sock=open_private(self.path))

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def of(self, kind: str) -> list[tuple[Head, bytes]]:
        return [frame for frame in self.heard if frame[0]["is"] == kind]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames()
        while data := await reader.read(65536):
            self.heard += frames.feed(data)
            self.news.set()
        writer.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path / "takes")
    await made.open()
    yield made
    await made.close()


def said() -> list[Head]:
    return []


def proxy() -> Any:
    return SimpleNamespace(taping=None)


def order(desk: Desk, token: str = "one", **other: Any) -> Head:
    return {"token": token, "path": desk.path, "routes": None, "sample": 1.0, "max_body": 100, **other}


async def test_what_is_kept_is_handed_over(desk: Desk) -> None:
    taker, one = Taker("1.1", said().append), proxy()
    taker.use(order(desk), one)
    one.taping.deliver(taped())
    one.taping.deliver(taped(target="/b"))
    await desk.until(lambda: len(desk.of(parcel.EXCHANGE)) == 2)
    assert desk.heard[0][0]["incarnation"] == "1.1"
    assert [parcel.unseal(*frame).target for frame in desk.of(parcel.EXCHANGE)] == ["/orders/7?x=1", "/b"]
    taker.use({}, one)
    assert one.taping is None
    await taker.close()


async def test_the_same_order_again_changes_nothing_and_another_begins_anew(desk: Desk) -> None:
    taker, one = Taker("1.1", said().append), proxy()
    taker.use(order(desk), one)
    first = one.taping
    taker.use(order(desk), other := proxy())
    assert other.taping is first, "a new proxy takes part in it"
    taker.use(order(desk, "two", routes=["a"]), other)
    assert other.taping is not first
    await taker.close()


async def test_what_finds_no_room_is_missed_and_told_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "takes")  # nobody there yet
    told = said()
    taker, one = Taker("1.1", told.append, budget=2000), proxy()
    taker.use(order(desk), one)
    for _ in range(5):
        one.taping.deliver(taped(request_body=b"x" * 1200))
        taker.tell()
    taker.tell()
    assert told[-1] == {"is": "taken", "token": "one", "incarnation": "1.1", "handed": 1, "missed": {"queue": 4}}
    assert len(told) == 5
    await desk.open()
    await desk.until(lambda: bool(desk.of(parcel.EXCHANGE)))
    await taker.close()
    assert len(desk.of(parcel.EXCHANGE)) == 1
    await desk.close()


async def test_at_the_end_what_waits_is_handed_over_and_what_is_missing_told(desk: Desk) -> None:
    told = said()
    taker, one = Taker("1.1", told.append), proxy()
    taker.use(order(desk), one)
    one.taping.deliver(taped())
    one.taping.missed["budget"] += 3
    await taker.close()
    await desk.until(lambda: bool(desk.of(parcel.EXCHANGE)))
    assert [(head["handed"], head["missed"]) for head in told] == [(1, {"budget": 3})]
