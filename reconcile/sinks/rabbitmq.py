"""Exchanges of RabbitMQ: persistent messages, published without waiting for each other, each confirmed by the broker.

A message that no queue takes comes back (`mandatory`), and is not delivered.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange
from aiormq.exceptions import AMQPError, ChannelInvalidStateError, ChannelNotFoundEntity, DeliveryError, PublishError

from reconcile.sinks import settings
from reconcile.sinks.cloudevents import UnfitError, beside
from reconcile.sinks.event import Event
from reconcile.sinks.naming import Naming, words
from reconcile.sinks.parcel import Parcel
from reconcile.sinks.sink import Delivered, Outcome, Refused, Unavailable

_CONNECT = 5.0  # seconds
_PATIENCE = 10.0  # seconds for the confirmations of a call
_PARTING = 2.0  # seconds for a farewell
_SHORT = 255  # bytes of a short string, which a routing key is (AMQP 0-9-1, 4.2.5.3)
_HEADERS = 100_000  # bytes: a broker ends a connection for headers that are no single frame (frame_max, 131,072)
_TROUBLE = (AMQPError, ChannelInvalidStateError, OSError, asyncio.TimeoutError)

_Packed = tuple[str, aio_pika.Message]


class RabbitMQSink:
    """Publishes to one exchange."""

    batch = 200
    keeps_order = False  # a queue may take one and not the next

    def __init__(self, told: settings.RabbitMQ) -> None:
        self._url, self._exchange_name = told.url, told.exchange
        self._naming = Naming(told.routing_key, words)
        parts = urlsplit(told.url)
        if parts.scheme not in ("amqp", "amqps") or not isinstance(parts.port, int | None):  # a port that is none raises
            raise ValueError("url: write amqp://USER:PASSWORD@HOST/VHOST, or amqps://…")
        self._host = parts.hostname or "localhost"
        self._secrets = [secret for secret in (parts.password, unquote(parts.password or "")) if secret]
        self._connection: AbstractConnection | None = None
        self._exchange: AbstractExchange | None = None

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        if not events:
            return []
        try:
            exchange = await self._ready()
        except _TROUBLE as error:
            await self.close()
            return [Unavailable(self._explained(error))] * len(events)
        parcel = Parcel(events, self._pack)
        try:
            async with asyncio.timeout(_PATIENCE):
                lost = await self._publish_all(exchange, parcel)
        except TimeoutError:
            lost = f"{self._host}: no confirmation within {_PATIENCE:g} s"
        except BaseException:
            await self.close()
            raise
        if lost:
            await self.close()
        return parcel.outcomes(Unavailable(lost))

    async def close(self) -> None:
        connection, self._connection, self._exchange = self._connection, None, None
        if connection:
            with suppress(*_TROUBLE):  # a server that does not answer does not say good-bye either
                async with asyncio.timeout(_PARTING):
                    await connection.close()

    async def _ready(self) -> AbstractExchange:
        if self._connection is None or self._connection.is_closed:
            await self.close()
            async with asyncio.timeout(_CONNECT):
                self._connection = await aio_pika.connect(self._url, client_properties={"connection_name": "strangler"})
        if self._exchange is None:
            async with asyncio.timeout(_CONNECT):
                channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
                name = self._exchange_name
                self._exchange = await channel.get_exchange(name) if name else channel.default_exchange
        return self._exchange

    def _pack(self, event: Event) -> _Packed:
        name = self._naming.of(event)
        if len(name.encode()) > _SHORT:
            raise UnfitError(f"its routing key would have {len(name.encode())} bytes, {_SHORT} are allowed")
        headers: dict[str, Any] = dict(beside(event, "cloudEvents_"))
        if (size := sum(len(name) + len(value.encode()) for name, value in headers.items())) > _HEADERS:
            raise UnfitError(f"its headers have {size:,} bytes, {_HEADERS:,} are allowed")
        return name, aio_pika.Message(
            event.payload,
            headers=headers,
            content_type=event.content_type if event.payload else None,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=event.id if len(event.id.encode()) <= _SHORT else None,
        )

    async def _publish_all(self, exchange: AbstractExchange, parcel: Parcel[_Packed]) -> str:
        """Why the channel was lost; "" if it was not."""
        seen: set[str | None] = set()
        for _, (_, message) in parcel.packed:
            if message.message_id in seen:  # the client tells what came back by it, so that one would be taken for another
                message.message_id = None
            seen.add(message.message_id)
        publishing = (self._publish(exchange, *packed) for _, packed in parcel.packed)
        lost = ""
        for (place, (_, message)), found in zip(parcel.packed, await asyncio.gather(*publishing), strict=True):
            lost = found if isinstance(found, str) else lost
            if outcome := _too_large(message, found) if isinstance(found, str) else found:
                parcel.settle(place, outcome)
        return lost

    async def _publish(self, exchange: AbstractExchange, name: str, message: aio_pika.Message) -> Outcome | str:
        """What became of it, or why the channel was lost."""
        try:
            await exchange.publish(message, name, mandatory=True)
        except PublishError:
            return self._naming.absent(f"no queue takes {name!r} from exchange {self._exchange_name!r}: bind one")
        except DeliveryError:
            return Unavailable(f"{self._host} did not take it: is a queue full?")
        except _TROUBLE as error:
            return self._explained(error)
        return Delivered()

    def _explained(self, error: Exception) -> str:
        if isinstance(error, ChannelNotFoundEntity):
            return f"{self._host} has no exchange {self._exchange_name!r}: make it"
        why = str(error) or ("it does not answer" if isinstance(error, TimeoutError) else type(error).__name__)
        for secret in self._secrets:
            why = why.replace(secret, "…")
        return f"{self._host}: {why}"


def _too_large(message: aio_pika.Message, why: str) -> Outcome | None:
    """The broker closes the channel for one that is too large, and tells how large they may be, but not which one it was."""
    found = re.search(r"larger than.* max size (\d+)", why)
    return (
        Refused(f"it has {len(message.body):,} bytes, the broker takes {int(found[1]):,}")
        if found and len(message.body) > int(found[1])
        else None
    )
