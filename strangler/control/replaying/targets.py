"""Whom a recording is replayed against: an upstream of the file by its name, or any system by its URL."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from strangler.core.errors import UsageError
from strangler.core.model import Config, Match, Route, Side, Stage, Upstream, Url
from strangler.core.spec.reader import nearest
from strangler.core.template import parse_template

EVERYTHING = "everything"
"""Name of the route that takes all requests where no file has any."""

_HOST = re.compile(r"[0-9A-Za-z._-]{1,253}|[0-9A-Fa-f:.]+")


@dataclass(frozen=True, slots=True)
class Target:
    """A live system.

    Attributes:
        name: of the upstream; its URL if it is none of the file.
        side: of the routes that do not name this upstream.
    """

    name: str
    upstream: Upstream
    side: Side

    def side_on(self, route: Route) -> Side:
        """The side that it is on a route: modern's requests and answers are translated."""
        if self.name == route.modern:
            return Side.MODERN
        return Side.LEGACY if self.name == route.legacy else self.side

    def __str__(self) -> str:
        url = str(self.upstream.url)
        return url if self.name == url else f"{self.name} ({url})"


def target_of(text: str, config: Config, side: Side) -> Target:
    """The system that somebody named. Raises UsageError.

    Args:
        side: that a URL stands for, which is no upstream's.
    """
    if text in config.upstreams:
        return Target(text, config.upstreams[text], side)
    if "://" not in text:
        known = f"one of {', '.join(config.upstreams)}, or " if config.upstreams else ""
        close = nearest(text, list(config.upstreams))
        raise UsageError(f"no upstream is named {text!r}{close or f': write {known}http://HOST:PORT'}")
    url = _url(text)
    found = next((name for name, each in config.upstreams.items() if each.url == url), "")
    return Target(found, config.upstreams[found], side) if found else Target(str(url), Upstream(url), side)


def is_legacy(target: Target, config: Config) -> bool:
    """Whether it serves as legacy, so that a write there is a write to what people use."""
    return target.name in (config.default, *(route.legacy for route in config.routes)) and target.name in config.upstreams


def without_file() -> Config:
    """What holds where there is no file: everything is compared, by the defaults."""
    return with_everything(Config({}))


def with_everything(config: Config) -> Config:
    """The same, with one route for everything if it has none."""
    route = Route(0, EVERYTHING, Match(parse_template("/{path...}")), Stage.SHADOW)
    return config if config.routes else replace(config, routes=(route,))


def _url(text: str) -> Url:
    problem = UsageError(f"{text!r} is not the URL of a system: write http://HOST:PORT or https://HOST, without a path")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise problem from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment) and parts.path in ("", "/")
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or port == 0 or not plain:
        raise problem
    return Url(parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme])
