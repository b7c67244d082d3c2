"""What somebody wants to have recorded, checked against the configuration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from strangler.control.frames import Head
from strangler.core.errors import UsageError
from strangler.core.model import Config
from strangler.core.spec.reader import nearest
from strangler.core.units import Bytes, Seconds, Share, format_duration, format_percent, format_size

LONGEST = Seconds(86400.0)
LARGEST_BODY = Bytes(16 * 2**20)

_HEADER = re.compile(r"header:([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})", re.A)


@dataclass(frozen=True, slots=True)
class Order:
    """One recording.

    Attributes:
        actor: who asked for it.
        named: routes and groups as they were written; none for everything, also what no route matches.
        routes: the names of these routes; None for everything.
        seconds, size, count: after which it ends, whichever comes first; no count is 0.
        max_body: of a body that is kept.
        keep: names of headers, in lower case, whose values are kept as they are, whatever they hold.
    """

    actor: str
    named: tuple[str, ...]
    routes: frozenset[str] | None
    sample: Share
    seconds: Seconds
    size: Bytes
    count: int
    max_body: Bytes
    keep: frozenset[str]

    def head(self, token: str, path: str) -> Head:
        """What workers are told of it."""
        routes = None if self.routes is None else sorted(self.routes)
        return {"token": token, "path": path, "routes": routes, "sample": self.sample, "max_body": self.max_body}

    def __str__(self) -> str:
        what = " and ".join(self.named) or "everything"
        part = "" if self.sample >= 1 else f"{format_percent(self.sample)} of "
        kept = f", WITH THE SECRETS in {', '.join(sorted(self.keep))}" if self.keep else ""
        return f"{part}{what} for up to {format_duration(self.seconds)} or {format_size(self.size)}{kept}"


def routes_of(config: Config, named: Sequence[str]) -> frozenset[str] | None:
    """The routes of names and ``@groups``; None if nothing is named. Raises UsageError."""
    if not named:
        return None
    found: set[str] = set()
    for name in named:
        routes = [route.name for route in config.routes if name in (route.name, f"@{route.group}" if route.group else "")]
        if not routes:
            groups = sorted({f"@{route.group}" for route in config.routes if route.group})
            known = [*(route.name for route in config.routes), *groups]
            raise UsageError(f"there is no route or group {name[:100]!r}{nearest(name[:100], known)}")
        found.update(routes)
    return frozenset(found)


def headers_of(keep: Sequence[str]) -> frozenset[str]:
    """Names of headers, of ``header:NAME``. Raises UsageError."""
    found = [(text, _HEADER.fullmatch(text)) for text in keep]
    for text, header in found:
        if header is None:
            raise UsageError(f"--keep {text[:100]!r}: write header:NAME, such as header:cookie")
    return frozenset(header[1].lower() for _, header in found if header is not None)
