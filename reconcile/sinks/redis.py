"""Streams of Redis: the events of a call in one transaction, one field for each attribute, and the payload in `data`.

Redis acknowledges what it has in memory; what a crash of it may take is its own setting (`appendfsync`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from reconcile.sinks import settings
from reconcile.sinks.cloudevents import beside
from reconcile.sinks.event import Event
from reconcile.sinks.naming import Naming, plain
from reconcile.sinks.parcel import Parcel
from reconcile.sinks.sink import Delivered, Outcome, Unavailable

_CONNECT = 5.0  # seconds
_PATIENCE = 10.0  # seconds for an answer


class RedisSink:
    """Adds to one stream, or to one for each type.

    Attributes:
        keeps_order: a transaction is done whole; only where the names of streams differ may some of it fail.
    """

    batch = 1000

    def __init__(self, told: settings.Redis) -> None:
        self._naming = Naming(told.stream, plain)
        self.keeps_order = not self._naming.varies
        self._keep = ("MAXLEN", "~", told.longest) if told.longest else ()
        self._host = urlsplit(told.url).hostname or urlsplit(told.url).path
        self._redis: Any = Redis.from_url(  # untyped in part
            told.url,
            socket_connect_timeout=_CONNECT,
            socket_timeout=_PATIENCE,
            retry=Retry(NoBackoff(), 0),  # the relay tries again; the client would without saying so
        )

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        parcel = Parcel(events, self._pack)
        try:
            answers = await self._add([command for _, command in parcel.packed])
        except (RedisError, OSError) as error:
            return parcel.outcomes(Unavailable(f"{self._host}: {_reason(error)}"))
        for (place, command), answer in zip(parcel.packed, answers, strict=True):
            parcel.settle(place, self._judge(command, answer))
        return parcel.outcomes(Unavailable("it was not sent"))

    async def close(self) -> None:
        await self._redis.aclose()

    def _pack(self, event: Event) -> tuple[Any, ...]:
        attributes = beside(event, "")
        if event.payload:
            attributes["datacontenttype"] = event.content_type
        fields = [part.encode() for pair in attributes.items() for part in pair]
        return "XADD", self._naming.of(event), *self._keep, "*", *fields, b"data", event.payload

    async def _add(self, commands: Sequence[tuple[Any, ...]]) -> Sequence[Any]:
        if not commands:
            return ()
        async with self._redis.pipeline(transaction=True) as transaction:
            for command in commands:
                transaction.execute_command(*command)
            return list(await transaction.execute(raise_on_error=False))

    def _judge(self, command: tuple[Any, ...], answer: Any) -> Outcome:
        if not isinstance(answer, Exception):
            return Delivered()
        if isinstance(answer, ResponseError) and str(answer).startswith("WRONGTYPE"):
            return self._naming.absent(f"{command[1]!r} is no stream")
        return Unavailable(f"{self._host}: {_reason(answer)}")


def _reason(error: Exception) -> str:
    """Without the command, which the client repeats in front of it, with what it holds."""
    said = str(error).rpartition("caused error: ")[2]
    return re.sub(r"""^\(['"](.*)['"],\)$""", r"\1", said) or type(error).__name__
