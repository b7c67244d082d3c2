"""What happened and how far it is: the journal, and progress."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from strangler.control.events import events
from strangler.web.desk import Desk
from strangler.web.endpoint import Asked
from strangler.web.reading import recorded


def journal(desk: Desk, asked: Asked) -> Mapping[str, Any]:
    """Who moved what, when and why."""
    entries, trouble = recorded(desk)
    name, limit = asked.given["route"], asked.given["limit"]
    routes = frozenset(route.name for route in desk.config.routes if name in (route.name, f"@{route.group}")) if name else None
    found = events(entries, routes or (frozenset({name}) if name else None))
    return {
        "events": found[:limit],
        "more": max(0, len(found) - limit),
        "incomplete": trouble,
        "now": time.time(),
        "name": name,
        "names": [route.name for route in desk.config.routes],
        "limit": limit,
    }
