"""The rows of the table of endpoints that are about data and events."""

from __future__ import annotations

from strangler.web import letters, reading
from strangler.web.actors import OPERATOR, VIEWER
from strangler.web.endpoint import Endpoint, Lane
from strangler.web.fields import Field, flag, text, whole

_ERRORS = {503: "its database cannot be asked or written"}
_SINK = text("sink", "a sink's name", longest=64, required=True)
_MAPPING = text("mapping", "a mapping's name", longest=64, required=True)
_WHY = text("reason", "why; it is kept, with who it was, for whoever misses it", required=True)


def _number(*, required: bool) -> Field:
    return whole("number", "which one: the place in the outbox that dead letters are shown with", 10**15, None, required=required)


def _key(*, required: bool) -> Field:
    return text("key", "which one: the key as one types it, the parts of a composite one as CSV", longest=2000, required=required)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/api/data",
        "Every mapping as the data process last said: owner, lag, what is on its way, verdicts, drift, what a repair would do.",
        VIEWER,
        reading.show_data,
        "Data",
    ),
    Endpoint(
        "GET",
        "/api/outbox",
        "Every outbox as the data process last said: how its sinks stand, dead letters with why, and what was let go.",
        VIEWER,
        reading.show_outboxes,
        "Outboxes",
    ),
    Endpoint(
        "POST",
        "/api/outbox/retries",
        "Send an event that could not be delivered again, or all of a sink's.",
        OPERATOR,
        letters.retry_events,
        "Retried",
        (_SINK, _number(required=False), flag("all", "all of this sink's")),
        Lane.DATA,
        _ERRORS,
    ),
    Endpoint(
        "POST",
        "/api/outbox/skips",
        "Let an event go: its sink never gets it, and what is held behind it goes on.",
        OPERATOR,
        letters.skip_event,
        "LetGo",
        (_SINK, _number(required=True), _WHY),
        Lane.DATA,
        _ERRORS,
    ),
    Endpoint(
        "POST",
        "/api/data/retries",
        "Try a key again that the relay has given up, or all of a mapping's.",
        OPERATOR,
        letters.retry_keys,
        "Retried",
        (_MAPPING, _key(required=False), flag("all", "all of this mapping's")),
        Lane.DATA,
        _ERRORS,
    ),
    Endpoint(
        "POST",
        "/api/data/skips",
        "Let a key go: its row stays as it is, and is drift, until it changes again or is repaired.",
        OPERATOR,
        letters.skip_key,
        "LetGo",
        (_MAPPING, _key(required=True), _WHY),
        Lane.DATA,
        _ERRORS,
    ),
)
