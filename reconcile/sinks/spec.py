"""The kinds of sink as users write them: every key, what it holds and what it is for."""

from __future__ import annotations

import re

from reconcile.sinks import settings, signing
from reconcile.sinks.naming import template
from strangler.core.spec.kinds import Word, choice, duration, integer, text
from strangler.core.spec.section import Field, MapOf, Section


def _http_url(words: str) -> str:
    # The message never repeats the address: it may hold a password.
    if not re.fullmatch(r"https?://[^\s/?#]+[^\s#]*", words):
        raise ValueError("is not an address: write https://HOST/PATH")
    return words


def _secrets(words: str) -> str:
    signing.keys(words)
    return words


def _subject(words: str) -> str:
    if not re.fullmatch(r"[^\s*>.]+(\.[^\s*>.]+)*", words):
        raise ValueError(f"{words!r} is no subject: words between dots, without blanks, * and >")
    return template("type", "key")(words)


def _topic(words: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", words.replace("{type}", "x")):
        raise ValueError(f"{words!r} is no topic: letters, digits, dots, dashes and underscores, and {{type}}")
    return words


HTTP = Section(
    "an HTTP sink",
    settings.Http,
    Field("url", Word("an address", _http_url), "where events are sent", required=True),
    Field(
        "secret",
        Word("a secret", _secrets),
        "what signs them, `whsec_` and base64; a blank between two: both sign, while one takes over",
    ),
    Field("headers", MapOf(text("a header's name"), text("a value"), "headers"), "further headers, such as authorization"),
    Field("timeout", duration(), "how long an answer may take"),
    Field("mode", choice("structured", "binary"), "CloudEvents: everything in the body, so signed; or attributes as headers"),
    Field("ca", text("a file's name"), "certificates to trust, instead of the system's"),
)

NATS = Section(
    "a NATS sink",
    settings.Nats,
    Field("servers", text("addresses"), "where to connect: nats://HOST:4222, several separated by commas", required=True),
    Field("subject", Word("a subject", _subject), "where events go; {type} and {key} are filled in"),
    Field("credentials", text("a file's name"), "a credentials file of NATS"),
)

KAFKA = Section(
    "a Kafka sink",
    settings.Kafka,
    Field("servers", text("addresses"), "bootstrap servers: HOST:9092, several separated by commas", required=True),
    Field("topic", Word("a topic", _topic), "where events go; {type} is filled in"),
    Field("options", MapOf(text("an option"), text("a value"), "options"), "options of librdkafka, such as security.protocol"),
)

RABBITMQ = Section(
    "a RabbitMQ sink",
    settings.RabbitMQ,
    Field("url", text("an address"), "where to connect: amqp://USER:PASSWORD@HOST/VHOST", required=True),
    Field("exchange", text("an exchange"), "where events go; without it, the default exchange"),
    Field("routing_key", Word("a routing key", template("type", "key")), "{type} and {key} are filled in"),
)

REDIS = Section(
    "a Redis sink",
    settings.Redis,
    Field("url", text("an address"), "where to connect: redis://HOST:6379/0", required=True),
    Field("stream", Word("a stream's name", template("type")), "where events go; {type} is filled in"),
    Field("longest", integer(0, 1_000_000_000), "about how many entries the stream keeps; 0: all"),
)

FILE = Section("a file sink", settings.File, Field("path", text("a file's name"), "lines of JSON are added to it", required=True))

CUSTOM = Section(
    "a sink of your own",
    settings.Custom,
    Field("use", text("a name"), "its entry point in the group strangler.sinks", required=True),
    Field("options", MapOf(text("an option"), text("a value"), "options"), "what it is told"),
)

KINDS = {"http": HTTP, "nats": NATS, "kafka": KAFKA, "rabbitmq": RABBITMQ, "redis": REDIS, "file": FILE, "custom": CUSTOM}
