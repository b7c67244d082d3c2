"""Where secrets stand in free text. Each finder tells the spans of one kind; none of them takes more than linear time.

A finder errs towards secret: a number that only looks like a card costs a reader nothing but the sight of it, because tokens
keep equality. Text that was cut ends wherever it was cut, so what is open at the end counts as closed there.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]

_EMAIL = re.compile(r"\w[\w.!#$'*+^~-]{0,63}(?:@|%40)(?:[\w-]{1,63}\.){1,8}(?:xn--[\w-]{1,59}|[^\W\d_]{2,24})", re.I)
_RUN = re.compile(r"(?<!\d\.)(?<!\d)\d+(?:[ -]\d+)*", re.ASCII)
_GROUP = re.compile(r"\d+", re.ASCII)
_DOTTED = re.compile(r"[\w-]+(?:\.[\w-]*)*", re.ASCII)
_SCHEME = re.compile(r"\b(?:Bearer|Basic|Digest|Negotiate|DPoP|ApiKey|Token)\s{1,4}([\w.~+/=-]{8,})", re.I | re.ASCII)
_USERINFO = re.compile(r"(?<=://)[^/?#@\s\"'<>]{1,200}(?=@)")
_BASE64 = re.compile(r"[\w+/-]{12,}={0,2}", re.ASCII)


def emails(text: str) -> Iterator[Span]:
    """Addresses, also with their ``@`` percent-encoded."""
    return (found.span() for found in _EMAIL.finditer(text)) if "@" in text or "%40" in text else iter(())


def cards(text: str) -> Iterator[Span]:
    """Numbers of 13 to 19 digits, in groups or not, whose check digit is right (Luhn, ISO/IEC 7812-1)."""
    for run in _RUN.finditer(text):
        groups = [group.span() for group in _GROUP.finditer(run[0])] if len(run[0]) >= 13 else []
        first = 0
        while first < len(groups):
            last = _end_of_card(run[0], groups, first)
            if last > first:
                yield run.start() + groups[first][0], run.start() + groups[last - 1][1]
            first = max(last, first + 1)


def _end_of_card(run: str, groups: list[Span], first: int) -> int:
    """Behind the last group of the longest card that starts with group `first`; 0 if none does."""
    found, digits = 0, 0
    for last in range(first + 1, min(first + 8, len(groups) + 1)):
        start, end = groups[last - 1]
        digits += end - start
        if digits > 19:
            break
        if digits >= 13 and _is_card(run[groups[first][0] : end]):
            found = last
        if end - start < 3:  # only the last group is so short; dates have others
            break
    return found


def _is_card(text: str) -> bool:
    digits = [int(each) for each in reversed(text) if each not in " -"]
    return any(digits) and sum(digits[::2] + [digit * 2 - 9 * (digit > 4) for digit in digits[1::2]]) % 10 == 0


def jwts(text: str) -> Iterator[Span]:
    """Signed or encrypted tokens, and what is left of one that was cut (RFC 7515, RFC 7516)."""
    for run in _DOTTED.finditer(text) if "eyJ" in text else ():
        start = run[0].find("eyJ")
        if start >= 0 and run[0].find(".", start + len("eyJ") + 5) > 0:
            yield run.start() + start, run.end() - (run[0].endswith(".") and run[0].count(".") > 2)


def credentials(text: str) -> Iterator[Span]:
    """What follows the name of an authentication scheme, and the user of a URL (RFC 9110 section 11, RFC 3986 section 3.2.1)."""
    for found in _SCHEME.finditer(text):
        yield found.span(1)
    if "://" in text:
        for found in _USERINFO.finditer(text):
            yield found.span()


def encoded(finders: tuple[Finder, ...]) -> Finder:
    """A finder of base64 in which one of `finders` finds something."""

    def find(text: str) -> Iterator[Span]:
        for found in _BASE64.finditer(text):
            if any(True for inner in _decoded(found[0]) for finder in finders for _ in finder(inner)):
                yield found.span()

    return find


def _decoded(text: str) -> Iterator[str]:
    """What base64 of either alphabet may say, from each place where a group of four letters may begin."""
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    for start in range(4):
        piece = plain[start:]
        piece = piece[: len(piece) - (len(piece) % 4 == 1)]
        try:
            yield urlsafe_b64decode(piece + "=" * (-len(piece) % 4)).decode("utf-8", "replace")
        except ValueError:
            continue


DETECT: dict[str, Finder] = {"email": emails, "card": cards, "jwt": jwts}  # the words of `redact.detect`


def kind_of(value: str) -> str:
    """The word in the token of a value, by what it is and not by where it stands, so that it is the same everywhere."""
    for kind, finder in DETECT.items():
        if next(finder(value), None) == (0, len(value)):
            return kind
    return "secret"
