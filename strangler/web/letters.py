"""Dead letters: what operators can do about them. Everything here may block, for as long as a database does."""

from __future__ import annotations

import os
from typing import Any

from strangler.control import letters
from strangler.control.letters import LetGo
from strangler.core.errors import UsageError
from strangler.web.desk import Desk
from strangler.web.endpoint import Asked


def retry_events(desk: Desk, asked: Asked) -> Any:
    """Send an event that could not be delivered again, or all of a sink's."""
    sink, number, everything = (asked.given[name] for name in ("sink", "number", "all"))
    if everything == (number is not None):
        raise UsageError("say which: the number of a dead letter, or all")
    many = letters.retry_events(desk.config, os.environ, sink, number)
    return _retried(desk, asked, many, f"of the sink {sink}")


def skip_event(desk: Desk, asked: Asked) -> Any:
    """Let an event go: its sink never gets it, and what is held behind it goes on."""
    given = asked.given
    found = letters.skip_event(desk.config, os.environ, given["sink"], given["number"], given["reason"], asked.actor.name)
    return _let_go(desk, asked, found, f"event {given['number']} of the sink {given['sink']}")


def retry_keys(desk: Desk, asked: Asked) -> Any:
    """Try a key again that the relay has given up, or all of a mapping's."""
    mapping, key, everything = (asked.given[name] for name in ("mapping", "key", "all"))
    if everything == bool(key):
        raise UsageError("say which: the key of a dead letter, or all")
    many = letters.retry_keys(desk.config, os.environ, mapping, key)
    return _retried(desk, asked, many, f"of the mapping {mapping}")


def skip_key(desk: Desk, asked: Asked) -> Any:
    """Let a key go: its row stays as it is, and is drift, until it changes again or is repaired."""
    given = asked.given
    found = letters.skip_key(desk.config, os.environ, given["mapping"], given["key"], given["reason"], asked.actor.name)
    return _let_go(desk, asked, found, f"a key of the mapping {given['mapping']}")


def _retried(desk: Desk, asked: Asked, many: int, where: str) -> Any:
    desk.control.complain(f"{asked.actor.name} has {many:,} dead letter{'s' * (many != 1)} {where} tried again")
    return {"retried": many}


def _let_go(desk: Desk, asked: Asked, found: LetGo, what: str) -> Any:
    """Who and why is kept beside the other dead letters; the log says that it was done."""
    desk.control.complain(f"{asked.actor.name} let {what} go")
    return {"let_go": found.name, "error": found.error, "held": found.held}
