"""A cluster of Kafka as the contract suite needs it: librdkafka's own mock, behind a line that can be cut."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from secrets import token_hex

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from reconcile.sinks import settings
from reconcile.sinks.contract import Arrived
from reconcile.sinks.kafka import KafkaSink
from reconcile.sinks.sink import Sink
from tests.contract.sinks.stands import UNFIT, Behind


class KafkaStand(Behind):
    """The cluster tells everybody where its broker is, so that nobody would go by the line: on the line that is corrected."""

    refused = UNFIT

    def __init__(self, cluster: Producer) -> None:
        (broker,) = cluster.list_topics(timeout=30).brokers.values()
        super().__init__(broker.host, broker.port)
        self.address, self.topic = f"{broker.host}:{broker.port}", f"test_{token_hex(6)}"
        self.host, self.port = broker.host.encode(), broker.port

    async def __aenter__(self) -> KafkaStand:
        await super().__aenter__()
        there, here = (self.host + struct.pack(">i", port) for port in (self.port, self.line.port))
        self.line.says = there, here
        return self

    def open(self) -> Sink:
        return KafkaSink(settings.Kafka(f"127.0.0.1:{self.line.port}", self.topic))

    async def received(self) -> Sequence[Arrived]:
        return await asyncio.to_thread(self._read)

    def _read(self) -> Sequence[Arrived]:
        consumer = Consumer(
            {"bootstrap.servers": self.address, "group.id": self.topic, "enable.auto.commit": False, "fetch.wait.max.ms": 10}
        )
        partitions = consumer.list_topics(self.topic, timeout=30).topics[self.topic].partitions
        consumer.assign([TopicPartition(self.topic, each, OFFSET_BEGINNING) for each in partitions])
        ends = [consumer.get_watermark_offsets(TopicPartition(self.topic, each), timeout=30)[1] for each in partitions]
        found: list[Message] = []
        while len(found) < sum(ends):
            found += [each for each in consumer.consume(sum(ends) - len(found), 30) if not each.error()]
        consumer.close()
        return [_arrived(each) for each in found]


def _arrived(message: Message) -> Arrived:
    said = {name: value.decode() for name, value in message.headers() or ()}
    key = message.key()
    assert said.get("ce_subject") == (None if key is None else key.decode())
    return Arrived(said["ce_id"], said["ce_type"], message.value() or b"", said.get("ce_subject"))
