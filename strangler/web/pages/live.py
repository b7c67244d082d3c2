"""Server-sent events: that something has changed, not what. Whoever looks at a page then fetches it anew, by the usual way."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from hashlib import blake2b

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from strangler.control.standings import as_json
from strangler.core.errors import StranglerError
from strangler.web import details
from strangler.web.answers import Turned
from strangler.web.api import Lanes
from strangler.web.desk import Desk
from strangler.web.endpoint import Lane
from strangler.web.pages.overview import latest

EVERY = 2.0  # seconds between two looks
TICK = 0.25  # seconds in which it is noticed that the process is stopping
QUIET = 15.0  # seconds without a word, after which proxies on the way might give up
LASTS = 3600.0  # seconds; then the browser comes again, and is asked who it is
MOST = 100  # pages that listen
_listening: set[int] = set()


def changes(desk: Desk, lanes: Lanes, request: Request) -> Response:
    """A stream that says `change` whenever what pages show is not what it was. Raises Turned if too many listen."""
    if len(_listening) >= MOST:
        raise Turned(503, "busy", f"{MOST} pages listen already", {"Retry-After": "30"})
    return StreamingResponse(_stream(desk, lanes, request), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _stream(desk: Desk, lanes: Lanes, request: Request) -> AsyncIterator[str]:
    begun = said = time.monotonic()
    mine = id(request)
    _listening.add(mine)
    try:
        yield "retry: 3000\n\n"
        last = ""
        while time.monotonic() - begun < LASTS and not desk.control.stopping:
            now = await lanes.run(Lane.READ, lambda: _digest(desk))
            if last and now != last:
                said = time.monotonic()
                yield "event: change\ndata: {}\n\n"
            elif time.monotonic() - said > QUIET:
                said = time.monotonic()
                yield ": nothing new\n\n"
            last = now
            if await _gone(desk, request):
                return
    finally:
        _listening.discard(mine)


async def _gone(desk: Desk, request: Request) -> bool:
    """After a rest: whether nobody listens any more, or nobody should."""
    until = time.monotonic() + EVERY
    while time.monotonic() < until:
        if desk.control.stopping or await request.is_disconnected():
            return True
        await asyncio.sleep(TICK)
    return False


def _digest(desk: Desk) -> str:
    """Of everything that pages show, but for the time of day."""
    try:
        seen = {**as_json(latest(desk)), "now": 0}
        told = details.told(desk.config)
    except (StranglerError, Turned) as error:
        return str(error)
    said = json.dumps([seen, {name: [file["mappings"], file.get("outbox")] for name, file in told.items()}], default=str)
    return blake2b(said.encode(), digest_size=16).hexdigest()
