"""The configuration as it runs: frozen values, every default in one place, nothing left to check.

`strangler.config` reads ``routes.yaml`` into these; everything else reads only these. Field names are those of the file
wherever Python allows it. Durations are seconds, sizes bytes, percentages shares from 0 to 1 (see `units`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network

from strangler.core.frozen import Frozen
from strangler.core.jsonpath import Pattern
from strangler.core.template import Template
from strangler.core.units import Bytes, Seconds, Share

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 section 9.2.1

# Request headers that would have modern answer with less than all, or packed; then nothing of it could be translated.
UNTRANSLATABLE = frozenset({"accept-encoding", "if-modified-since", "if-none-match", "if-range", "range"})


class Stage(StrEnum):
    """Where a route stands on the ladder, in climbing order."""

    LEGACY = "legacy"
    SHADOW = "shadow"
    CANARY = "canary"
    MODERN = "modern"
    RETIRED = "retired"

    @property
    def rung(self) -> int:
        """Height on the ladder, 0 at the bottom."""
        return list(Stage).index(self)


class Side(StrEnum):
    """The two systems a route stands between."""

    LEGACY = "legacy"
    MODERN = "modern"


class Fallback(StrEnum):
    """What happens when modern fails before its first byte."""

    OFF = "off"
    SAFE = "safe"


class Missing(StrEnum):
    """Where a canary request without a sticky key goes: to legacy, or by one draw of its own."""

    LEGACY = "legacy"
    DRAW = "draw"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: host and port, or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    unix: str = ""

    def __str__(self) -> str:
        if self.unix:
            return f"unix:{self.unix}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its key, as PEM files."""

    cert: str
    key: str


