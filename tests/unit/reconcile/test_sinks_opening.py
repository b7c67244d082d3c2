"""From settings to a sink: ours, somebody else's, and what is said when there is none."""

import builtins
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from reconcile.sinks import opening, settings
from reconcile.sinks.memory import MemorySink
from reconcile.sinks.opening import open_sink
from strangler.core.errors import UsageError

EVERY = [
    (settings.Http("https://127.0.0.1/events"), "HttpSink"),
    (settings.Nats("nats://127.0.0.1"), "NatsSink"),
    (settings.Kafka("127.0.0.1:9092"), "KafkaSink"),
    (settings.RabbitMQ("amqp://127.0.0.1"), "RabbitMQSink"),
    (settings.Redis("redis://127.0.0.1"), "RedisSink"),
    (settings.File("events.jsonl"), "FileSink"),
]


@pytest.mark.parametrize(("told", "kind"), EVERY)
async def test_every_kind_is_opened_and_connects_nowhere(told, kind):
    sink = open_sink("bus", told)
    assert type(sink).__name__ == kind
    await sink.close()


@pytest.mark.parametrize(
    ("told", "module", "client", "extra"),
    [
        (settings.Nats("nats://h"), "nats", "nats.aio.client", "nats"),
        (settings.Kafka("h"), "kafka", "confluent_kafka", "kafka"),
        (settings.RabbitMQ("amqp://h"), "rabbitmq", "aio_pika", "rabbitmq"),
        (settings.Redis("redis://h"), "redis", "redis.asyncio", "redis"),
    ],
)
def test_a_client_that_is_not_installed_is_named_with_its_extra(told, module, client, extra, monkeypatch):
    monkeypatch.delitem(sys.modules, f"reconcile.sinks.{module}", raising=False)
    lacking(monkeypatch, client.partition(".")[0])
    with pytest.raises(UsageError) as refused:
        open_sink("bus", told)
    assert str(refused.value) == f"sink bus: its library is not installed: pip install 'strangler[{extra}]'"


def lacking(monkeypatch, package):
    """As if a package were not installed."""
    imported = builtins.__import__

    def importing(name, *others):
        if name.partition(".")[0] == package and (len(others) < 4 or others[3] == 0):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return imported(name, *others)

    monkeypatch.setattr(builtins, "__import__", importing)


@pytest.fixture
def theirs(monkeypatch):
    """Entry points of installed packages."""

    def install(**entries):
        found = EntryPoints(EntryPoint(name, value, opening.GROUP) for name, value in entries.items())
        monkeypatch.setattr(opening, "entry_points", lambda group: found.select(group=group))

    return install


class TheirSink(MemorySink):
    def __init__(self, options):
        super().__init__()
        if "size" in options:
            raise ValueError("size: no such option")
        self.options = options


def test_somebody_elses_sink_is_given_its_options(theirs):
    theirs(pulsar=f"{__name__}:TheirSink")
    sink = open_sink("bus", settings.Custom("pulsar", {"url": "pulsar://h"}))
    assert sink.options == {"url": "pulsar://h"}


@pytest.mark.parametrize(
    ("use", "options", "message"),
    [
        ("pulsr", {}, "sink bus: no installed package has a sink 'pulsr' (group strangler.sinks); did you mean 'pulsar'?"),
        ("pulsar", {"size": "1"}, "sink bus: size: no such option"),
        ("moved", {}, "sink bus: nowhere_at_all:Sink cannot be imported: No module named 'nowhere_at_all'"),
        ("gone", {}, f"sink bus: {__name__}:Gone is not there: module '{__name__}' has no attribute 'Gone'"),
        ("half", {}, "sink bus: what builtins:dict gives is no sink: it has no batch, keeps_order, send, close"),
    ],
)
def test_what_is_wrong_with_somebody_elses_sink_is_one_line(use, options, message, theirs):
    theirs(pulsar=f"{__name__}:TheirSink", moved="nowhere_at_all:Sink", gone=f"{__name__}:Gone", half="builtins:dict")
    with pytest.raises(UsageError) as refused:
        open_sink("bus", settings.Custom(use, options))
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (settings.Http("https://h", secret="hunter2"), "random bytes"),
        (settings.Http("https://h", ca="nowhere.pem"), "ca: nowhere.pem cannot be read"),
        (settings.Http("https://h", headers={"a": "b\r\nc: d"}), "headers.a has a line break"),
        (settings.Http("https://h", headers={"a b": "c"}), "headers.a b is no header's name"),
        (settings.Http("http://169.254.169.254/latest"), "169.254.169.254 is a link-local address: events are never sent there"),
        (settings.Http("http://[::ffff:169.254.169.254]/"), "events are never sent there"),
        (settings.Nats("nats://h", credentials="nowhere.creds"), "credentials: there is no file nowhere.creds"),
        (settings.Kafka("h", options={"no.such": "1"}), 'options: No such configuration property: "no.such"'),
        (settings.Kafka("h", options={"security.protocol": "ssl", "ssl.ca.location": "nowhere.pem"}), "options: "),
        (settings.RabbitMQ("http://h"), "url: write amqp://"),
        (settings.RabbitMQ("amqp://me:hunter2@h:port/"), "Port could not be cast"),
        (settings.Redis("http://h"), "Redis URL must specify one of the following schemes"),
    ],
)
def test_what_a_sink_is_told_wrongly_is_one_line(told, message):
    with pytest.raises(UsageError) as refused:
        open_sink("bus", told)
    assert message in str(refused.value)
    assert str(refused.value).startswith("sink bus: ")
    assert "\n" not in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(("told", "kind"), EVERY)
def test_settings_show_no_password(told, kind):
    hidden = {"url": "amqp://me:hunter2@h", "servers": "nats://me:hunter2@h", "secret": "hunter2", "options": {"sasl": "hunter2"}}
    fields = {name: value for name, value in hidden.items() if name in told.__dataclass_fields__}
    fields |= {"servers": "h:9092"} if kind == "KafkaSink" else {}  # they hold no password
    assert "hunter2" not in repr(replace(told, **fields))
