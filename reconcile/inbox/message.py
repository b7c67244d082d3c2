"""What a consumer was given, as far as it matters for doing it once. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from strangler.core.errors import UsageError

_PREFIXES = ("ce-", "ce_", "cloudevents:", "cloudevents_")  # HTTP and NATS; Kafka; AMQP, both ways
_PERCENT_ENCODED = "ce-"


@dataclass(frozen=True, slots=True)
class Message:
    """One event as it arrived.

    Attributes:
        id: the same for every delivery of it, within its `source`.
        key: what it happened to.
        version: of that, growing from event to event. With a key, what is older than what was done already is stale.
    """

    id: str
    key: str | None = None
    version: int | None = None
    source: str = ""

    @classmethod
    def from_cloudevent(cls, headers: Mapping[str, str | bytes], body: bytes | str = b"", *, version: str = "version") -> Message:
        """A CloudEvent in either mode, from any transport: its attributes in the headers, or all of it in a JSON body.

        Args:
            version: the attribute that tells an older event of a key from a newer one: `version` is what the application
                counted; `sequence` is the place in the outbox, which serves if all events of a key come from one outbox.

        Raises UsageError for what is no CloudEvent.
        """
        said = _in_headers(headers) or _in_body(body)
        if not isinstance(said.get("id"), str) or not said["id"]:
            raise UsageError("this is no CloudEvent: it has no id, neither in its headers nor in a JSON body")
        key = said.get("partitionkey") or said.get("subject")
        return cls(said["id"], None if key is None else str(key), _number(version, said), str(said.get("source") or ""))


def _in_headers(headers: Mapping[str, str | bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in headers.items():
        prefix = next((each for each in _PREFIXES if name.lower().startswith(each)), None)
        if prefix is not None:
            words = value.decode() if isinstance(value, bytes) else value
            found[name.lower().removeprefix(prefix)] = unquote(words) if prefix == _PERCENT_ENCODED else words
    return found


def _in_body(body: bytes | str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(name: str, said: Mapping[str, Any]) -> int | None:
    written = said.get(name)
    if written is None:
        return None
    try:
        return int(written)
    except (TypeError, ValueError):
        raise UsageError(f"the event's {name} is {written!r}, which is no whole number") from None
