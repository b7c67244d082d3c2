"""Comparing response headers: only those that a route names, each as its own specification says when two values are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from strangler.core.compare.view import View
from strangler.core.difference import Difference, Kind

Values = list[str]


def differing(control: View, candidate: View, names: tuple[str, ...]) -> Iterator[Difference]:
    """Differences in the headers of these names (lower case). Several values are told as a list, in order."""
    for name in names:
        ours, theirs = values(control, name), values(candidate, name)
        if ours != theirs:
            yield from _COMPARED.get(name, _as_is)(name, ours, theirs)


def values(view: View, name: str) -> Values:
    return [value.strip(" \t") for key, value in view.headers if key == name]


def _as_is(name: str, ours: Values, theirs: Values) -> Iterator[Difference]:
    yield Difference((name,), Kind.HEADER, _told(ours), _told(theirs))


def _told(found: Values) -> str | list[str] | None:
    return found if len(found) > 1 else found[0] if found else None


def _content_type(name: str, ours: Values, theirs: Values) -> Iterator[Difference]:
    if list(map(_media_type, ours)) != list(map(_media_type, theirs)):
        yield from _as_is(name, ours, theirs)


def _media_type(value: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """RFC 9110 section 8.3.1: type, subtype, names of parameters and the charset do not depend on case, nor on order."""
    kind, *rest = _split(value)
    return kind.lower(), frozenset(_parameter(part) for part in rest if part)


def _parameter(part: str) -> tuple[str, str]:
    name, _, value = (side.strip(" \t") for side in part.partition("="))
    value = _unquoted(value)
    return name.lower(), value.lower() if name.lower() == "charset" else value


def _unquoted(value: str) -> str:
    if len(value) < 2 or not (value[0] == value[-1] == '"'):
        return value
    inner, out = iter(value[1:-1]), []
    for letter in inner:
        out.append(next(inner, "") if letter == "\\" else letter)
    return "".join(out)


def _split(value: str) -> list[str]:
    """Parts between semicolons that stand in no quotes."""
    parts, quoted, escaped = [""], False, False
    for letter in value:
        if letter == ";" and not quoted:
            parts.append("")
            continue
        quoted ^= letter == '"' and not escaped
        escaped = letter == "\\" and quoted and not escaped
        parts[-1] += letter
    return [part.strip(" \t") for part in parts]


def _set_cookie(name: str, ours: Values, theirs: Values) -> Iterator[Difference]:
    """By cookie; attributes in any order. Of Expires only that it is there: it is a clock (RFC 6265 section 4.1)."""
    left, right = _cookies(ours), _cookies(theirs)
    for cookie in dict.fromkeys([*left, *right]):
        mine, other = left.get(cookie, []), right.get(cookie, [])
        if list(map(_cookie, mine)) != list(map(_cookie, other)):
            yield from _as_is(name, mine, other)


def _cookies(found: Values) -> dict[str, Values]:
    cookies: dict[str, Values] = {}
    for value in found:
        cookies.setdefault(value.partition("=")[0].strip(" \t"), []).append(value)
    return cookies


def _cookie(value: str) -> tuple[str, frozenset[tuple[str, str]]]:
    pair, *attributes = (part.strip(" \t") for part in value.split(";"))
    return pair, frozenset(_attribute(part) for part in attributes if part)


def _attribute(part: str) -> tuple[str, str]:
    name, _, value = (side.strip(" \t") for side in part.partition("="))
    name = name.lower()
    return name, value if name == "path" else "" if name == "expires" else value.lower()


_COMPARED: dict[str, Callable[[str, Values, Values], Iterator[Difference]]] = {
    "content-type": _content_type,
    "set-cookie": _set_cookie,
}
