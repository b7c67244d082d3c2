"""A queue of RabbitMQ as the contract suite needs it, behind a line that can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from urllib.parse import urlsplit

import aio_pika

from reconcile.sinks import settings
from reconcile.sinks.contract import Arrived, event
from reconcile.sinks.rabbitmq import RabbitMQSink
from reconcile.sinks.sink import Sink
from tests.contract.sinks.stands import Behind


class RabbitMQStand(Behind):
    refused = event(666, type="x" * 300)

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        super().__init__(parts.hostname or "", parts.port or 5672)
        self.address, self.name = address, f"test_{token_hex(6)}"
        self.secrets = (f":{parts.password}@",)
        self.taken: list[Arrived] = []

    async def __aenter__(self) -> RabbitMQStand:
        await super().__aenter__()
        self.connection = await aio_pika.connect(self.address)
        self.channel = await self.connection.channel()
        self.exchange = await self.channel.declare_exchange(self.name, aio_pika.ExchangeType.TOPIC)
        self.queue = await self.channel.declare_queue(self.name)
        await self.queue.bind(self.exchange, "#")
        return self

    async def __aexit__(self, *of: object) -> None:
        await self.queue.delete(if_unused=False, if_empty=False)
        await self.exchange.delete()
        await self.connection.close()
        await super().__aexit__(*of)

    def open(self) -> Sink:
        parts = urlsplit(self.address)
        url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{self.line.port}").geturl()
        return RabbitMQSink(settings.RabbitMQ(url, self.name, "{type}.{key}"))

    async def received(self) -> Sequence[Arrived]:
        while message := await self.queue.get(no_ack=True, fail=False):
            self.taken.append(_arrived(message))
        return self.taken


def _arrived(message: aio_pika.abc.AbstractIncomingMessage) -> Arrived:
    said = {name.removeprefix("cloudEvents_"): value for name, value in message.headers.items()}
    key = said.get("subject")
    return Arrived(str(said["id"]), str(said["type"]), message.body, None if key is None else str(key))
