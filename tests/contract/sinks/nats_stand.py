"""A stream of JetStream as the contract suite needs it, behind a line that can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.js.api import ConsumerConfig, StreamConfig

from reconcile.sinks import settings
from reconcile.sinks.contract import Arrived, event
from reconcile.sinks.nats import NatsSink
from reconcile.sinks.sink import Sink
from tests.contract.sinks.stands import Behind, beside

TOO_LARGE = event(666, payload=b'"%b"' % (b"x" * (16 << 20)))


class NatsStand(Behind):
    refused = TOO_LARGE

    def __init__(self, address: str, subject: str = "{type}.{key}") -> None:
        super().__init__(urlsplit(address).hostname or "", urlsplit(address).port or 4222)
        self.address, self.stream = address, f"test_{token_hex(6)}"
        self.subject = f"{self.stream}.{subject}"

    async def __aenter__(self) -> NatsStand:
        await super().__aenter__()
        self.client = Client()
        await self.client.connect(self.address)
        await self.client.jetstream().add_stream(StreamConfig(name=self.stream, subjects=[f"{self.stream}.>"]))
        return self

    async def __aexit__(self, *of: object) -> None:
        await self.client.jetstream().delete_stream(self.stream)
        await self.client.close()
        await super().__aexit__(*of)

    def open(self) -> Sink:
        return NatsSink(settings.Nats(f"nats://127.0.0.1:{self.line.port}", self.subject))

    async def received(self) -> Sequence[Arrived]:
        stream = self.client.jetstream()
        count = (await stream.stream_info(self.stream)).state.messages
        consumer = await stream.pull_subscribe("", stream=self.stream, config=ConsumerConfig(ack_policy="none"))
        found = []
        while len(found) < count:
            found += await consumer.fetch(count - len(found), timeout=30)
        await consumer.unsubscribe()
        return [beside({name.lower(): value for name, value in (each.headers or {}).items()}, each.data) for each in found]
