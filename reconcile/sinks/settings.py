"""What each kind of sink is told, as it runs. Secrets are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Http:
    """Signed HTTP requests, one per event.

    Attributes:
        secret: signs every request (Standard Webhooks 1.0); several, separated by blanks, while one takes over from another.
        timeout: seconds that an answer may take.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False, default="")
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    timeout: float = 10.0
    mode: str = "structured"
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class Nats:
    """A JetStream subject; ``{type}`` and ``{key}`` are filled in."""

    servers: str = field(repr=False)
    subject: str = "{type}"
    credentials: str | None = None


@dataclass(frozen=True, slots=True)
class Kafka:
    """A topic of Kafka, or of what speaks its protocol; ``{type}`` is filled in."""

    servers: str
    topic: str = "{type}"
    options: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class RabbitMQ:
    """An exchange of RabbitMQ; ``{type}`` and ``{key}`` are filled in."""

    url: str = field(repr=False)
    exchange: str = ""
    routing_key: str = "{type}"


@dataclass(frozen=True, slots=True)
class Redis:
    """A stream of Redis; `longest` is about how many entries it keeps, 0 for all."""

    url: str = field(repr=False)
    stream: str = "events"
    longest: int = 0


@dataclass(frozen=True, slots=True)
class File:
    """Lines of JSON, one CloudEvent each."""

    path: str


@dataclass(frozen=True, slots=True)
class Custom:
    """A sink of somebody else's: the name of an entry point in the group ``strangler.sinks``, and what it is told."""

    use: str
    options: Mapping[str, str] = field(repr=False, default_factory=dict)


Settings = Http | Nats | Kafka | RabbitMQ | Redis | File | Custom
