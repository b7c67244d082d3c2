"""Documents with secrets planted at random places, and every form in which such a secret must not come out again."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from hypothesis import strategies as st

from strangler.core.document import Content
from strangler.core.jsonpath import parse_pattern
from strangler.core.model import Redact

RULES = Redact(fields=(parse_pattern("$..nickname"), parse_pattern("$.customer.born")))
KEY = b"a key of the tests, of 32 bytes."

_WORD = st.text("abcdefghijkmnopqrstuvwxyz", min_size=5, max_size=9)


def _with_check_digit(digits: str) -> str:
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return digits + str(-sum(number - 9 * (number > 9) for number in doubled) % 10)


emails = st.builds("{}.{}@{}.example".format, _WORD, _WORD, _WORD)
cards = st.text("123456789", min_size=15, max_size=15).map(_with_check_digit)
jwts = st.builds(lambda one, two: f"eyJ{one}IkpX.eyJ{two}In0.{two}{one}", _WORD, _WORD)
passwords = st.builds(
    lambda word, number: f"{word.title()}{number}", st.text("qwxzkvj", min_size=9, max_size=12), st.integers(10, 99)
)
LOOKS = {"email": emails, "card": cards, "jwt": jwts}  # found wherever they stand
NAMES = ("password", "newPassword", "api_key", "X-Api-Key", "access_token", "sessionid", "client-secret", "nickname")
_INNOCENT_NAMES = st.sampled_from(["id", "name", "items", "total", "note", "tags", "customer", "x y", "ü"])
_INNOCENT = st.one_of(st.none(), st.booleans(), st.integers(-999, 999), st.text('abc ü\n"\\<&=,:{}', max_size=12))
_BEFORE = st.sampled_from(["to ", "(", "x: ", "\n", "https://h/?m="])
_AFTER = st.sampled_from(["", " .", ", b", ")"])


@dataclass(frozen=True)
class Planted:
    """A body and the secrets in it."""

    kind: str
    body: bytes
    secrets: frozenset[str]


@st.composite
def json_values(draw: st.DrawFn, secrets: set[str], depth: int = 3) -> Any:
    """JSON with secrets as values, inside texts, as keys, as base64, and under secret names."""
    kind = draw(st.integers(0, 9 if depth else 5))
    if kind <= 1:
        return draw(_INNOCENT)
    if kind == 2:
        return _planted(draw, secrets)
    if kind == 3:
        return draw(_BEFORE) + _planted(draw, secrets) + draw(_AFTER)
    if kind == 4:
        return b64encode(f"id={draw(_WORD)} {_planted(draw, secrets)}".encode()).decode()
    if kind == 5:
        return {draw(st.sampled_from(NAMES)): _named(draw, secrets, depth)}
    if kind == 6:
        return [draw(json_values(secrets, depth - 1)) for _ in range(draw(st.integers(0, 3)))]
    if kind == 7:
        return {_planted(draw, secrets): draw(json_values(secrets, depth - 1))}
    return {draw(_INNOCENT_NAMES): draw(json_values(secrets, depth - 1)) for _ in range(draw(st.integers(0, 3)))}


def _planted(draw: st.DrawFn, secrets: set[str]) -> str:
    secret = draw(LOOKS[draw(st.sampled_from(sorted(LOOKS)))])
    secrets.add(secret)
    return secret


def _named(draw: st.DrawFn, secrets: set[str], depth: int) -> Any:
    """What stands under a secret name: a text, a number, or more of them further down."""
    if depth and draw(st.booleans()):
        return draw(st.sampled_from([lambda inner: [inner], lambda inner: {"of": inner}]))(_named(draw, secrets, depth - 1))
    if draw(st.booleans()):
        number = draw(st.integers(10**9, 10**10))
        secrets.add(str(number))
        return number
    secret = draw(passwords)
    secrets.add(secret)
    return secret


@st.composite
def bodies(draw: st.DrawFn) -> Planted:
    """A body of any kind that can be kept."""
    secrets: set[str] = set()
    kind = draw(st.sampled_from(["application/json", "broken", "form", "text", "xml", "html"]))
    if kind in ("application/json", "broken"):
        text = json.dumps(draw(json_values(secrets)), indent=draw(st.sampled_from([None, 2])), ensure_ascii=draw(st.booleans()))
        if kind == "broken":
            text = '{"a": 1, "a": ' + text + "}"
        return Planted("application/json", text.encode(), frozenset(secrets))
    pairs = [_pair(draw, secrets) for _ in range(draw(st.integers(1, 4)))]
    return Planted(_KINDS[kind], _WRITTEN[kind](pairs).encode(), frozenset(secrets))


def _pair(draw: st.DrawFn, secrets: set[str]) -> tuple[str, str]:
    if draw(st.booleans()):
        secret = draw(passwords)
        secrets.add(secret)
        return draw(st.sampled_from(NAMES)), secret
    return draw(st.sampled_from(["to", "note", "q"])), f"a {_planted(draw, secrets)} b"


def _xml(pairs: list[tuple[str, str]]) -> str:
    shown = (f"<{name}>{value}</{name}>" + (f'<f n="{value}"/>' if " " in value else "") for name, value in pairs)
    return f"<r>{''.join(shown)}</r>"


def _html(pairs: list[tuple[str, str]]) -> str:
    return "<p>" + "".join(f'<input name="{name}" value="{value}"><b>x</b>' for name, value in pairs)


_KINDS = {"form": "application/x-www-form-urlencoded", "text": "text/plain", "xml": "application/xml", "html": "text/html"}
_WRITTEN = {
    "form": urlencode,
    "text": lambda pairs: "\n".join(f"{name}={value}" if len(value) < 20 else f"{name}: {value}" for name, value in pairs),
    "xml": _xml,
    "html": _html,
}


def leaks(text: str, secrets: frozenset[str]) -> list[str]:
    """Secrets that stand in a text, as they are or in some other writing."""
    return [secret for secret in secrets if any(form in text for form in _forms(secret))]


def _forms(secret: str) -> set[str]:
    data = secret.encode()
    shifted = {b64encode(b" " * lead + data).decode()[4 * (lead > 0) : -4] for lead in range(3)}
    return {secret, quote(secret, safe=""), quote_plus(secret), *(form for form in shifted if len(form) > 8)}


__all__ = ["KEY", "LOOKS", "NAMES", "RULES", "Content", "Planted", "bodies", "leaks", "passwords"]