OWN_AUTHORITY = Tls("", "")  # a certificate from an authority of our own, made when it is needed


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may ask of a listener. `body` None means no limit."""

    header_bytes: Bytes = Bytes(32 * 1024)
    headers: int = 128
    header_timeout: Seconds = Seconds(10)
    idle: Seconds = Seconds(75)
    connections: int = 10_000
    body: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Listener:
    """One address that clients connect to. Only `trusted_proxies` are believed about the client's address.

    Attributes:
        engine: one of `core.capabilities`.
    """

    address: Address = Address("127.0.0.1", 8080)
    engine: str = "native"
    tls: Tls | None = None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class User:
    """Who may use the admin address; `token` is a hash, never the token."""

    token: str
    role: str = "operator"


@dataclass(frozen=True, slots=True)
class Admin:
    """The admin address. Without users one token is made at first start. `insecure` allows plain HTTP off loopback."""

    address: Address = Address("127.0.0.1", 8081)
    users: Mapping[str, User] = field(default_factory=Frozen)
    tls: Tls | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Retention:
    """How long examples are kept, and how large the store may grow."""

    examples: Seconds = Seconds(14 * 86400)
    size: Bytes = Bytes(2 * 2**30)


@dataclass(frozen=True, slots=True)
class Log:
    """`access` is ``off``, ``stdout`` or a file that gets one JSON line per request."""

    level: str = "info"
    access: str = "off"


@dataclass(frozen=True, slots=True)
class Url:
    """An upstream's address: where to connect, and whether with TLS."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host, and port unless it is the scheme's own, as a Host header carries it (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`response` is until the answer's head has come, `idle` between two bytes; there is no total."""

    connect: Seconds = Seconds(2)
    response: Seconds = Seconds(30)
    idle: Seconds = Seconds(60)


@dataclass(frozen=True, slots=True)
class Health:
    """Active health checks: `fails` misses in a row take an upstream out, `passes` bring it back."""

    path: str
    every: Seconds = Seconds(5)
    fails: int = 3
    passes: int = 2


@dataclass(frozen=True, slots=True)
class Breaker:
    """Passive breaker: opens when `error_rate` of at least `min_requests` in `window` failed, for `open` seconds."""

    error_rate: Share = Share(0.5)
    min_requests: int = 20
    window: Seconds = Seconds(10)
    open: Seconds = Seconds(15)


@dataclass(frozen=True, slots=True)
class Identity:
    """Modern does not know legacy's sessions: ask the upstream `ask` who this is, send modern the signed header `header`."""

    ask: str
    path: str
    forward: tuple[str, ...]
    cache: Seconds = Seconds(60)
    header: str = "x-user"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A named service the proxy can send to.

    Attributes:
        host: ``preserve`` (the client's Host goes on), ``upstream`` (the URL's), or a literal.
        breaker: None is none; it is the default for upstreams that serve as legacy.
        version: the response header that names the build (``header:x-build``), or "".
        ca: PEM file with the authorities to trust instead of the system's.
    """

    url: Url
    host: str = "preserve"
    timeouts: Timeouts = Timeouts()
    health: Health | None = None
    breaker: Breaker | None = None
    version: str = ""
    identity: Identity | None = None
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """What a request must look like. Names of headers are lower case; a value of ``*`` means: is there."""

    path: Template
    methods: frozenset[str] | None = None
    host: str = ""
    headers: Mapping[str, str] = field(default_factory=Frozen)
    query: Mapping[str, str] = field(default_factory=Frozen)
    cookies: Mapping[str, str] = field(default_factory=Frozen)

    def takes(self, method: str) -> bool:
        return self.methods is None or method in self.methods

    @property
    def takes_unsafe(self) -> bool:
        """Whether a request with an unsafe method can match."""
        return self.methods is None or bool(self.methods - SAFE_METHODS)


@dataclass(frozen=True, slots=True)
class StickyKey:
    """Where the sticky key is found: `source` is header, cookie, path or ip; `name` which one."""

    source: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.source}:{self.name}" if self.name else self.source


@dataclass(frozen=True, slots=True)
class Sticky:
    """Who stays together. `salt` "" means the group's name, or the route's."""

    by: StickyKey
    salt: str = ""
    missing: Missing = Missing.LEGACY


@dataclass(frozen=True, slots=True)
class AdaptRequest:
    """Changes to the request of the modern leg; `path` is a template over the route's parameters."""

    path: str = ""
    set_headers: Mapping[str, str] = field(default_factory=Frozen)
    remove_headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdaptResponse:
    """Changes to modern's answer: JSON renames (from, to), and a Python hook ``module:function``."""

    rename: Mapping[Pattern, Pattern] = field(default_factory=Frozen)
    python: str = ""


@dataclass(frozen=True, slots=True)
class Adapt:
    """The anti-corruption layer; applies to the modern leg only."""

    request: AdaptRequest = AdaptRequest()
    response: AdaptResponse = AdaptResponse()


@dataclass(frozen=True, slots=True)
class Shadow:
    """How the copy is sent to the candidate; `during` lists the stages at which it is."""

    sample: Share = Share(1.0)
    methods: tuple[str, ...] = ("GET", "HEAD")
    timeout: Seconds = Seconds(5)
    concurrency: int = 64
    max_body: Bytes = Bytes(2**20)
    during: tuple[Stage, ...] = (Stage.SHADOW, Stage.CANARY)


@dataclass(frozen=True, slots=True)
class Unordered:
    """A list whose order does not count; items are paired by value, or by the member `key`."""

    path: Pattern
    key: str = ""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two values may be apart: `abs` for numbers, `seconds` for times."""

    path: Pattern
    abs: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Compare:
    """How two answers are compared; `headers` are those that count, `python` a custom comparison ``module:function``."""

    headers: tuple[str, ...] = ("content-type", "location")
    ignore: tuple[Pattern, ...] = ()
    unordered: tuple[Unordered, ...] = ()
    tolerance: tuple[Tolerance, ...] = ()
    treat_equal: tuple[str, ...] = ()
    python: str = ""


# How a field can differ from itself. A noisy value may differ, but must still be there, of the same type, and of this shape.
NOISE_KINDS: dict[str, str] = {
    "clock": "a time, written the same way on both sides",
    "uuid": "a UUID",
    "token": "text of about the same length in the same alphabet",
    "counter": "a number",
    "order": "a list of the same items in another order",
    "value": "anything of the same type",
}


@dataclass(frozen=True, slots=True)
class Noisy:
    """A field that is known to differ from itself, and how: one of `NOISE_KINDS`."""

    path: Pattern
    kind: str


@dataclass(frozen=True, slots=True)
class Noise:
    """Learning which fields differ from themselves, by asking control twice on a small sample; `fields` are accepted."""

    learn: bool = False
    sample: Share = Share(0.01)
    fields: tuple[Noisy, ...] = ()


@dataclass(frozen=True, slots=True)
class Redact:
    """What never reaches the store."""

    headers: tuple[str, ...] = ("authorization", "cookie", "set-cookie", "proxy-authorization")
    fields: tuple[Pattern, ...] = ()
    detect: tuple[str, ...] = ("email", "card", "jwt")


@dataclass(frozen=True, slots=True)
class Guard:
    """The evidence a flip needs.

    Attributes:
        max_lag: how far the data may be behind; `compared_within`: how long ago they may have been compared last.
        quiet: how long legacy must have been unused before a route retires.
    """

    match_rate: Share = Share(0.999)
    confidence: Share = Share(0.95)
    coverage: Share = Share(0.9)
    error_increase: Share = Share(0.005)
    latency_ratio: float = 1.5
    max_lag: Seconds = Seconds(5)
    compared_within: Seconds = Seconds(26 * 3600)
    quiet: Seconds = Seconds(30 * 86400)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Climbing: by itself or not, over which weights, and how long to stay on each."""

    auto: bool = False
    steps: tuple[Share, ...] = (Share(0.01), Share(0.05), Share(0.25), Share(0.5), Share(1.0))
    dwell: Seconds = Seconds(3600)


@dataclass(frozen=True, slots=True)
class Route:
    """A match plus a stage: the unit that is flipped.

    Attributes:
        index: place in the file, from 0; the first that matches wins.
        legacy, modern: names of upstreams.
        unsafe: ``independent`` lets unsafe methods be split by weight on a route without `data`.
        upgrades: protocols that may be switched to.
    """

    index: int
    name: str
    match: Match
    stage: Stage = Stage.LEGACY
    weight: Share = Share(0.0)
    sticky: Sticky | None = None
    group: str = ""
    data: tuple[str, ...] = ()
    legacy: str = "legacy"
    modern: str = "modern"
    fallback: Fallback = Fallback.SAFE
    unsafe: str = ""
    upgrades: tuple[str, ...] = ("websocket",)
    adapt: Adapt = Adapt()
    shadow: Shadow = Shadow()
    compare: Compare = Compare()
    noise: Noise = Noise()
    redact: Redact = Redact()
    guard: Guard = Guard()
    ladder: Ladder = Ladder()

    @property
    def rules(self) -> str:
        """Digest of what decides whether two answers agree: evidence that was collected under other rules does not count."""
        told = (self.legacy, self.modern, self.adapt, self.compare, self.noise.fields)
        return sha256(repr(told).encode()).hexdigest()[:12]

    @property
    def salt(self) -> str:
        """The salt of the sticky bucket: as written, else the group's name, else the route's."""
        return (self.sticky.salt if self.sticky else "") or self.group or self.name


@dataclass(frozen=True, slots=True)
class Notify:
    """Where to call when a person is needed."""

    webhook: str = ""


@dataclass(frozen=True, slots=True)
class Milestone:
    """A named goal: these routes (or ``@group``s) retired by `due`."""

    name: str
    routes: tuple[str, ...]
    due: date | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """One ``routes.yaml``, whole and valid.

    Attributes:
        default: upstream that serves what no route matches.
        workers: 0 means one per core.
        folder: where the file is; hooks are imported from it, and the identity key lies in it.
    """

    upstreams: Mapping[str, Upstream]
    default: str = "legacy"
    routes: tuple[Route, ...] = ()
    listen: tuple[Listener, ...] = (Listener(),)
    admin: Admin = Admin()
    store: str = "sqlite:///strangler.db"
    retention: Retention = Retention()
    workers: int = 1
    log: Log = Log()
    reload: str = "guarded"
    mappings: tuple[str, ...] = ()
    notify: Notify = Notify()
    milestones: tuple[Milestone, ...] = ()
    folder: str = ""
