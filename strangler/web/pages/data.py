"""The data: every mapping with its owner, what is on its way, and what was found, as the data process last said it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from strangler.core.model import Config
from strangler.web.answers import Turned
from strangler.web.desk import Desk
from strangler.web.details import told
from strangler.web.endpoint import Asked

STALE = 30.0  # seconds after which what was said is shown as old
_KINDS = ("missing", "extra", "changed")


def show(desk: Desk, asked: Asked) -> Mapping[str, Any]:
    """All mappings."""
    files, now = told(desk.config), time.time()
    mappings = [each for file in files.values() for each in file["mappings"]]
    return {
        "configured": bool(desk.config.mappings),
        "files": files,
        "mappings": mappings,
        "routes": _routes(desk.config),
        "silent": _silence(files, now),
        "now": now,
    }


def show_outbox(desk: Desk, asked: Asked) -> Mapping[str, Any]:
    """Events: every sink, and what could not be delivered."""
    files, now = told(desk.config), time.time()
    outboxes = [file["outbox"] for file in files.values() if file.get("outbox")]
    return {
        "sinks": [{**sink, "table": each["table"]} for each in outboxes for sink in each["sinks"]],
        "letters": [letter for each in outboxes for letter in each["letters"]],
        "let_go": [gone for each in outboxes for gone in each.get("let_go", ())],
        "outboxes": outboxes,
        "silent": _silence(files, now),
        "now": now,
    }


def show_mapping(desk: Desk, asked: Asked) -> Mapping[str, Any]:
    """One mapping."""
    files, now = told(desk.config), time.time()
    found = next((each for file in files.values() for each in file["mappings"] if each["mapping"] == asked.name), None)
    if found is None:
        raise Turned(404, "not_found", f"the data process has said nothing of a mapping {asked.name[:100]!r}")
    return {
        "mapping": found,
        "passes": [{**each, "drift": drift(each["counts"])} for each in found["passes"]],
        "letters": found.get("dead_letters", ()),
        "let_go": found.get("let_go", ()),
        "differs": found.get("drift"),
        "columns": columns(found.get("drift") or {}),
        "routes": _routes(desk.config).get(found["mapping"], []),
        "silent": _silence(files, now),
        "now": now,
    }


def drift(counts: Mapping[str, Any]) -> int:
    """Rows that differ."""
    return sum(int(counts.get(kind, 0)) for kind in _KINDS)


def columns(found: Mapping[str, Any]) -> list[tuple[str, int]]:
    """How many of the rows that differ do so in which column, most first."""
    return sorted(found.get("columns", {}).items(), key=lambda item: (-item[1], item[0]))


def _routes(config: Config) -> Mapping[str, list[str]]:
    """Which routes read or write which mapping."""
    found: dict[str, list[str]] = {}
    for route in config.routes:
        for name in route.data:
            found.setdefault(name, []).append(route.name)
    return found


def _silence(files: Mapping[str, Any], now: float) -> float | None:
    """Seconds since something was said, if that is too long ago."""
    last = max((float(file.get("at", 0.0)) for file in files.values()), default=None)
    return now - last if last is not None and now - last > STALE else None
