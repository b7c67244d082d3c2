"""What single brokers say of an event, beyond what every sink does."""

import asyncio
import json
import os
from contextlib import asynccontextmanager
from dataclasses import replace

import aio_pika
import pytest
from confluent_kafka import Producer
from nats.js.api import DiscardPolicy, StreamConfig

from reconcile.sinks import settings
from reconcile.sinks.contract import event
from reconcile.sinks.kafka import KafkaSink
from reconcile.sinks.nats import NatsSink
from reconcile.sinks.rabbitmq import RabbitMQSink
from reconcile.sinks.redis import RedisSink
from reconcile.sinks.sink import Delivered, Failed, Refused, Unavailable
from tests.contract.sinks.kafka_stand import KafkaStand
from tests.contract.sinks.nats_stand import NatsStand
from tests.contract.sinks.rabbitmq_stand import RabbitMQStand
from tests.contract.sinks.redis_stand import RedisStand
from tests.servers.brokers import variable

ALONE = pytest.mark.skipif(variable("redis") in os.environ, reason="others may use this server")


@asynccontextmanager
async def closing(sink):
    yield sink
    await sink.close()


class TestNats:
    @pytest.fixture
    async def stand(self, broker):
        async with NatsStand(broker("nats")) as stand:
            yield stand

    async def test_the_stream_knows_what_it_had(self, stand):
        async with closing(stand.open()) as sink, closing(stand.open()) as another:
            assert await sink.send([event(1)]) == [Delivered()]
            assert await another.send([event(1), event(2)]) == [Delivered(known=True), Delivered()]
            assert len(await stand.received()) == 2

    async def test_the_same_id_from_elsewhere_is_another_event(self, stand):
        async with closing(stand.open()) as sink:
            here, there = event(1), replace(event(1), source="/elsewhere", key="other")
            assert await sink.send([here, there]) == [Delivered(), Delivered()]

    async def test_without_a_stream_it_says_which_subject_has_none(self, stand):
        nowhere = settings.Nats(stand.address, f"un{stand.stream}")
        async with closing(NatsSink(nowhere)) as sink:
            why = f"no stream takes un{stand.stream}: make one, or is JetStream off?"
            assert await sink.send([event(1)]) == [Unavailable(why)]

    async def test_a_type_without_a_stream_holds_up_no_other(self, stand):
        async with closing(NatsSink(settings.Nats(stand.address, "{type}"))) as sink:
            sent = [event(1, type=f"{stand.stream}.a"), event(2, type=f"un{stand.stream}"), event(3, type=f"{stand.stream}.b")]
            outcomes = await sink.send(sent)
            assert [type(outcome) for outcome in outcomes] == [Delivered, Failed, Delivered]

    async def test_what_the_stream_finds_too_large_is_refused(self, stand):
        await self.change(stand, max_msg_size=1000)
        async with closing(stand.open()) as sink:
            outcomes = await sink.send([event(1), event(2, payload=b"0" * 2000, content_type="a/b"), event(3)])
            assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
            assert "exceeds maximum" in outcomes[1].why

    async def test_a_full_stream_is_nobodys_event(self, stand):
        await self.change(stand, max_msgs=1, discard=DiscardPolicy.NEW)
        async with closing(stand.open()) as sink:
            outcomes = await sink.send([event(1), event(2)])
            assert [type(outcome) for outcome in outcomes] == [Delivered, Unavailable]

    async def test_an_acknowledgement_is_never_taken_for_that_of_a_later_call(self, stand):
        await self.change(stand, max_msg_size=1000)
        async with closing(stand.open()) as sink:
            await sink.send([event(0)])
            stand.line.stall()
            earlier = asyncio.ensure_future(sink.send([event(1)]))
            for _ in range(20):  # until it is on its way
                await asyncio.sleep(0)
            earlier.cancel()
            await asyncio.gather(earlier, return_exceptions=True)
            later = asyncio.ensure_future(sink.send([event(2, payload=b"0" * 2000)]))
            await asyncio.sleep(0)
            stand.line.flow()
            assert [type(outcome) for outcome in await later] == [Refused]

    async def change(self, stand, **parts):
        config = StreamConfig(name=stand.stream, subjects=[f"{stand.stream}.>"], **parts)
        await stand.client.jetstream().update_stream(config)

    async def test_a_server_that_does_not_let_it_in_is_unavailable(self):
        async def turn_away(reader, writer):
            writer.write(b"INFO " + json.dumps({"auth_required": True, "max_payload": 1000}).encode() + b"\r\n")
            await reader.readuntil(b"PING\r\n")
            writer.write(b"-ERR 'Authorization Violation'\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(turn_away, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, closing(NatsSink(settings.Nats(f"nats://me:hunter2@127.0.0.1:{port}", "x"))) as sink:
            (outcome,) = await sink.send([event(1)])
            assert isinstance(outcome, Unavailable)
            assert outcome.why.startswith("127.0.0.1 cannot be reached: ")
            assert "Authorization Violation" in outcome.why
            assert "hunter2" not in outcome.why

    async def test_credentials_that_are_none_are_unavailable(self, tmp_path):
        async def challenge(reader, writer):
            writer.write(b'INFO {"auth_required": true, "nonce": "abc", "max_payload": 1000}\r\n')
            await reader.read()
            writer.close()

        (tmp_path / "shop.creds").write_text("hunter2")
        server = await asyncio.start_server(challenge, "127.0.0.1", 0)
        told = settings.Nats(f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", "x", str(tmp_path / "shop.creds"))
        async with server, closing(NatsSink(told)) as sink:
            (outcome,) = await sink.send([event(1)])
            assert isinstance(outcome, Unavailable)
            assert "hunter2" not in outcome.why


class TestRedis:
    @pytest.fixture
    async def stand(self, broker):
        async with RedisStand(broker("redis")) as stand:
            yield stand

    async def test_an_entry_has_a_field_for_each_attribute(self, stand):
        async with closing(stand.open()) as sink:
            await sink.send([event(1, version=2)])
            ((_, fields),) = await stand.client.xrange(stand.stream)
            assert fields[b"specversion"] == b"1.0"
            assert fields[b"version"] == b"2"
            assert fields[b"data"] == b'{"number":1}'
            assert fields[b"datacontenttype"] == b"application/json"

    @ALONE
    async def test_a_call_is_one_transaction(self, stand):
        async with closing(stand.open()) as sink:
            before = await self.transactions(stand)
            await sink.send([event(number) for number in range(10)])
            assert await self.transactions(stand) == before + 1

    async def transactions(self, stand):
        return (await stand.client.info("commandstats")).get("cmdstat_exec", {"calls": 0})["calls"]

    async def test_a_stream_is_kept_about_as_long_as_it_may_be(self, stand):
        async with closing(RedisSink(settings.Redis(stand.address, stand.stream, 10))) as sink:
            await sink.send([event(number) for number in range(1000)])
            assert 10 <= await stand.client.xlen(stand.stream) < 300

    async def test_what_is_no_stream_is_named(self, stand):
        await stand.client.set(stand.stream, "text")
        async with closing(stand.open()) as sink:
            assert await sink.send([event(1), event(2)]) == [Unavailable(f"'{stand.stream}' is no stream")] * 2

    async def test_a_type_whose_name_is_taken_holds_up_no_other(self, stand):
        await stand.client.set(f"{stand.stream}:a", "text")
        async with closing(RedisSink(settings.Redis(stand.address, stand.stream + ":{type}"))) as sink:
            assert not sink.keeps_order
            outcomes = await sink.send([event(1, type="a"), event(2, type="b")])
            assert [type(outcome) for outcome in outcomes] == [Failed, Delivered]
        await stand.client.delete(f"{stand.stream}:a", f"{stand.stream}:b")

    async def test_a_server_that_does_not_let_it_in_is_unavailable(self, stand):
        await stand.client.acl_setuser(stand.stream, enabled=True, passwords=["+right"], commands=["+@all"], keys=["other*"])
        address = stand.address.replace("//", f"//{stand.stream}:{{}}@")
        for password, why in (("wrong", "invalid username-password pair"), ("right", "has no permissions")):
            async with closing(RedisSink(settings.Redis(address.format(password), stand.stream))) as sink:
                (outcome,) = await sink.send([event(1, payload=b'"private"')])
                assert isinstance(outcome, Unavailable)
                assert why in outcome.why
                assert not [word for word in (password, "private") if word in outcome.why]
        await stand.client.acl_deluser(stand.stream)

    @ALONE
    async def test_a_full_server_is_nobodys_event_and_repeats_none(self, stand):
        (before,) = (await stand.client.config_get("maxmemory")).values()
        async with closing(stand.open()) as sink:
            await stand.client.config_set("maxmemory", 1)
            outcomes = await sink.send([event(1, payload=b'"private"')])
            await stand.client.config_set("maxmemory", before)
            assert outcomes == [Unavailable("127.0.0.1: command not allowed when used memory > 'maxmemory'.")]
            assert await sink.send([event(1)]) == [Delivered()]


class TestRabbitMQ:
    @pytest.fixture
    async def stand(self, broker):
        async with RabbitMQStand(broker("rabbitmq")) as stand:
            yield stand

    async def test_a_message_is_persistent_and_has_the_events_id(self, stand):
        async with closing(stand.open()) as sink:
            await sink.send([event(1)])
            message = await stand.queue.get(no_ack=True)
            assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
            assert (message.message_id, message.content_type) == ("event-1", "application/json")
            assert message.routing_key == "order.placed.order-1"
            assert message.headers["cloudEvents_specversion"] == "1.0"

    async def test_what_no_queue_takes_is_not_delivered_also_beside_its_double(self, stand):
        await stand.queue.unbind(stand.exchange, "#")
        await stand.queue.bind(stand.exchange, "taken.#")
        async with closing(stand.open()) as sink:
            lost, taken = event(1, type="lost", key="a"), event(1, type="taken", key="b")
            for sent in ([lost, taken], [taken, lost]):
                outcomes = await sink.send(sent)
                expected = {"lost": Failed, "taken": Delivered}
                assert [type(outcome) for outcome in outcomes] == [expected[each.type] for each in sent]
            why = f"no queue takes 'lost.a' from exchange '{stand.name}': bind one"
            assert outcomes[1] == Failed(why)

    async def test_an_exchange_that_is_not_there_is_named(self, stand):
        async with closing(RabbitMQSink(settings.RabbitMQ(stand.address, f"un{stand.name}"))) as sink:
            (outcome,) = await sink.send([event(1)])
            assert isinstance(outcome, Unavailable)
            assert f"has no exchange 'un{stand.name}': make it" in outcome.why

    async def test_without_an_exchange_it_goes_to_a_queue(self, stand):
        async with closing(RabbitMQSink(settings.RabbitMQ(stand.address, "", stand.name))) as sink:
            assert await sink.send([event(1)]) == [Delivered()]
            assert [each.id for each in await stand.received()] == ["event-1"]

    async def test_a_full_queue_is_nobodys_event(self, stand):
        full = await stand.channel.declare_queue(
            f"full_{stand.name}", arguments={"x-max-length": 1, "x-overflow": "reject-publish"}
        )
        async with closing(RabbitMQSink(settings.RabbitMQ(stand.address, "", full.name))) as sink:
            outcomes = [(await sink.send([event(number)]))[0] for number in range(3)]
            assert isinstance(outcomes[0], Delivered)
            assert isinstance(outcomes[2], Unavailable)
        await full.delete(if_unused=False, if_empty=False)

    async def test_what_the_broker_finds_too_large_is_refused_alone(self, stand):
        large = event(1, payload=b"\0" * (17 << 20), content_type="a/b")
        async with closing(stand.open()) as sink:
            (alone,) = await sink.send([large])
            if isinstance(alone, Delivered):
                pytest.skip("this broker takes more")
            assert isinstance(alone, Refused)
            assert isinstance((await sink.send([large, event(2)]))[0], Refused)
            assert await sink.send([event(2)]) == [Delivered()]

    async def test_a_server_that_does_not_let_it_in_is_unavailable(self, stand):
        wrong = stand.address.replace(stand.secrets[0], ":hunter2@")
        async with closing(RabbitMQSink(settings.RabbitMQ(wrong, stand.name))) as sink:
            (outcome,) = await sink.send([event(1)])
            assert isinstance(outcome, Unavailable)
            assert "ACCESS_REFUSED" in outcome.why
            assert "hunter2" not in outcome.why


class TestKafka:
    @pytest.fixture(scope="module")
    @staticmethod
    def servers():
        cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 0})
        (broker,) = cluster.list_topics(timeout=30).brokers.values()
        yield f"{broker.host}:{broker.port}"
        del cluster

    async def test_what_is_too_large_is_refused_alone(self, servers):
        small = settings.Kafka(servers, "small", {"message.max.bytes": "5000"})
        async with closing(KafkaSink(small)) as sink:
            outcomes = await sink.send([event(1), event(2, payload=b"0" * 6000), event(3)])
            assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]

    async def test_more_than_the_clients_queue_takes_is_delivered(self, servers):
        narrow = settings.Kafka(servers, "narrow", {"queue.buffering.max.messages": "10"})
        async with closing(KafkaSink(narrow)) as sink:
            assert await sink.send([event(number) for number in range(200)]) == [Delivered()] * 200

    async def test_nothing_that_was_given_up_is_sent_later(self, servers):
        async with closing(KafkaSink(settings.Kafka("127.0.0.1:1", "never"))) as sink:
            (outcome,) = await sink.send([event(1)])
            assert isinstance(outcome, Unavailable)
            assert "127.0.0.1:1" in outcome.why


