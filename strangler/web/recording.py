"""Recording for whoever asks at the admin address: what is wanted, checked, and the lines that come of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from strangler.control.recording.order import LARGEST_BODY, LONGEST, Order, headers_of, routes_of
from strangler.core.errors import UsageError
from strangler.core.units import Bytes, Seconds, Share, format_duration, format_size
from strangler.web.desk import Desk
from strangler.web.endpoint import Asked

_USUAL_TIME, _USUAL_SIZE, _USUAL_BODY = Seconds(600.0), Bytes(100 * 2**20), Bytes(2**20)


def record(desk: Desk, asked: Asked) -> Any:
    """Record what passes, until a limit is reached or the connection ends."""
    given, config = asked.given, desk.config
    named = tuple(_split(given["routes"]))
    order = Order(
        asked.actor.name,
        named,
        routes_of(config, named),
        Share(1.0) if given["sample"] is None else given["sample"],
        given["for"] or _USUAL_TIME,
        given["size"] or _USUAL_SIZE,
        _count(given["count"]),
        _USUAL_BODY if given["max_body"] is None else given["max_body"],
        headers_of(tuple(_split(given["keep"]))),
    )
    _refuse_odd(order)
    return desk.control.recordings.begin(order, config)


def _split(text: str) -> Iterator[str]:
    return (part for each in text.split(",") if (part := each.strip()))


def _count(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text)):
        raise UsageError(f"count {text!r} is not a whole number from 1 on")
    return int(text)


def _refuse_odd(order: Order) -> None:
    if not order.sample:
        raise UsageError("a sample of 0% records nothing")
    if order.seconds > LONGEST:
        raise UsageError(f"{format_duration(order.seconds)} is too long: up to {format_duration(LONGEST)}")
    if order.max_body > LARGEST_BODY:
        raise UsageError(f"bodies of {format_size(order.max_body)} are too large: up to {format_size(LARGEST_BODY)}")
