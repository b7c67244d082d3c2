"""routes.yaml, described once: the reader, the defaults and the JSON Schema all come from here.

Defaults live in `strangler.core.model`; a key that is not written is not passed on.
"""

from __future__ import annotations

from typing import Any

from strangler.config import words
from strangler.core.capabilities import CAPABILITIES
from strangler.core.model import (
    NOISE_KINDS,
    OWN_AUTHORITY,
    Adapt,
    AdaptRequest,
    AdaptResponse,
    Admin,
    Breaker,
    Compare,
    Fallback,
    Guard,
    Health,
    Identity,
    Ladder,
    Limits,
    Listener,
    Log,
    Match,
    Milestone,
    Missing,
    Noise,
    Noisy,
    Notify,
    Redact,
    Retention,
    Route,
    Shadow,
    Stage,
    Sticky,
    Timeouts,
    Tls,
    Tolerance,
    Unordered,
    Upstream,
    User,
)
from strangler.core.spec.kinds import boolean, choice, duration, integer, number, optional, percent, size, text
from strangler.core.spec.section import Either, Field, ListOf, MapOf, Section

TREAT_EQUAL = (
    "null_missing",  # a member that is null, and one that is not there
    "number_string",  # a number, and a text that says it
    "case",  # texts in upper and in lower case
    "trailing_slash",  # texts with and without a slash at the end
    "whitespace",  # texts that differ in how much white space there is, or have some at an edge
    "empty_null",  # null, and an empty text, list or object
)
DETECT = ("email", "card", "jwt")


def _match(methods: tuple[str, ...] | None = None, **rest: Any) -> Match:
    return Match(methods=frozenset(methods) if methods is not None else None, **rest)


TLS = Section(
    "certificate files",
    Tls,
    Field("cert", text("a PEM file", bare=False), "certificate chain, PEM", required=True),
    Field("key", text("a PEM file", bare=False), "private key, PEM", required=True),
)

LISTENER_TLS = Either(choice("ca", make=lambda _: OWN_AUTHORITY), TLS)

LIMITS = Section(
    "limits",
    Limits,
    Field("header_bytes", size(1024), "all header lines of a request together"),
    Field("headers", integer(1, 10_000), "number of header lines"),
    Field("header_timeout", duration(), "until the request's head is complete"),
    Field("idle", duration(), "keep-alive connections without a request"),
    Field("connections", integer(1, 1_000_000), "open client connections of this listener"),
    Field("body", optional(size(), "none"), "largest request body, or none"),
)

LISTENER = Section(
    "a listener",
    Listener,
    Field("address", words.address(), "host:port or unix:PATH", required=True),
    Field("engine", choice(*CAPABILITIES), "native (HTTP/1.1, fast) or mitmproxy (HTTP/2 as well)"),
    Field("tls", LISTENER_TLS, "serve HTTPS with this certificate; ca: with one of an authority that is made for it"),
    Field("trusted_proxies", ListOf(words.network()), "only their Forwarded and X-Forwarded-* are believed"),
    Field("limits", LIMITS, "what one client may ask for"),
)

USER = Section(
    "a user",
    User,
    Field("token", words.token_hash(), "hash of the token (never the token itself)", required=True),
    Field("role", choice("viewer", "operator"), "viewer reads, operator flips"),
    shorthand=words.token_hash(),
)

ADMIN = Section(
    "the admin address",
    Admin,
    Field("address", words.address(), "host:port or unix:PATH"),
    Field("users", MapOf(words.name(), USER, "users by name"), "without users: one token, made at first start"),
    Field("tls", TLS, "serve HTTPS with this certificate"),
    Field("insecure", boolean(), "allow plain HTTP off loopback"),
)

IDENTITY = Section(
    "identity",
    Identity,
    Field("ask", words.name(), "upstream that knows the session", required=True),
    Field("path", words.request_path(), "where it says who this is", required=True),
    Field("forward", ListOf(words.own_header(), unique=True, least=1), "the only headers that are sent along", required=True),
    Field("cache", duration(zero=True), "how long an answer is believed"),
    Field("as", words.own_header(), "signed header that modern gets", attribute="header"),
)