class TestSilence:
    """A server that has the connection and says nothing is not there, and is there again once it speaks."""

    @pytest.fixture(params=["nats", "redis", "rabbitmq", "kafka"])
    async def stand(self, request, broker, monkeypatch):
        monkeypatch.setattr(f"reconcile.sinks.{request.param}._PATIENCE", 1.0)
        stands = {"nats": NatsStand, "redis": RedisStand, "rabbitmq": RabbitMQStand}
        if request.param == "kafka":
            monkeypatch.setattr("reconcile.sinks.kafka._MARGIN", 0.0)
            cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "", "log_level": 0})
        async with stands[request.param](broker(request.param)) if request.param in stands else KafkaStand(cluster) as stand:
            yield stand

    async def test_it_is_unavailable(self, stand):
        async with closing(stand.open()) as sink:
            while not isinstance((await sink.send([event(1)]))[0], Delivered):  # a second may be short on a busy machine
                pass
            stand.line.stall()
            outcomes = await sink.send([event(2), event(3)])
            assert [type(outcome) for outcome in outcomes] == [Unavailable] * 2
            await stand.line.cut()
            await stand.line.mend()
            while not isinstance((await sink.send([event(2)]))[0], Delivered):
                pass
            assert {each.id for each in await stand.received()} >= {"event-1", "event-2"}
