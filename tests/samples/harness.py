"""What the tests of the samples share: the requests they make, a small independent diff, and ASGI without a socket."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

from httpx import AsyncClient, Response
from starlette.types import ASGIApp, Message

from sample_legacy import facts

Difference = tuple[str, str]

HEADERS = (
    *("content-type", "content-length", "location", "etag", "last-modified", "accept-ranges", "content-range"),
    *("cache-control", "content-disposition", "allow", "vary", "x-accel-buffering"),
)


def reads() -> list[str]:
    """Every GET that both applications answer, for every id, some that do not exist, and some nonsense."""
    paths = ["/healthz", "/whoami", "/api/reports/summary", "/api/reports/sales.csv", "/events?count=3&interval=0", "/nowhere"]
    paths += [
        f"/api/products{query}" for query in ("", "?size=100", "?page=2&size=7", "?page=99", "?category=toys", "?category=x")
    ]
    paths += [f"/products{query}" for query in ("", "?page=3", "?category=books", "?size=0", "?category=%3Cb%3E")]
    paths += [f"/api/orders{query}" for query in ("", "?size=100&page=2", "?status=paid", "?customer=1", "?customer=99999")]
    paths += [f"/api/orders{query}" for query in ("?customer=0", "?customer=x", "?status=gone", "?page=-1", "?size=1e3")]
    paths += [f"/api/search{query}" for query in ("", "?q=tea", "?q=CAFE", "?q=%25", "?q=%C3%89", "?q=%00", "?q=%ff", "?q=<b>")]
    for number in (*range(1, facts.PRODUCTS + 3), *_NONSENSE):
        paths += [f"/api/products/{number}", f"/products/{number}", f"/images/{number}.png", f"/go/{number}"]
    paths += [f"/api/orders/{number}" for number in (*range(1, len(facts.load().orders) + 3), *_NONSENSE)]
    paths += [f"/api/customers/{number}" for number in (*range(1, facts.DEFAULT_CUSTOMERS + 3), *_NONSENSE)]
    paths += [f"/api/uploads/{number}" for number in (1, *_NONSENSE)]
    return paths


_NONSENSE = ("0", "-1", "x", "1.5", "99999999999", "9" * 400, "%00", "%D9%A3", "1%20", "..%2f1")


def template(path: str) -> str:
    """The route that a path belongs to."""
    return re.sub(r"(?<=/)(?!api\b)[^/.]*\d[^/.]*", "{id}", path.partition("?")[0])


def compare(control: Response, candidate: Response) -> set[Difference]:
    """(kind, where) of everything in which two answers differ."""
    found = {("status", "status")} if control.status_code != candidate.status_code else set()
    skip = ("content-length",) if control.content != candidate.content else ()
    headers = [name for name in HEADERS if name not in skip]
    found |= {("header", name) for name in headers if control.headers.get(name) != candidate.headers.get(name)}
    if "json" in control.headers.get("content-type", ""):
        return found | set(_differences("$", control.json(), candidate.json()))
    return found | ({("value", "$")} if control.content != candidate.content else set())


def _differences(where: str, control: Any, candidate: Any) -> Iterator[Difference]:
    if _kind(control) != _kind(candidate):
        yield "type", where
    elif isinstance(control, dict):
        yield from (("missing", f"{where}.{key}") for key in control.keys() - candidate.keys())
        yield from (("extra", f"{where}.{key}") for key in candidate.keys() - control.keys())
        for key in control.keys() & candidate.keys():
            yield from _differences(f"{where}.{key}", control[key], candidate[key])
    elif isinstance(control, list):
        yield from _list_differences(where, control, candidate)
    elif control != candidate:
        yield "value", where


def _list_differences(where: str, control: list[Any], candidate: list[Any]) -> Iterator[Difference]:
    if len(control) != len(candidate):
        yield "length", where
    elif control != candidate and sorted(map(json.dumps, control)) == sorted(map(json.dumps, candidate)):
        yield "order", where
        return
    for one, other in zip(control, candidate, strict=False):
        yield from _differences(f"{where}[*]", one, other)


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


async def multipart(client: AsyncClient, content: bytes, name: str = "photo.jpg") -> Response:
    """Upload a file."""
    return await client.post("/api/uploads", files={"file": (name, content, "image/jpeg")})


class Conversation:
    """One ASGI connection, message by message: for feeds and sockets, whose answers do not end by themselves."""

    def __init__(self, app: ASGIApp, kind: str, target: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        path, _, query = target.partition("?")
        scope = {
            **{"type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "headers": [(b"host", b"shop"), *headers]},
            **{"path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": ""},
            **({"method": "GET", "scheme": "http"} if kind == "http" else {"scheme": "ws", "subprotocols": []}),
        }
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task = asyncio.ensure_future(app(scope, self._to_app.get, self._from_app.put))

    async def send(self, message: Message) -> None:
        await self._to_app.put(message)

    async def receive(self) -> Message:
        return await asyncio.wait_for(self._from_app.get(), 10)

    async def end(self, farewell: Message) -> None:
        """Hang up; the application must notice by itself."""
        await self.send(farewell)
        await asyncio.wait_for(self._task, 10)
