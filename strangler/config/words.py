"""The scalars of routes.yaml that have a form of their own: addresses, URLs, names, hooks."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from strangler.core.jsonpath import parse_pattern
from strangler.core.model import Address, StickyKey, Url
from strangler.core.spec.kinds import Word, is_yaml_boolean, not_empty
from strangler.core.target import ambiguity
from strangler.core.template import parse_template

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_HOST_LABELS = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HOOK = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TOKEN_PATTERN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
_FRAMING = frozenset(
    ("connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
# Who the client is and which request this is: an upstream believes the proxy about these.
_OURS = frozenset(("forwarded", "http2-settings", "proxy-authorization", "via", "x-real-ip", "x-request-id"))
_TOKEN_HASH = re.compile(r"sha256:[0-9a-fA-F]{64}")
_STORE = re.compile(r"(sqlite|postgresql)(\+\w+)?://.+", re.ASCII)


def word(noun: str, parse: Callable[[str], object], pattern: str | None = None) -> Word:
    """A scalar read by `parse`."""
    return Word(noun, parse, pattern=pattern)


def address() -> Word:
    return word("an address such as 127.0.0.1:8080 or unix:/run/strangler.sock", _address)


def url() -> Word:
    return word("a URL such as http://127.0.0.1:9001", _url, "^https?://")


def webhook() -> Word:
    return word("a URL such as https://example.org/hook", _webhook, "^https?://")


def network() -> Word:
    return word("a network such as 10.0.0.0/8", _network)


def name() -> Word:
    return Word("a name", _name, pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", bare=True)


def token_hash() -> Word:
    return word("the hash of a token, such as sha256:9f86…", _token_hash, "^sha256:[0-9a-fA-F]{64}$")


def header() -> Word:
    return word("a header name", _header, _TOKEN_PATTERN)


def own_header() -> Word:
    """A header that a route may set or remove: not one that frames the message, belongs to the connection, or is ours."""
    return word("a header name", _own_header, _TOKEN_PATTERN)


def header_value() -> Word:
    return Word("a header value", _header_value, bare=True)


def cookie() -> Word:
    return word("a cookie name", _cookie, _TOKEN_PATTERN)


def request_path() -> Word:
    return word("a path such as /healthz", _request_path, "^/")


def host_header() -> Word:
    return word("preserve, upstream, or a host such as shop.example.org", _host_header)


def access() -> Word:
    return word("off, stdout or a file", _access)


def off(instead: str) -> Word:
    """The word ``off`` for None, where a mapping may stand as well."""
    return word(f"off, or a mapping such as {instead}", lambda text: _off(text, instead), "^off$")


def protocol() -> Word:
    return word("a protocol such as websocket", _protocol, _TOKEN_PATTERN)


def method() -> Word:
    return word("a method such as GET", _method, "^[A-Z-]+$")


def host_pattern() -> Word:
    return word("a host name such as shop.example.org or *.example.org", _host_pattern)


def new_path() -> Word:
    return word("a path such as /v2/orders/{id}", _new_path, "^/")


def template() -> Word:
    return word("a path such as /api/orders/{id}", parse_template, "^/")


def pattern() -> Word:
    return word("a path pattern such as $.items[*].id", parse_pattern, "^\\$")


def sticky_key() -> Word:
    return word("header:NAME, cookie:NAME, path:PARAMETER or ip", _sticky_key, "^(ip|(header|cookie|path):.+)$")


def hook() -> Word:
    return word("a Python function such as my_adapters:order", _hook, "^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$")


def version_source() -> Word:
    return word("header:NAME", _version_source, "^header:.+")


def store_url() -> Word:
    return word("a database URL such as sqlite:///strangler.db", _store, "^(sqlite|postgresql)")


def workers() -> Word:
    return Word(
        "a number of workers from 1 to 256, or auto",
        _workers,
        pattern=r"^([1-9]\d{0,2}|auto)$",
        bare=True,
        show=lambda count: count or "auto",
    )


def day() -> Word:
    return word("a date such as 2027-03-31", _day, r"^\d{4}-\d{2}-\d{2}$")


def file_version() -> Word:
    return Word("1", _file_version, bare=True)


def route_or_group() -> Word:
    return Word("a route's name, or @GROUP", _route_or_group, bare=True)


def salt() -> Word:
    return Word("a salt", _salt, bare=True)


def _route_or_group(text: str) -> str:
    return f"@{_name(text[1:])}" if text.startswith("@") else _name(text)


def _salt(text: str) -> str:
    if not text or not text.isprintable():
        raise ValueError("a salt is printable text, and not empty")
    return text


def _port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or not 0 <= int(text) <= 65535:
        raise ValueError(f"{text!r} is not a port: 0 to 65535 (0 lets the system choose)")
    return int(text)


def _address(text: str) -> Address:
    if text.startswith("unix:"):
        if not text[5:] or not text.isprintable():
            raise ValueError(f"{text!r} is not a socket path: write unix:PATH")
        return Address(unix=text[5:])
    host, colon, port = text.rpartition(":")
    if not colon:
        whole = f"127.0.0.1:{text}" if text.isdecimal() else f"{text}:8080"
        raise ValueError(f"{text!r} is not host and port: write {whole}, or unix:PATH")
    if ":" in host and not host.startswith("["):
        raise ValueError(f"{text!r}: IPv6 goes in brackets: write [{host}]:{port}")
    return Address(_host(host), _port(port))


def _host(text: str) -> str:
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ip_address(bare))
    except ValueError:
        if ":" in bare or not _HOST_LABELS.fullmatch(bare) or len(bare) > 253:
            raise ValueError(f"{text!r} is not a host name or IP address (IPv6 goes in brackets)") from None
    return bare.lower()


def _url(text: str) -> Url:
    parts = _split_url(text)
    if parts.username or parts.password:
        raise ValueError("a URL with a user in it: credentials do not belong here")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"{text!r} has a path: an upstream is scheme, host and port; change paths with `adapt`")
    return Url(parts.scheme, _host(parts.hostname or ""), parts.port or {"http": 80, "https": 443}[parts.scheme])


def _webhook(text: str) -> str:
    _host(_split_url(text).hostname or "")
    return text


def _split_url(text: str):  # type: ignore[no-untyped-def]
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"{text!r} is not a URL: write http://HOST:PORT or https://HOST") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(f"{text!r} is not a URL: write http://HOST:PORT or https://HOST")
    return parts


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a network: {error}; write 10.0.0.0/8") from None


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a name: letters, digits, dots, dashes and underscores, at most 100")
    return text


def _token_hash(text: str) -> str:
    """In lower case. What is written there instead may be the token, so nothing of it is said again."""
    if not _TOKEN_HASH.fullmatch(text):
        how = '`printf %s "$TOKEN" | sha256sum` prints it'
        raise ValueError(f"this is not the hash of a token: write `sha256:` and its SHA-256 in hexadecimal ({how})")
    return text.lower()


def _header(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text!r} is not a header name")
    return text.lower()


def _own_header(text: str) -> str:
    header = _header(text)
    if header == "host":
        raise ValueError("Host is set by `host:` of the upstream")
    dashed = header.replace("_", "-")
    if dashed in _FRAMING | _OURS or dashed.startswith(("x-strangler-", "x-forwarded-")):
        raise ValueError(f"{text} is the proxy's own: it cannot be set or removed")
    return header


def _header_value(text: str) -> str:
    not_empty(text)
    if not text.isascii() or not text.isprintable():
        raise ValueError("a header value is printable ASCII")
    return text


def _request_path(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} does not start with /")
    if not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        raise ValueError(f"{text!r}: write spaces and other than ASCII characters percent-encoded, and no #")
    return text


def _new_path(text: str) -> str:
    outside = re.sub(r"\{[^{}]*\}", "", text)
    if "{" in outside or "}" in outside:
        raise ValueError(f"{text!r}: the braces do not pair")
    if "?" in text:
        raise ValueError(f"{text!r} has a query: the request's own goes on as it is")
    reason = ambiguity(re.sub(r"\{[^{}]*\}", "x", text))
    if reason:
        raise ValueError(f"{text!r} can be read in more than one way ({reason})")
    return _request_path(text)


def _host_header(text: str) -> str:
    if text in ("preserve", "upstream"):
        return text
    host, colon, port = text.rpartition(":") if re.search(r":\d*$", text) else (text, "", "")
    _host(host)
    if colon:
        _port(port)
    return text


def _access(text: str) -> str:
    if text != "off" and is_yaml_boolean(text):
        raise ValueError(f"write off, stdout or a file (YAML readers disagree about {text!r})")
    return not_empty(text)


def _off(text: str, instead: str) -> None:
    if text != "off":
        raise ValueError(f"{text!r} is neither off nor a mapping such as {instead}")


def _protocol(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text!r} is not a protocol such as websocket")
    if text.lower() == "h2c":
        raise ValueError("h2c is never passed on: it would carry requests past the routes")
    return text.lower()


def _method(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z-]+", text):
        raise ValueError(f"{text!r} is not a method")
    if text != text.upper():
        raise ValueError(f"methods are upper case: write {text.upper()}")
    return text


def _host_pattern(text: str) -> str:
    bare = text.removeprefix("*.")
    if ":" in bare and "]" not in bare and bare.count(":") == 1:
        raise ValueError(f"{text!r} has a port: write {text.partition(':')[0]}, every port matches")
    return text[: len(text) - len(bare)] + _host(bare)


def _sticky_key(text: str) -> StickyKey:
    source, colon, key = text.partition(":")
    if text == "ip":
        return StickyKey("ip")
    if source not in ("header", "cookie", "path") or not colon or not key:
        raise ValueError(f"{text!r} is not one of header:NAME, cookie:NAME, path:PARAMETER, ip")
    return StickyKey(source, key if source == "path" else _header(key) if source == "header" else _cookie(key))


def _cookie(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text!r} is not a cookie name")
    return text


def _hook(text: str) -> str:
    if not _HOOK.fullmatch(text):
        raise ValueError(f"{text!r} is not a Python function: write MODULE:FUNCTION")
    return text


def _version_source(text: str) -> str:
    source, _, key = text.partition(":")
    if source != "header" or not key:
        raise ValueError(f"{text!r} does not say where the version stands: write header:NAME")
    return f"header:{_header(key)}"


def _store(text: str) -> str:
    if not _STORE.fullmatch(text):
        raise ValueError("is not a store: write sqlite:///FILE or postgresql+psycopg://…")
    return text


def _workers(text: str) -> int:
    if text == "auto":
        return 0
    if not re.fullmatch(r"[1-9]\d{0,2}", text, re.ASCII) or int(text) > 256:
        raise ValueError(f"{text!r} is not a number of workers: 1 to 256, or auto")
    return int(text)


def _day(text: str) -> date:
    try:
        if not _DAY.fullmatch(text):  # what else is ISO 8601 (2027-W13-3) is no help to a reader
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date: write 2027-03-31") from None


def _file_version(text: str) -> int:
    if text != "1":
        raise ValueError(f"version {text!r} is not known: this Strangler reads version 1")
    return 1
