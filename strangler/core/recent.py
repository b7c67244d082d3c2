"""A request that has come, as little of it as tells where it would go: what is kept of it, and what it becomes again.

Kept are method, target and host, and of headers, cookies and the client's address only what some route looks at. Of a header that
must only be there, nothing but that it is. A sticky key's bucket is kept in thousandths, which say of nobody who it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from strangler.core.bucket import bucket
from strangler.core.decide import Decision, Forward, sticky_key
from strangler.core.frozen import Frozen
from strangler.core.match import PRESENT
from strangler.core.model import Config, Sticky
from strangler.core.redact import Redactor
from strangler.core.redact.token import Mint
from strangler.core.request import Request
from strangler.core.target import canonical

LONGEST_TARGET = 4_000  # characters; what is longer is not kept, as a part of it would go elsewhere
LONGEST_VALUE = 500  # of a header or cookie
STEPS = 1_000  # of a bucket that is kept
CLIENT = "client"  # what stands for the client's address among what is looked at
_TOKEN = re.compile(r"\[[a-z_-]+:[0-9a-f]{12}\]")

Looks = Mapping[str, bool]
"""What some route looks at, ``header:NAME``, ``cookie:NAME`` or `CLIENT`; whether its value counts, or only that it is there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stood in [0, 1): in steps of a thousandth, of which the key was found `by` this, under this salt."""

    by: str
    salt: str
    at: float


@dataclass(frozen=True, slots=True)
class Recent:
    """One request that has come.

    Attributes:
        at: seconds since 1970.
        weight: of how many requests it was drawn.
        target: path and query.
        seen: what was looked at, by the names of `Looks`, and found; None if it was not there. Of what is not among the names
            nothing is known.
        route: that it matched, "" for none.
        upstream: that was to serve it, "" if it was refused.
        copies_to: upstream that was to get the copy, or "".
        place: None if its route had no sticky key, or the request none.
    """

    at: float
    weight: float
    method: str
    target: str
    host: str
    seen: Mapping[str, str | None] = field(default_factory=Frozen)
    route: str = ""
    upstream: str = ""
    copies_to: str = ""
    place: Place | None = None


def looks(config: Config) -> Looks:
    """What the routes of a configuration look at."""
    found: dict[str, bool] = {}
    for route in config.routes:
        match = route.match
        named = [("header", name, wanted) for name, wanted in match.headers.items()]
        named += [("cookie", name, wanted) for name, wanted in match.cookies.items()]
        for source, name, wanted in named:
            found[f"{source}:{name}"] = found.get(f"{source}:{name}", False) or wanted != PRESENT
        if route.sticky and (name := looked_at(route.sticky)):
            found[name] = True
    return found


def looked_at(sticky: Sticky) -> str:
    """What a sticky key is found by, as `Looks` names it; "" for the path, which is always kept."""
    source = sticky.by.source
    return CLIENT if source == "ip" else "" if source == "path" else str(sticky.by)


# In the worker: as it came.


def glimpse(request: Request, decision: Decision, wanted: Looks) -> dict[str, Any] | None:
    """What goes to control of a request, JSON-able and not redacted yet; None if it is too long."""
    if len(request.path) + len(request.query) >= LONGEST_TARGET:
        return None
    forward = decision if isinstance(decision, Forward) else None
    route = forward.route if forward else None
    return {
        "method": request.method[:32],
        "target": f"{request.path}?{request.query}" if request.query else request.path,
        "host": request.host[:300],
        "seen": {name: _seen(request, name, counts) for name, counts in wanted.items()},
        "route": route.name if route else "",
        "upstream": forward.upstream if forward else "",
        "copies_to": forward.copies_to if forward else "",
        "place": _place(request, route.sticky, route.salt, route.match) if route and route.sticky else None,
    }


def _seen(request: Request, name: str, counts: bool) -> str | None:
    source, _, wanted = name.partition(":")
    if source == CLIENT:
        return request.client or None
    values = request.header_values(wanted) if source == "header" else request.cookie_values(wanted)
    value = next((value for value in values if value), None)
    return value if value is None else value[:LONGEST_VALUE] if counts else PRESENT


def _place(request: Request, sticky: Sticky, salt: str, match: Any) -> list[Any] | None:
    key = sticky_key(sticky, match, request, canonical(request.path).segments)
    return None if key is None else [str(sticky.by), salt, int(bucket(salt, key) * STEPS) / STEPS]


# In control: without secrets.


def keep(told: Mapping[str, Any], at: float, weight: float, redactor: Redactor, mint: Mint) -> Recent:
    """A glimpse as it is stored."""
    redactor.begin()
    place = Place(*told["place"]) if told["place"] else None
    seen = {name: _redacted(name, value, redactor, mint) for name, value in told["seen"].items()}
    return Recent(
        at, weight, redactor.text(told["method"]), redactor.target(told["target"]), redactor.text(told["host"]), seen,
        told["route"], told["upstream"], told["copies_to"], place,
    )  # fmt: skip


def _redacted(name: str, value: str | None, redactor: Redactor, mint: Mint) -> str | None:
    if value is None or value == PRESENT:
        return value
    source, _, called = name.partition(":")
    if source == CLIENT:
        return mint(CLIENT, value)
    return redacted_value(source, called, value, redactor)


def redacted_value(source: str, name: str, value: str, redactor: Redactor) -> str:
    """A value as it is kept, so that one that a route asks for can be compared with it."""
    if source == "cookie":
        return redactor.header("cookie", f"{name}={value}").partition("=")[2]
    if source == "query":
        return redactor.target(f"/?{name}={value}").partition("=")[2]
    return redactor.header(name, value, LONGEST_VALUE)


# Later: a request again.


def is_token(value: str | None) -> bool:
    """Whether a part of it was a secret."""
    return value is not None and bool(_TOKEN.search(value))


def again(recent: Recent) -> Request:
    """The request, as far as it is known."""
    path, _, query = recent.target.partition("?")
    headers = [(name.partition(":")[2], value) for name, value in recent.seen.items() if value and name.startswith("header:")]
    cookies = [f"{name.partition(':')[2]}={value}" for name, value in recent.seen.items() if value and name.startswith("cookie:")]
    if cookies:
        headers.append(("cookie", "; ".join(cookies)))
    pairs = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers]
    return Request(recent.method, path, query, recent.host, recent.seen.get(CLIENT) or "", pairs)
