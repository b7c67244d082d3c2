"""Every sink of ours through the suite that ships."""

from pathlib import Path

import pytest
from confluent_kafka import Producer

from reconcile.sinks.contract import SinkContract
from tests.contract.sinks.conftest import Broker
from tests.contract.sinks.kafka_stand import KafkaStand
from tests.contract.sinks.nats_stand import NatsStand
from tests.contract.sinks.rabbitmq_stand import RabbitMQStand
from tests.contract.sinks.redis_stand import RedisStand
from tests.contract.sinks.stands import FileStand, HttpStand, MemoryStand


@pytest.fixture(scope="session")
def cluster() -> Producer:
    return Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 0})


class TestMemory(SinkContract):
    @pytest.fixture
    def stand(self) -> MemoryStand:
        return MemoryStand()


class TestFile(SinkContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> FileStand:
        return FileStand(tmp_path)


class TestHttp(SinkContract):
    @pytest.fixture(params=["structured", "binary"])
    def stand(self, request: pytest.FixtureRequest) -> HttpStand:
        return HttpStand(request.param)


class TestNats(SinkContract):
    @pytest.fixture
    def stand(self, broker: Broker) -> NatsStand:
        return NatsStand(broker("nats"))


class TestRedis(SinkContract):
    @pytest.fixture
    def stand(self, broker: Broker) -> RedisStand:
        return RedisStand(broker("redis"))


class TestRabbitMQ(SinkContract):
    @pytest.fixture
    def stand(self, broker: Broker) -> RabbitMQStand:
        return RabbitMQStand(broker("rabbitmq"))


class TestKafka(SinkContract):
    @pytest.fixture
    def stand(self, cluster: Producer) -> KafkaStand:
        return KafkaStand(cluster)
