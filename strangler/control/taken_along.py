"""A mismatch as two exchanges, control's and the candidate's, for whoever wants to look at it with other tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strangler.control.diffs import other_side
from strangler.core.records import Example
from strangler.traffic.entry import Entry, Message
from strangler.traffic.har_bodies import encoded

_CODED = ("content-encoding", "content-length", "transfer-encoding")  # what is not true of a body as it is kept


def entries_of(example: Example) -> tuple[Entry, Entry]:
    """Control's and the candidate's, as far as they are kept: without secrets, and without bodies that were cut."""
    sides = str(example.stratum.control), other_side(example)
    return _entry(example, example.control, sides[0]), _entry(example, example.candidate, sides[1])


def _entry(example: Example, answer: Mapping[str, Any], side: str) -> Entry:
    asked = _message(example.request)
    status = answer.get("status") or None
    return Entry(
        example.method,
        example.target,
        asked.first("host"),
        "http",
        example.at,
        answer.get("duration"),
        asked,
        status,
        _message(answer) if status else Message(),
        "" if status else str(answer.get("failure") or "no_answer"),
        side,
        example.route,
    )


def _message(kept: Mapping[str, Any]) -> Message:
    headers = tuple((str(name), str(value)) for name, value in kept.get("headers", ()))
    size = kept.get("size")
    if kept.get("cut") or (size and not kept.get("body")):
        return Message(headers, None, size)
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    body = encoded(str(kept.get("body", "")), kind)
    return Message(tuple(pair for pair in headers if not body or pair[0].lower() not in _CODED), body, len(body))