UPSTREAM = Section(
    "an upstream",
    Upstream,
    Field("url", words.url(), "scheme, host and port", required=True),
    Field("host", words.host_header(), "Host header: preserve, upstream, or a literal"),
    Field(
        "timeouts",
        Section(
            "timeouts",
            Timeouts,
            Field("connect", duration(), "until connected"),
            Field("response", duration(), "until the head of the answer has come"),
            Field("idle", duration(), "between two bytes"),
        ),
        "connect, response and idle timeouts; there is no total",
    ),
    Field(
        "health",
        Section(
            "a health check",
            Health,
            Field("path", words.request_path(), "asked with GET; 2xx and 3xx are well", required=True),
            Field("every", duration(), "time between two checks"),
            Field("fail", integer(1, 1000), "misses in a row that take it out", attribute="fails"),
            Field("pass", integer(1, 1000), "answers in a row that bring it back", attribute="passes"),
        ),
        "active health check",
    ),
    Field(
        "breaker",
        Either(
            words.off("{error_rate: 50%}"),
            Section(
                "a breaker",
                Breaker,
                Field("error_rate", percent(), "share of failures that opens it"),
                Field("min_requests", integer(1, 1_000_000), "fewer requests in the window never open it"),
                Field("window", duration(), "how far back it looks"),
                Field("open", duration(), "how long it stays open"),
            ),
        ),
        "passive breaker, or off (the default for legacy)",
    ),
    Field("version", words.version_source(), "response header that names the build; evidence is counted per build"),
    Field("identity", IDENTITY, "tell this upstream who the user of another one is"),
    Field("ca", text("a PEM file", bare=False), "authorities to trust instead of the system's, PEM"),
)

MATCH = Section(
    "a match",
    _match,
    Field("path", words.template(), "template: {name}, {name:regex}, {name...}", required=True),
    Field("methods", ListOf(words.method(), unique=True, least=1), "all methods if not given"),
    Field("host", words.host_pattern(), "host name, or *.example.org"),
    Field("headers", MapOf(words.header(), words.header_value(), "headers by name"), 'value, or "*": is there'),
    Field("query", MapOf(text(), text("text"), "parameters by name"), 'value, or "*": is there'),
    Field("cookies", MapOf(words.cookie(), words.header_value(), "cookies by name"), 'value, or "*": is there'),
)

_HEADERS = MapOf(words.own_header(), words.header_value(), "headers by name")

ADAPT = Section(
    "adapt",
    Adapt,
    Field(
        "request",
        Section(
            "changes of the request",
            AdaptRequest,
            Field("path", words.new_path(), "new path, with the route's parameters"),
            Field("set_headers", _HEADERS, "headers to set"),
            Field("remove_headers", ListOf(words.own_header(), unique=True), "headers to remove"),
        ),
        "applies to the modern leg only",
    ),
    Field(
        "response",
        Section(
            "changes of the response",
            AdaptResponse,
            Field("rename", MapOf(words.pattern(), words.pattern(), "path patterns"), "JSON members to move: from, to"),
            Field("python", words.hook(), "a function that gets and returns the answer"),
        ),
        "applies to modern's answer only",
    ),
)

SHADOW = Section(
    "shadow",
    Shadow,
    Field("sample", percent(), "share of requests that are copied"),
    Field("methods", ListOf(words.method(), unique=True, least=1), "methods that are copied"),
    Field("timeout", duration(), "deadline of the whole copy"),
    Field("concurrency", integer(1, 100_000), "copies under way at once, per worker"),
    Field("max_body", size(), "larger bodies are not compared"),
    Field("during", ListOf(choice("shadow", "canary", "modern", make=Stage), unique=True), "stages at which copies are sent"),
)

COMPARE = Section(
    "compare",
    Compare,
    Field("headers", ListOf(words.header(), unique=True), "response headers that count"),
    Field("ignore", ListOf(words.pattern(), unique=True), "places that do not count"),
    Field(
        "unordered",
        ListOf(
            Section(
                "an unordered list",
                Unordered,
                Field("path", words.pattern(), "the list", required=True),
                Field("key", text("a member's name"), "member that pairs items; by value if not given"),
                shorthand=words.pattern(),
            )
        ),
        "lists whose order does not count",
    ),
    Field(
        "tolerance",
        ListOf(
            Section(
                "a tolerance",
                Tolerance,
                Field("path", words.pattern(), "the value", required=True),
                Field("abs", number(0, 1e18), "largest difference of two numbers"),
                Field("seconds", number(0, 1e9), "largest difference of two times"),
            )
        ),
        "values that may be a little apart",
    ),
    Field("treat_equal", ListOf(choice(*TREAT_EQUAL), unique=True), "kinds of difference that do not count"),
    Field("python", words.hook(), "a comparison of your own"),
)

GUARD = Section(
    "guard",
    Guard,
    Field("match_rate", percent(), "agreement that must be shown"),
    Field("confidence", percent(), "how sure the guard must be"),
    Field("coverage", percent(), "share of comparable requests that must have been compared"),
    Field("error_increase", percent(), "how much larger modern's error share may be"),
    Field("latency_ratio", number(0.01, 1000), "modern's p95 over legacy's"),
    Field("max_lag", duration(), "how far the data may be behind"),
    Field("compared_within", duration(), "how long ago the data may have been compared last"),
    Field("quiet", duration(zero=True), "how long legacy must have been unused before a route retires"),
)

