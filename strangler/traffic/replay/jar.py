"""What one recorded client was given, and what a live upstream gave in its place: cookies, and the secrets of forms and answers.

One jar for each client and upstream. A cookie is sent as the recording has it until the upstream sets one; from then on the live
one is. Secrets (a CSRF token, a bearer token) are learned by name where both answers hold one, and replaced where a request holds
exactly that value under a name that says that it is a secret.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from strangler.core import exact
from strangler.core.answer import Answer
from strangler.core.redact.names import is_secret

_SHORTEST = 8  # characters of a secret that nobody says by accident
_MOST = 200  # of one client
_MOST_PAGE = 2**20  # characters of a page in which forms are looked for
_DEEPEST = 6
_SAFE = "[]:@!$'()*,;/?"


class Jar:
    """Starts empty.

    Attributes:
        used: how often a recorded value was replaced, by name: ``cookie session``, ``token csrf_token``.
    """

    def __init__(self) -> None:
        self._live: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._foreign: set[str] = set()  # cookies that the recording does not know
        self._gone: set[str] = set()
        self._secrets: dict[str, str] = {}
        self.used: Counter[str] = Counter()

    def learn(self, before: Answer, after: Answer) -> None:
        """From the recorded answer and the live one to the same request."""
        recorded, live = (dict(_set_cookies(answer)) for answer in (before, after))
        for name, (value, path) in live.items():
            self._foreign.discard(name) if name in recorded else self._foreign.add(name)
            self._set(name, value, path)
            if name in recorded:
                self._pair(recorded[name][0] or "", value or "")
        for name in recorded.keys() - live.keys():
            self._foreign.discard(name)
        if before.body != after.body:
            for name, old, new in _secrets(before, after):
                if is_secret(name):
                    self._pair(old, new)

    def _set(self, name: str, value: str | None, path: str) -> None:
        if value is None:
            self._live.pop(name, None)
            self._gone.add(name)
        elif name in self._live or len(self._live) < _MOST:
            self._live[name], self._paths[name] = value, path
            self._gone.discard(name)

    def _pair(self, old: str, new: str) -> None:
        if len(old) >= _SHORTEST and new and (old in self._secrets or len(self._secrets) < _MOST):
            self._secrets[old] = new

    def cookies(self, recorded: str, path: str, given: Mapping[str, str]) -> str:
        """The value of Cookie to send; "" for none.

        Args:
            recorded: what the recording has.
            path: of the request, without the query.
            given: live values by name, which win; "" leaves a cookie out.
        """
        sent: dict[str, str] = {}
        for crumb in recorded.split(";"):
            name, equals, value = (part.strip() for part in crumb.partition("="))
            if equals and name not in self._gone:
                sent[name] = self._cookie(name, value)
        foreign = sorted(self._foreign & self._live.keys() - sent.keys())
        sent |= {name: self._live[name] for name in foreign if self._reaches(name, path)}
        sent |= given
        return "; ".join(f"{name}={value}" for name, value in sent.items() if value or name not in given)

    def _cookie(self, name: str, value: str) -> str:
        live = self._live.get(name, value)
        if live != value:
            self.used[f"cookie {name}"] += 1
        return live

    def _reaches(self, name: str, path: str) -> bool:
        """Whether a cookie goes to a path (RFC 6265 section 5.1.4)."""
        below = self._paths[name].rstrip("/")
        return path == below or path.startswith(below + "/")

    def header(self, name: str, value: str) -> str:
        """The value of a header that may be a secret."""
        if not self._secrets or not (name.lower().endswith("authorization") or is_secret(name)):
            return value
        scheme, space, rest = value.partition(" ")
        if space and rest in self._secrets:
            return f"{scheme} {self._secret(f'header {name.lower()}', rest)}"
        return self._secret(f"header {name.lower()}", value)

    def fields(self, text: str) -> str:
        """A query, or a form, with the live secrets."""
        return "&".join(map(self._field, text.split("&"))) if self._secrets and text else text

    def _field(self, pair: str) -> str:
        name, equals, value = pair.partition("=")
        plain = unquote_plus(name)
        if not equals or not is_secret(plain):
            return pair
        live = self._secret(f"field {plain}", old := unquote_plus(value))
        return pair if live == old else f"{name}={quote_plus(live, safe=_SAFE)}"

    def document(self, value: Any, depth: int = 0) -> Any:
        """A JSON value with the live secrets."""
        if not self._secrets or depth > 60:
            return value
        if type(value) is dict:
            return {name: self._member(name, each, depth) for name, each in value.items()}
        return [self.document(each, depth + 1) for each in value] if type(value) is list else value

    def _member(self, name: str, value: Any, depth: int) -> Any:
        if type(value) is str:
            return self._secret(f"field {name}", value) if is_secret(name) else value
        return self.document(value, depth + 1)

    def _secret(self, place: str, value: str) -> str:
        live = self._secrets.get(value, value)
        if live != value:
            self.used[place] += 1
        return live


def _set_cookies(answer: Answer) -> Iterator[tuple[str, tuple[str | None, str]]]:
    """Names, with value (None: it is taken back) and path."""
    for name, value in answer.headers:
        if name.lower() == "set-cookie":
            yield from _set_cookie(value)


def _set_cookie(text: str) -> Iterator[tuple[str, tuple[str | None, str]]]:
    crumb, *attributes = text.split(";")
    name, equals, value = (part.strip() for part in crumb.partition("="))
    told = {key.strip().lower(): held.strip() for key, _, held in (each.partition("=") for each in attributes)}
    if not equals or not name:
        return
    path = told.get("path", "/")
    expired = told.get("max-age", "1").lstrip("-").strip("0") == "" or told.get("max-age", "").startswith("-")
    long_ago = "1970" in told.get("expires", "") and "max-age" not in told
    yield name, (None if expired or long_ago else value, path if path.startswith("/") else "/")


def _secrets(before: Answer, after: Answer) -> Iterator[tuple[str, str, str]]:
    """Name and both values of what may be a secret."""
    kinds = {_kind(before), _kind(after)}
    if kinds == {"json"}:
        with_both = _parsed(before), _parsed(after)
        yield from _members("", *with_both, 0)
    elif kinds == {"html"}:
        ours, theirs = (_Form.of(answer.body) for answer in (before, after))
        for name in ours.keys() & theirs.keys():
            if len(ours[name]) == len(theirs[name]):
                yield from ((name, *pair) for pair in zip(ours[name], theirs[name], strict=True))


def _members(name: str, ours: Any, theirs: Any, depth: int) -> Iterator[tuple[str, str, str]]:
    if type(ours) is str and type(theirs) is str:
        yield name, ours, theirs
    elif type(ours) is dict and type(theirs) is dict and depth < _DEEPEST:
        for key in ours.keys() & theirs.keys():
            yield from _members(key, ours[key], theirs[key], depth + 1)


def _kind(answer: Answer) -> str:
    value = next((value for name, value in answer.headers if name.lower() == "content-type"), "").partition(";")[0].lower()
    return next((kind for kind in ("json", "html") if kind in value), "")


def _parsed(answer: Answer) -> Any:
    try:
        return exact.parse(answer.body)
    except exact.NotJsonError:
        return None


class _Form(HTMLParser):
    """Values of hidden fields and of <meta>, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}

    @classmethod
    def of(cls, page: bytes) -> dict[str, list[str]]:
        form = cls()
        form.feed(page[:_MOST_PAGE].decode("utf-8", "replace"))
        return form.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        value = told.get("value" if tag == "input" else "content", "")
        if tag in ("input", "meta") and told.get("name") and value:
            self.found.setdefault(told["name"], []).append(value)
