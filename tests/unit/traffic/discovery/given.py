"""Traffic as tests write it: one line for each request."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from strangler.traffic.discovery.survey import Discovery, Survey
from strangler.traffic.entry import Entry, Message
from strangler.traffic.openapi import Surface


def entry(said: str, body: Any = None, **more: Any) -> Entry:
    """``GET /a 200``; a body is JSON."""
    method, target, status = said.split(" ")
    response = Message()
    if body is not None:
        text = json.dumps(body).encode()
        response = Message((("content-type", "application/json"),), text, len(text))
    return Entry(method, target, **{"status": int(status), "response": response, **more})


def discovered(entries: Iterable[Entry | str], surface: Surface | None = None, **options: Any) -> Discovery:
    survey = Survey(surface, **options)
    for each in entries:
        survey.add(entry(each) if isinstance(each, str) else each)
    return survey.result(lambda target: target)


def names(found: Discovery) -> list[str]:
    return [one.name for one in found.endpoints]


def aside(found: Discovery) -> dict[str, int]:
    return {one.reason: one.requests for one in found.aside}
