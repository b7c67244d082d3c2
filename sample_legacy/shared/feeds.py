"""The live parts: server-sent events about stock, and a WebSocket that answers questions about it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket

from sample_legacy.shared import inputs

StockOf = Callable[[int], Awaitable[int | None]]

FOREVER = 1_000_000_000
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def events(request: Request, stock_of: StockOf, products: int) -> Response:
    """A feed that can be resumed: event n is about product n, round and round, so a given id always means the same."""
    count = inputs.query_number(request.query_params, "count", FOREVER, 1, FOREVER)
    interval = _seconds(request.query_params.get("interval", "1"))
    if request.method == "HEAD":
        return Response(None, 200, _HEADERS, "text/event-stream")
    first = _resume_after(request.headers.get("last-event-id", "")) + 1
    stream = _stream(range(first, first + count), interval, stock_of, products)
    return StreamingResponse(stream, 200, _HEADERS, "text/event-stream")


async def converse(socket: WebSocket, stock_of: StockOf) -> None:
    """Answers questions about stock, and echoes everything else."""
    await socket.accept()
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await socket.send_text(await _reply(message["text"], stock_of))
        else:
            await socket.send_bytes(message["bytes"])


async def _stream(numbers: range, interval: float, stock_of: StockOf, products: int) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    for number in numbers:
        if number != numbers.start:
            await asyncio.sleep(interval)
        product = (number - 1) % products + 1
        data = json.dumps({"product": product, "stock": await stock_of(product)}, separators=(",", ":"))
        yield f"id: {number}\nevent: stock\ndata: {data}\n\n"


async def _reply(text: str, stock_of: StockOf) -> str:
    try:
        question: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(question, dict) or question.get("ask") != "stock":
        return text
    number = question.get("id")
    stock = await stock_of(number) if type(number) is int and 0 < number <= inputs.MAX_ID else None
    return json.dumps({"error": "No such product"} if stock is None else {"id": number, "stock": stock}, separators=(",", ":"))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise HTTPException(400, "interval must be a number of seconds from 0 to 3600")
    return seconds


def _resume_after(last_event_id: str) -> int:
    """A client that resumes sends the id it saw last; anything that we never sent starts over."""
    return int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 10 else 0
