"""The `outbox` section as users write it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconcile.outbox import model
from reconcile.sinks.spec import KINDS
from strangler.core.spec.kinds import Word, choice, duration, integer, text
from strangler.core.spec.reader import Reader, nearest
from strangler.core.spec.section import Field, ListOf, MapOf, Section, Written

PARTS = ("id", "type", "key", "payload", "content_type", "headers", "version", "at", "order")


def _start(words: str) -> str:
    if words in ("now", "beginning"):
        return words
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        moment = datetime.min
    if moment.tzinfo is None:
        raise ValueError(f"{words!r} is not a start: write now, beginning, or a moment such as 2026-11-01T00:00:00Z")
    return words


def _route(name: str, **written: Any) -> model.Route:
    """One of the kinds is there: `check` has seen to it."""
    settings = next(written.pop(kind) for kind in KINDS if kind in written)
    return model.Route(name, settings, **written)


def sinks(named: Word) -> ListOf:
    """The list of sinks; `named` reads their names."""
    return ListOf(
        Section(
            "a sink",
            _route,
            Field("name", named, "how commands and messages call it", required=True),
            *(Field(name, kind, kind.noun) for name, kind in KINDS.items()),
            Field("types", ListOf(text("an event type"), unique=True, least=1), "the event types it takes, such as order.*"),
            Field("from", Word("a place to start", _start), "where it starts: now, beginning, a moment", attribute="start"),
            Field("attempts", integer(1, 1000), "an event that failed so often is a dead letter"),
            Field("concurrency", integer(1, 1000), "so many keys may be under way at once"),
            Field("after_dead", choice("hold", "pass"), "whether what comes after a dead letter of its key waits, or goes on"),
        )
    )


def outbox(named: Word) -> Section:
    """The section; `named` reads names of databases and sinks."""
    return Section(
        "the outbox",
        model.Outbox,
        Field("database", named, "which of `databases` has the table", required=True),
        Field("table", text("a table's name"), "the table with the events"),
        Field(
            "columns",
            MapOf(text("a part of an event"), text("a column, or SQL"), "columns"),
            "where its columns are named otherwise",
        ),
        Field("mark", text("a column's name"), "set to the current time when an event is taken over; else its row is deleted"),
        Field("source", text("a URI"), "what consumers are told events come from"),
        Field("keep", duration(), "how long delivered events can be replayed"),
        Field("sinks", sinks(named), "who gets them"),
    )


def check(outbox: Written, reader: Reader) -> None:
    """What is wrong beyond single values."""
    columns = outbox.get("columns")
    if isinstance(columns, Written):
        for part in columns:
            if part not in PARTS:
                message = f"is not a part of an event{nearest(part, list(PARTS))}: {', '.join(PARTS)}"
                reader.problem(columns.place(part), f"{columns.path}.{part}", message)
    for sink in outbox.get("sinks", []):
        if isinstance(sink, Written) and len(set(sink) & KINDS.keys()) + len(sink.broken & KINDS.keys()) != 1:
            reader.problem(sink.node, sink.path, f"needs exactly one of {', '.join(KINDS)}")
