"""A picture for each product, drawn here, and served as a careful server serves a file."""

import hashlib
import struct
import zlib
from colorsys import hls_to_rgb
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from sample_legacy.shared.partial import NOT_SATISFIABLE, requested_range

WIDTH, HEIGHT, SHADES = 240, 160, 16
LAST_MODIFIED = "Mon, 02 Jan 2023 08:00:00 GMT"


@lru_cache(maxsize=256)
def png(number: int) -> bytes:
    """Rings around a point, in a colour and a spacing that belong to the number."""
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", _palette(number)), (b"IDAT", zlib.compress(_pixels(number), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


@lru_cache(maxsize=256)
def etag(number: int) -> str:
    """Strong: the same number is always the same bytes."""
    return f'"{hashlib.sha256(png(number)).hexdigest()[:16]}"'


def picture(request: Request, number: int) -> Response:
    """200, or 304 for those who have it, or 206 for those who want a part."""
    headers = {
        "etag": etag(number),
        "last-modified": LAST_MODIFIED,
        "accept-ranges": "bytes",
        "cache-control": "public, max-age=3600",
    }
    if _has_it_already(request, headers["etag"]):
        return Response(None, 304, headers)
    body = png(number)
    part = requested_range(request.headers.get("range"), request.headers.get("if-range"), headers["etag"], len(body))
    if part == NOT_SATISFIABLE:
        return Response(None, 416, headers | {"content-range": f"bytes */{len(body)}"})
    if part is None:
        return Response(body, 200, headers, "image/png")
    headers["content-range"] = f"bytes {part.start}-{part.stop - 1}/{len(body)}"
    return Response(body[part.start : part.stop], 206, headers, "image/png")


def _has_it_already(request: Request, tag: str) -> bool:
    asked = request.headers.get("if-none-match")
    if asked is None:
        return request.headers.get("if-modified-since") == LAST_MODIFIED
    return asked.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in asked.split(",")]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _palette(number: int) -> bytes:
    hue = number * 0.381966 % 1  # the golden angle: neighbours never look alike
    colours = (hls_to_rgb(hue + shade / 90, 0.25 + 0.6 * shade / SHADES, 0.45) for shade in range(SHADES))
    return bytes(round(255 * part) for colour in colours for part in colour)


def _pixels(number: int) -> bytes:
    """One byte per pixel; the leading zero of each row says 'no filter'."""
    left, top, spacing = 40 + number * 53 % 160, 30 + number * 31 % 100, 500 + number * 97 % 900
    across = [(x - left) ** 2 for x in range(WIDTH)]
    rows = ((y - top) ** 2 for y in range(HEIGHT))
    return b"".join(b"\0" + bytes([(down + square) // spacing % SHADES for square in across]) for down in rows)
