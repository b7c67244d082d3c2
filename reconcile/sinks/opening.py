"""From what a file says to a sink that can be used. Every kind is named as an entry point is, ours as well as anybody's.

A third party's sink is an entry point in the group ``strangler.sinks``: something to call with `options` that gives a sink.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from reconcile.sinks import settings as kinds
from reconcile.sinks.sink import Sink
from strangler.core.errors import UsageError
from strangler.core.spec.reader import nearest

GROUP = "strangler.sinks"

_OURS = {
    kinds.Http: EntryPoint("http", "reconcile.sinks.http:HttpSink", GROUP),
    kinds.Nats: EntryPoint("nats", "reconcile.sinks.nats:NatsSink", GROUP),
    kinds.Kafka: EntryPoint("kafka", "reconcile.sinks.kafka:KafkaSink", GROUP),
    kinds.RabbitMQ: EntryPoint("rabbitmq", "reconcile.sinks.rabbitmq:RabbitMQSink", GROUP),
    kinds.Redis: EntryPoint("redis", "reconcile.sinks.redis:RedisSink", GROUP),
    kinds.File: EntryPoint("file", "reconcile.sinks.file:FileSink", GROUP),
}
_EXTRAS = {
    "nats": "nats",
    "nkeys": "nats",
    "confluent_kafka": "kafka",
    "aio_pika": "rabbitmq",
    "aiormq": "rabbitmq",
    "redis": "redis",
}
_PARTS = ("batch", "keeps_order", "send", "close")


def open_sink(name: str, settings: kinds.Settings) -> Sink:
    """The sink that is called `name` in the file. Connects nowhere yet.

    Raises:
        UsageError: what it is told makes no sense, a library is not installed, or nobody has such a sink.
    """
    kind = _theirs(name, settings.use) if isinstance(settings, kinds.Custom) else _OURS[type(settings)]
    told: Any = settings.options if isinstance(settings, kinds.Custom) else settings
    try:
        sink = kind.load()(told)
    except ImportError as error:
        raise UsageError(f"sink {name}: {_missing(kind, error)}") from error
    except AttributeError as error:
        raise UsageError(f"sink {name}: {kind.value} is not there: {error}") from error
    except (ValueError, OSError) as error:
        raise UsageError(f"sink {name}: {error}") from error
    if lacking := [part for part in _PARTS if not hasattr(sink, part)]:
        raise UsageError(f"sink {name}: what {kind.value} gives is no sink: it has no {', '.join(lacking)}")
    return cast(Sink, sink)


def _theirs(name: str, use: str) -> EntryPoint:
    found = entry_points(group=GROUP)
    for entry in found.select(name=use):
        return entry
    raise UsageError(f"sink {name}: no installed package has a sink {use!r} (group {GROUP}){nearest(use, sorted(found.names))}")


def _missing(kind: EntryPoint, error: ImportError) -> str:
    extra = _EXTRAS.get((error.name or "").partition(".")[0])
    if extra:
        return f"its library is not installed: pip install 'strangler[{extra}]'"
    return f"{kind.value} cannot be imported: {error}"
