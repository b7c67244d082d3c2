"""What is wrong with a sink in the file is said where it stands, and no secret is repeated."""

from pathlib import Path

import pytest

import reconcile
from strangler.core.errors import ConfigError

SECRET = "whsec_" + "c2VjcmV0" * 4


def problems(sink: str, folder: Path) -> list[str]:
    file = folder / "mappings.yaml"
    outbox = f"outbox:\n  database: old\n  sinks:\n    - {{name: bus, {sink}}}\n"
    file.write_text(f"version: 1\ndatabases: {{old: 'sqlite:///old.db'}}\nmappings: []\n{outbox}", encoding="utf-8")
    try:
        reconcile.load(file, {"SECRET": SECRET, "SHORT": "hunter2"})
    except ConfigError as error:
        return [problem.message for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "sink",
    [
        'http: {url: "https://h/x", secret: "${SECRET}"}',
        f'http: {{url: "https://h/x", secret: "{SECRET} {SECRET}"}}',
        'nats: {servers: "nats://h", subject: "a.{type}.{key}"}',
        'kafka: {servers: "h:9092", topic: "a.{type}"}',
        'rabbitmq: {url: "amqp://h", routing_key: "a.{type}.{key}"}',
        'redis: {url: "redis://h", stream: "a:{type}"}',
    ],
)
def test_what_is_right_is_taken(sink: str, tmp_path: Path) -> None:
    assert problems(sink, tmp_path) == []


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        ('http: {url: "https://h", secret: hunter2}', "is not whsec_ and the base64 of 24 to 64 random bytes"),
        ('http: {url: "https://h", secret: "${SHORT}"}', "${SHORT} does not hold a secret"),
        ('nats: {servers: "nats://h", subject: "a.*"}', "'a.*' is no subject"),
        ('nats: {servers: "nats://h", subject: "a b"}', "'a b' is no subject"),
        ('nats: {servers: "nats://h", subject: "a..b"}', "'a..b' is no subject"),
        ('nats: {servers: "nats://h", subject: "{id}"}', "{id} is not filled in here: write {type} or {key}"),
        ('kafka: {servers: "h", topic: "a/b"}', "'a/b' is no topic"),
        ('kafka: {servers: "h", topic: "{key}"}', "'{key}' is no topic"),
        ('rabbitmq: {url: "amqp://h", routing_key: "{topic}"}', "{topic} is not filled in here"),
        ('redis: {url: "redis://h", stream: "{key}"}', "{key} is not filled in here: write {type}"),
    ],
)
def test_what_is_wrong_is_said(sink: str, message: str, tmp_path: Path) -> None:
    (found,) = problems(sink, tmp_path)
    assert found.startswith(message)
    assert "hunter2" not in found
