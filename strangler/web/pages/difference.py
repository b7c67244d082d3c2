"""What differs: one mismatch with both answers side by side; one cause, with its examples and what would let it pass."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from typing import Any

from strangler.control.accepting import WAYS, ignored_in
from strangler.control.diffs import other_side
from strangler.control.side_by_side import (
    DIFFERS,
    KIND_WORDS,
    NO_BODY,
    ONLY_HERE,
    aligned,
    answer,
    first_of_each,
    folded,
    headers_of,
    in_words,
    lines_of,
)
from strangler.core.errors import UsageError
from strangler.core.figures import clean
from strangler.core.model import NOISE_KINDS, Config
from strangler.core.records import Example
from strangler.web.desk import Desk
from strangler.web.endpoint import Asked
from strangler.web.reading import there

EXAMPLES, MOST_DIFFERENCES = 50, 50
_NOT_SENT = {"host", "content-length", "connection", "transfer-encoding"}  # which curl writes itself


def show(desk: Desk, asked: Asked) -> Mapping[str, Any]:
    """One mismatch."""
    with desk.store() as store:
        row = there(lambda: store.example(asked.name))
        causes = [cause for id in row.causes if (cause := _maybe(lambda id=id: store.cause(id)))]
    example, config = row.example, desk.config
    route = next((route for route in config.routes if route.name == example.route), None)
    told = [one for one in example.differences if one["kind"] in KIND_WORDS]
    whole = asked.given["whole"] == "yes"
    shown = told if whole else first_of_each(told)[:MOST_DIFFERENCES]
    sheets = [answer(example, side) for side in ("control", "candidate")]
    return {
        "row": row,
        "example": example,
        "now": time.time(),
        "causes": causes,
        "candidate": other_side(example),
        "differences": [(one, in_words(one, example.causes)) for one in shown],
        "more": len(told) - len(shown),
        "ignored": ignored_in(example, route),
        "lines": folded(aligned(sheets[0], sheets[1]), whole),
        "whole": whole,
        "request_headers": headers_of(example.request),
        "request_body": [line for line in lines_of(example.request) if line is not NO_BODY],
        "raw": {side: str(getattr(example, side).get("body") or "") for side in ("control", "candidate")},
        "curl": curl(example, config),
        "signs": (DIFFERS, ONLY_HERE),
    }


def show_cause(desk: Desk, asked: Asked) -> Mapping[str, Any]:
    """One cause."""
    with desk.store() as store:
        row = there(lambda: store.cause(asked.name))
        examples = store.examples(row.route, row.id, EXAMPLES)
    known = any(route.name == row.route for route in desk.config.routes)
    return {"row": row, "examples": examples, "now": time.time(), "ways": WAYS, "kinds": NOISE_KINDS, "known": known}


def curl(example: Example, config: Config) -> str:
    """The request as a command for a shell, sent to the proxy. What was redacted is not in it."""
    address = next((listen.address for listen in config.listen), None)
    parts = ["curl", "-i", "-X", example.method]
    for name, value in headers_of(example.request):
        if name.lower() not in _NOT_SENT:
            parts += ["-H", clean(f"{name}: {value}")]
    body = str(example.request.get("body") or "")
    if body:
        parts += ["--data-binary", body]
    where = f"http://{address}" if address is not None and not address.unix else "http://127.0.0.1"
    return shlex.join([*parts, where + clean(example.target)])


def _maybe(look: Any) -> Any:
    """A cause may have gone with its last example."""
    try:
        return look()
    except UsageError:
        return None
