"""Written units and back: ``250ms 5s 10m 1h 14d``, ``64KB 1MiB``, ``12.5%``.

A bare number where a unit belongs is refused: 30 could be seconds to one reader and milliseconds to the next.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NewType

Seconds = NewType("Seconds", float)
Bytes = NewType("Bytes", int)
Share = NewType("Share", float)  # a part of the whole, 0 to 1; written as a percentage

_NUMBER = r"(\d{1,18}(?:\.\d{1,18})?)"
_DURATION = re.compile(rf"{_NUMBER} ?(ms|s|m|h|d)", re.ASCII)
_SIZE = re.compile(rf"{_NUMBER} ?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)", re.ASCII)
_PERCENT = re.compile(rf"{_NUMBER} ?%", re.ASCII)

_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}  # fmt: skip

_LONGEST = 36525 * 86400  # a point in time that far back still has a date
_LARGEST = 2**60  # and its number of bytes fits every database's integer


def parse_duration(text: str) -> Seconds:
    """Read a duration such as ``250ms`` or ``1.5h``. Raises ValueError with what to write instead."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError(_refusal(text, "a duration", "s", "250ms, 5s, 10m, 1h or 14d"))
    seconds = Decimal(found[1]) * _SECONDS[found[2]]
    if seconds > _LONGEST:
        raise ValueError(f"{text!r} is longer than a hundred years")
    return Seconds(float(seconds))


def parse_size(text: str) -> Bytes:
    """Read a size such as ``64KB`` (1,000s) or ``1MiB`` (1,024s). Raises ValueError with what to write instead."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(_refusal(text, "a size", "KiB", "512B, 64KB, 1MiB or 2GiB"))
    size = Decimal(found[1]) * _BYTES[found[2]]
    if size != size.to_integral_value():
        raise ValueError(f"{text!r} is not a whole number of bytes")
    if size > _LARGEST:
        raise ValueError(f"{text!r} is more than any disk holds")
    return Bytes(int(size))


def parse_percent(text: str) -> Share:
    """Read a percentage from ``0%`` to ``100%`` as a share. Raises ValueError with what to write instead."""
    found = _PERCENT.fullmatch(text)
    if not found:
        raise ValueError(_refusal(text, "a percentage", "%", "5%, 12.5% or 100%"))
    percent = Decimal(found[1])
    if percent > 100:
        raise ValueError(f"{text!r} is more than 100%")
    return Share(float(percent / 100))


def _refusal(text: str, noun: str, unit: str, examples: str) -> str:
    if re.fullmatch(_NUMBER, text, re.ASCII):
        return f"{text} has no unit: write {text}{unit}, or whatever is meant ({examples})"
    return f"{text!r} is not {noun}: write {examples}"


def format_percent(share: Share) -> str:
    """A share as the shortest percentage that reads back as the same share."""
    exact = (Decimal(repr(float(share))) * 100).normalize()
    return f"{exact:f}%"


def format_size(size: Bytes) -> str:
    """Write a size in the largest unit of 1024 that it is a whole number of."""
    unit = next((name for name in ("TiB", "GiB", "MiB", "KiB") if size and size % _BYTES[name] == 0), "B")
    return f"{size // _BYTES[unit]}{unit}"


def format_duration(seconds: Seconds) -> str:
    """A duration in the largest unit that needs no fraction, down to milliseconds."""
    exact = Decimal(repr(float(seconds)))
    for unit in ("d", "h", "m", "s"):
        count = exact / _SECONDS[unit]
        if exact and count == count.to_integral_value():
            return f"{count.normalize():f}{unit}"
    return f"{(exact * 1000).normalize():f}ms" if exact else "0s"
