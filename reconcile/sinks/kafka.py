"""Topics of Kafka, or of what speaks its protocol: an idempotent producer, every event reported by the broker.

The key decides on the partition, so a key's events are in order there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from reconcile.sinks import settings
from reconcile.sinks.cloudevents import beside
from reconcile.sinks.event import Event
from reconcile.sinks.naming import Naming, topic
from reconcile.sinks.parcel import Parcel
from reconcile.sinks.sink import Delivered, Failed, Outcome, Refused, Unavailable

_PATIENCE = 10.0  # seconds in which an event is delivered, or given up
_MARGIN = 5.0  # seconds for the client to say so
_TURN = 0.1  # seconds for which the client is asked at a time

_LOG = logging.getLogger(__name__)
_LOG.addHandler(logging.NullHandler())  # else the client's complaints are printed; what matters of them is in the outcomes

# How it differs from what the client does by itself. Whoever sets one of these in `options` knows better.
_OPTIONS: dict[str, Any] = {
    "client.id": "strangler",
    "enable.idempotence": True,
    "linger.ms": 2,
    "message.max.bytes": 100_000_000,  # the broker decides
    "message.timeout.ms": int(_PATIENCE * 1000),
    "topic.metadata.propagation.max.ms": 5000,
}
_UNFIT = frozenset(
    {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG_SIZE}
)
_ABSENT = frozenset(
    {
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    }
)
_NOBODY = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION, KafkaError._FATAL})

_Headers = list[tuple[str, str | bytes | None]]
_Packed = tuple[str, str | None, _Headers, bytes]
_Hear = Callable[[KafkaError | None, object], None]


class KafkaSink:
    """Produces to one topic, or to one for each type."""

    batch = 1000
    keeps_order = False  # a broker may refuse one and take the next

    def __init__(self, told: settings.Kafka) -> None:
        self._naming = Naming(told.topic, topic)
        self._servers = told.servers
        self._options = {**_OPTIONS, **told.options}
        self._lock = Lock()  # a call that was cancelled goes on in its thread
        self._producer: _Live | None = None
        _check(self._options)

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        return await asyncio.to_thread(self._send, events)

    async def close(self) -> None:
        if self._producer:
            self._producer.give_up()
        await asyncio.to_thread(self._discard)

    def _send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        parcel = Parcel(events, partial(_pack, self._naming))
        with self._lock:
            try:
                producer = self._producer = self._producer or _Live({**self._options, "bootstrap.servers": self._servers})
            except KafkaException as error:  # a certificate that has gone, say
                return parcel.outcomes(Unavailable(f"{self._servers}: {error.args[0].str()}"))
            reports = producer.produce(parcel.packed)
            if producer.is_lost:
                self._producer = None
        some = any(error is None for error in reports.values())
        for place, (name, *_) in parcel.packed:
            parcel.settle(place, self._judge(name, reports[place], producer.trouble, some))
        return parcel.outcomes(Unavailable("it was not sent"))

    def _discard(self) -> None:
        with self._lock:
            self._producer = None

    def _judge(self, name: str, error: KafkaError | None, trouble: str, some: bool) -> Outcome:
        """By what was reported; `some`: others of the same call were delivered, so it is not everybody's trouble."""
        if error is None:
            return Delivered()
        if error.code() in _UNFIT:
            return Refused(f"topic {name}: {error.str()}")
        if error.code() in _ABSENT:
            return self._naming.absent(f"topic {name}: {error.str()}")
        why = f"{self._servers}: {trouble or error.str()}"
        return Failed(why) if some else Unavailable(why)


class _Live:
    """A producer, until nobody can be reached. Then all that it has is given up, lest it is sent later, behind a later try."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._producer = Producer({**options, "error_cb": self._note}, logger=_LOG)
        self._reports: dict[int, KafkaError | None] = {}
        self._call = 0
        self.trouble = ""
        self.is_lost = False

    def produce(self, packed: Sequence[tuple[int, _Packed]]) -> dict[int, KafkaError | None]:
        """What is wrong with each, by its place; None of those that are delivered."""
        self._call, self._reports, self.trouble = self._call + 1, {}, ""
        ends = time.monotonic() + _PATIENCE + _MARGIN
        for place, (name, key, headers, payload) in packed:
            self._enqueue(ends, partial(self._hear, self._call, place), name, payload, key, headers)
        while len(self._reports) < len(packed) and not self.is_lost:
            self._producer.poll(_TURN)
            self.is_lost = self.is_lost or time.monotonic() > ends
        if self.is_lost:
            self.give_up()
            self._producer.poll(0)
        silence = KafkaError(KafkaError._MSG_TIMED_OUT)
        return {place: self._reports.get(place, silence) for place, _ in packed}

    def give_up(self) -> None:
        self.is_lost = True
        self._producer.purge()

    def _enqueue(self, ends: float, hear: _Hear, name: str, payload: bytes, key: str | None, headers: _Headers) -> None:
        while not self.is_lost:
            try:
                self._producer.produce(name, payload, key, on_delivery=hear, headers=headers)
                return
            except BufferError:  # the client's queue is full
                self._producer.poll(_TURN)
                self.is_lost = self.is_lost or time.monotonic() > ends
            except KafkaException as error:
                hear(error.args[0], None)
                return

    def _hear(self, call: int, place: int, error: KafkaError | None, message: object) -> None:
        if call == self._call:
            self._reports[place] = error

    def _note(self, error: KafkaError) -> None:
        if not self.trouble or error.code() != KafkaError._ALL_BROKERS_DOWN:
            self.trouble = error.str()
        self.is_lost = self.is_lost or error.code() in _NOBODY


def _pack(naming: Naming, event: Event) -> _Packed:
    headers: _Headers = [(name, value.encode()) for name, value in beside(event, "ce_").items()]
    if event.payload:
        headers.append(("content-type", event.content_type.encode()))
    return naming.of(event), event.key, headers, event.payload


def _check(options: dict[str, Any]) -> None:
    """Raises ValueError for options that the client does not take. Without servers it connects nowhere."""
    try:
        Producer({name: value for name, value in options.items() if name != "bootstrap.servers"}, logger=_LOG)
    except KafkaException as error:
        raise ValueError(f"options: {error.args[0].str()}") from None
