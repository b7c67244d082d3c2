"""What tests are written in: the user's YAML, and requests as one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from strangler.config.load import Outcome, read
from strangler.core.model import Config, Route
from strangler.core.request import Request, host_of

HEAD = """\
version: 1
upstreams: {legacy: {url: "http://old.example:1"}, modern: {url: "http://new.example:1"}, other: {url: "http://other.example:1"}}
"""
HERE = Path(__file__).parent  # for files that a configuration names


def outcome(text: str | bytes, environ: Mapping[str, str] | None = None, folder: Path = HERE) -> Outcome:
    """Read a whole file."""
    return read(text if isinstance(text, bytes) else text.encode(), environ or {}, folder)


def config(text: str) -> Config:
    """A sound configuration from what follows `upstreams:`."""
    found = outcome(HEAD + text)
    assert found.config is not None, [problem.render("routes.yaml") for problem in found.problems]
    return found.config


def route(keys: str, match: str = "path: /a") -> Route:
    """One route, from its keys in YAML's flow form."""
    return config(f"routes: [{{name: r, match: {{{match}}}, {keys}}}]").routes[0]


def request(line: str, *headers: str, client: str = "192.0.2.1") -> Request:
    """``GET /path?query`` or ``GET http://host/path``, and ``name: value`` headers."""
    method, _, target = line.partition(" ")
    host = ""
    if target.startswith("http://"):
        host, slash, rest = target.removeprefix("http://").partition("/")
        target = slash + rest
    path, _, query = target.partition("?")
    pairs = [(name.encode(), value.strip().encode("latin-1")) for name, _, value in (header.partition(":") for header in headers)]
    return Request(method, path, query, host_of(host), client, pairs)