_ROUTE_FIELDS = (
    Field("stage", choice(*Stage, literal=True, make=Stage), "rung of the ladder"),
    Field("weight", percent(literal=True), "share of the canary that modern serves"),
    Field(
        "sticky",
        Section(
            "sticky",
            Sticky,
            Field("by", words.sticky_key(), "header:NAME, cookie:NAME, path:PARAMETER or ip", required=True),
            Field("salt", words.salt(), "users are split anew when it changes; default: the group's name"),
            Field("missing", choice(*Missing, make=Missing), "requests without a key: legacy, or draw"),
            partial=True,
        ),
        "who stays together during a canary",
    ),
    Field("group", words.name(), "routes that flip together"),
    Field("data", ListOf(words.name(), unique=True), "mappings this route reads or writes"),
    Field("legacy", words.name(), "upstream that is legacy for this route"),
    Field("modern", words.name(), "upstream that is modern for this route"),
    Field("fallback", choice(*Fallback, make=Fallback), "safe: legacy answers safe methods when modern cannot"),
    Field("unsafe", choice("independent"), "unsafe methods may be split by weight (a route without data)"),
    Field("upgrades", ListOf(words.protocol(), unique=True), "protocols that may be switched to"),
    Field("adapt", ADAPT, "translation for the modern leg"),
    Field("shadow", SHADOW, "copies to the candidate"),
    Field("compare", COMPARE, "what counts as a difference"),
    Field(
        "noise",
        Section(
            "noise",
            Noise,
            Field("learn", boolean(), "ask control twice on a small sample"),
            Field("sample", percent(), "share that is asked twice"),
            Field(
                "fields",
                ListOf(
                    Section(
                        "a noisy field",
                        Noisy,
                        Field("path", words.pattern(), "the field", required=True),
                        Field("kind", choice(*NOISE_KINDS), "the shape that it must keep", required=True),
                    )
                ),
                "fields that differ from themselves: their values do not count, their shapes do",
            ),
        ),
        "learning what differs from itself",
    ),
    Field(
        "redact",
        Section(
            "redact",
            Redact,
            Field("headers", ListOf(words.header(), unique=True), "headers whose values are not kept"),
            Field("fields", ListOf(words.pattern(), unique=True), "members whose values are not kept"),
            Field("detect", ListOf(choice(*DETECT), unique=True), "kinds of secret found anywhere"),
        ),
        "what never reaches the store",
    ),
    Field("guard", GUARD, "evidence that a flip needs"),
    Field(
        "ladder",
        Section(
            "ladder",
            Ladder,
            Field("auto", boolean(), "climb without a person"),
            Field("steps", ListOf(percent(), unique=True, least=1), "weights of the canary, ascending"),
            Field("dwell", duration(zero=True), "shortest time on a step"),
        ),
        "how the route climbs",
    ),
)

ROUTE = Section(
    "a route",
    Route,
    Field("name", words.name(), "name of the route", required=True),
    Field("match", MATCH, "which requests", required=True),
    *_ROUTE_FIELDS,
)

DEFAULTS = Section("defaults", dict, *_ROUTE_FIELDS)

FILE = Section(
    "routes.yaml",
    dict,
    Field("version", words.file_version(), "version of this format: 1", required=True),
    Field("listen", ListOf(LISTENER, least=1), "where clients connect"),
    Field("admin", ADMIN, "admin API and pages"),
    Field("store", words.store_url(), "where evidence is kept"),
    Field(
        "retention",
        Section(
            "retention",
            Retention,
            Field("examples", duration(zero=True), "how long examples are kept"),
            Field("size", size(), "how large the store may grow"),
        ),
        "how much evidence is kept",
    ),
    Field("workers", words.workers(), "processes that serve, or auto"),
    Field(
        "log",
        Section(
            "log",
            Log,
            Field("level", choice("debug", "info", "warning", "error"), "least level that is written"),
            Field("access", words.access(), "off, stdout, or a file of JSON lines"),
        ),
        "logging",
    ),
    Field("reload", choice("guarded", "trusted"), "trusted: edits of the file by hand need no evidence"),
    Field("upstreams", MapOf(words.name(), UPSTREAM, "upstreams by name"), "services by name", required=True),
    Field("defaults", DEFAULTS, "any key of a route, said once"),
    Field("routes", ListOf(ROUTE), "first match in file order wins"),
    Field("mappings", ListOf(text("a file", bare=False), unique=True), "files with data mappings"),
    Field(
        "notify",
        Section("notify", Notify, Field("webhook", words.webhook(), "called when a person is needed")),
        "who is told",
    ),
    Field(
        "milestones",
        ListOf(
            Section(
                "a milestone",
                Milestone,
                Field("name", text("a name"), "what is reached", required=True),
                Field("routes", ListOf(words.route_or_group(), unique=True, least=1), "routes and @groups", required=True),
                Field("due", words.day(), "date"),
            )
        ),
        "goals, shown by `strangler progress`",
    ),
)
