"""What a request brings: a body of one JSON object, small and whole, and a query in which nothing stands twice."""

from __future__ import annotations

import json
from asyncio import timeout
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from strangler.web.answers import Turned

LARGEST = 64 * 1024  # bytes
PATIENCE = 10.0  # seconds for all of it
T = TypeVar("T")


async def body(request: Request) -> Mapping[str, Any]:
    """The object in the body. Raises Turned. A form of another site's page cannot send this type unasked."""
    if kind(request) != "application/json":
        raise Turned(415, "media_type", "send a JSON object, with `Content-Type: application/json`")
    return _object(await read(request))


def kind(request: Request) -> str:
    """What its body says that it is, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read(request: Request) -> bytes:
    """A body, small and whole. Raises Turned."""
    try:
        async with timeout(PATIENCE):
            return await _read(request)
    except TimeoutError:
        raise Turned(408, "slow", f"the body took longer than {PATIENCE:g} s", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise Turned(400, "usage", "the body was cut off") from None


def query(request: Request) -> Mapping[str, str]:
    """Its parameters. Raises Turned if one is there twice."""
    return once(request.query_params.multi_items())


def once(pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    """These members. Raises Turned if one is there twice: whoever reads it might take either."""
    found: dict[str, T] = {}
    for name, value in pairs:
        if name in found:
            raise Turned(400, "usage", f"{name[:100]!r} stands there twice")
        found[name] = value
    return found


async def _read(request: Request) -> bytes:
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > LARGEST:
            message = f"the body has more than {LARGEST // 1024} KiB"
            raise Turned(413, "too_large", message, {"Connection": "close"})
    return bytes(parts)


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Turned(400, "usage", "the body is not JSON") from None
    if not isinstance(found, dict):
        raise Turned(400, "usage", "the body is not a JSON object: {…}")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
