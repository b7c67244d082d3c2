"""From a recorded request to the one that is sent: without what held for one connection, one client or one moment.

What a shadow request says otherwise than its original, a replayed one says otherwise, too: conditions and ranges are left out, an
idempotency key gets a suffix of this run, the trace is another one. It says that it is a replay, and never that it is a shadow:
an application that does nothing for a shadow could not be asked for what it made.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from strangler.core.model import Config, Route, Side, Upstream
from strangler.proxy.adapt import Adapter
from strangler.proxy.headers import REQUEST_NAMES, Action
from strangler.proxy.heads import RequestHead
from strangler.proxy.hooks import load_hook
from strangler.proxy.shadow_head import linked
from strangler.traffic.entry import Entry
from strangler.traffic.replay.plan import Aside

MARKER = (b"X-Strangler-Replay", b"1")

_KEPT = (Action.KEEP, Action.CLAIM, Action.REQUEST_ID)
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BROKEN = re.compile(rb"[\x00\r\n]")
_TARGET = re.compile(rb"/[\x21-\x7e\x80-\xff]*")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*(?=")')

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is sent.

    Attributes:
        host: value of Host.
    """

    method: str
    target: bytes
    host: bytes
    headers: tuple[Header, ...]
    body: bytes


class Writer:
    """Writes requests.

    Args:
        run: names this run, in the suffix of idempotency keys: what was done once by an earlier one is done again.
        draw: so many random bits.
    """

    def __init__(self, config: Config, run: str, draw: Callable[[int], int] = secrets.randbits) -> None:
        self._folder, self._run, self._draw = config.folder, run, draw
        self._adapters: dict[str, Adapter] = {}

    def write(self, entry: Entry, route: Route, upstream: Upstream, side: Side) -> Asked | Aside:
        """The request for one upstream, or why there can be none. Raises UsageError for a hook that cannot be loaded."""
        target = entry.target.encode("latin-1", "replace")
        headers = [*self._headers(entry), *_claims(entry)]
        if side is Side.MODERN:
            adapter = self._adapter(route)
            adapted = adapter.target(target)
            if adapted is None:
                return Aside("adapt_path")
            target, headers = adapted, _without(headers, adapter)
            headers += [(name, value) for name, _, value in (line.partition(b": ") for line in adapter.lines)]
        sound = all(_NAME.fullmatch(name) and not _BROKEN.search(value) for name, value in headers)
        host = _host(entry, upstream)
        if not sound or not _TARGET.fullmatch(target) or not host or _BROKEN.search(host) or b" " in host:
            return Aside("unsendable")
        return Asked(entry.method, target, host, (*headers, MARKER), entry.request.body or b"")

    def _headers(self, entry: Entry) -> list[Header]:
        made: list[Header] = []
        for name, value in entry.request.headers:
            key, text = name.encode("latin-1", "replace"), value.encode("latin-1", "replace").strip(b" \t")
            if key.startswith(b":"):  # of HTTP/2, as browsers keep it
                continue
            action = REQUEST_NAMES[key]
            if action in _KEPT:
                made.append((key, text))
            elif action is Action.ONCE:
                made += self._once(key, text)
        return made

    def _once(self, name: bytes, value: bytes) -> list[Header]:
        low = name.lower()
        if b"idempotency" in low:
            return [(name, _suffixed(value, f"-replay-{self._run}".encode()))]
        if low == b"traceparent":
            lines = (line.partition(b": ") for line in linked(value, self._draw))
            return [(key, text) for key, _, text in lines]
        return []

    def _adapter(self, route: Route) -> Adapter:
        if route.name not in self._adapters:
            hook = load_hook(route.adapt.response.python, self._folder) if route.adapt.response.python else None
            self._adapters[route.name] = Adapter(route, hook, lambda _, __: None)
        return self._adapters[route.name]


def _without(headers: list[Header], adapter: Adapter) -> list[Header]:
    gone = frozenset(adapter.left_out(RequestHead(headers, True)))
    return [header for at, header in enumerate(headers) if at not in gone]


def _claims(entry: Entry) -> list[Header]:
    """What a proxy says of where a request came from, unless the recording does."""
    known = {name.lower() for name, _ in entry.request.headers}
    told = {"X-Forwarded-Proto": entry.scheme, "X-Forwarded-Host": entry.host} if entry.host else {}
    return [(name.encode(), value.encode("latin-1", "replace")) for name, value in told.items() if name.lower() not in known]


def _host(entry: Entry, upstream: Upstream) -> bytes:
    authority = upstream.url.authority
    name = {"preserve": entry.host or authority, "upstream": authority}.get(upstream.host, upstream.host)
    return name.encode("latin-1", "replace")


def _suffixed(key: bytes, suffix: bytes) -> bytes:
    """Inside the quotes of a structured string (RFC 8941 section 3.3.3)."""
    quoted = _QUOTED.match(key)
    return key[: quoted.end()] + suffix + key[quoted.end() :] if quoted else key + suffix
