"""Path templates: ``/api/orders/{id}``, ``{name:regex}`` for one segment, ``{name...}`` for the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from strangler.core.target import Segments, ambiguity

MAX_SEGMENTS = 64  # the segment tree is searched to this depth, whatever a client sends

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PLACE = re.compile(r"\{([^{}]*)\}")
_PLAIN = "-._~!$&'()*+,=:@"  # of a segment (RFC 3986 section 3.3), but for ; which begins parameters
_FOREIGN = re.compile(r"\*+|[:<](?P<name>[A-Za-z_]\w*)>?")  # how other routers write a parameter


@dataclass(frozen=True, slots=True)
class Literal:
    """A segment that must be equal."""

    text: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """Any one segment that is not empty; with `regex`, one that matches it whole."""

    name: str
    regex: str = ""

    def fits(self, segment: str) -> bool:
        """Whether one decoded segment may stand here."""
        return bool(re.fullmatch(self.regex, segment)) if self.regex else bool(segment)


@dataclass(frozen=True, slots=True)
class Rest:
    """Everything from here on, at least one segment (which may be empty: ``/files/`` has one)."""

    name: str


Part = Literal | Parameter | Rest


@dataclass(frozen=True)
class Template:
    """A parsed path template; `text` is what was written."""

    text: str
    parts: tuple[Part, ...]

    @cached_property
    def positions(self) -> dict[str, int]:
        """Where each named parameter stands, as an index into the segments."""
        return {part.name: index for index, part in enumerate(self.parts) if not isinstance(part, Literal)}

    def value(self, name: str, segments: Segments) -> str:
        """What parameter `name` holds in a path that matched; the rest is joined with slashes."""
        index = self.positions[name]
        return "/".join(segments[index:]) if isinstance(self.parts[index], Rest) else segments[index]

    def __str__(self) -> str:
        return self.text


def parse_template(text: str) -> Template:
    """Read a path template. Raises ValueError with what to write instead."""
    if not text.startswith("/"):
        raise ValueError(f"{text!r} does not start with /")
    segments = _segments(text)
    if any("?" in re.sub(r"\{.*\}", "", segment) for segment in segments):
        raise ValueError(f"{text!r} has a query: match it with `query:`")
    if "" in segments[:-1]:
        raise ValueError(f"{text!r} can never be matched: such paths are ambiguous (empty_segment) and get no route")
    parts = tuple(_part(segment, text) for segment in segments)
    rest = [index for index, part in enumerate(parts) if isinstance(part, Rest)]
    if rest and rest[0] != len(parts) - 1:
        raise ValueError(f"{text!r}: {{{parts[rest[0]].name}...}} takes the rest, so nothing can follow it")  # type: ignore[union-attr]
    if len(parts) > MAX_SEGMENTS:
        raise ValueError(f"a path of more than {MAX_SEGMENTS} segments")
    names = [part.name for part in parts if not isinstance(part, Literal)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{text!r}: the name {twice[0]!r} stands there twice")
    return Template(text, parts)


def fill(path: str, template: Template, segments: Segments) -> str:
    """`path` with a parameter of the template where it says ``{name}``, for the path that these segments came from.

    Values are percent-encoded again, so that none can begin a segment, a query or a fragment; only the rest has slashes,
    which were slashes before.
    """
    return _PLACE.sub(lambda found: _encoded(found[1], template, segments), path)


def _encoded(name: str, template: Template, segments: Segments) -> str:
    rest = isinstance(template.parts[template.positions[name]], Rest)
    return quote(template.value(name, segments), safe=_PLAIN + "/" * rest, encoding="utf-8", errors="surrogateescape")


def _segments(text: str) -> list[str]:
    """Split at slashes outside braces (a regex may hold one: it then never matches, which `_part` refuses)."""
    segments, depth, current = [], 0, ""
    for character in text[1:]:
        depth += (character == "{") - (character == "}")
        if character == "/" and depth <= 0:
            segments.append(current)
            current = ""
        else:
            current += character
    if depth:
        raise ValueError(f"{text!r}: the braces do not pair")
    return [*segments, current]


def _part(segment: str, text: str) -> Part:
    if "{" not in segment and "}" not in segment:
        _check_literal(segment, text)
        return Literal(segment)
    if not (segment.startswith("{") and segment.endswith("}")):
        raise ValueError(f"{text!r}: {segment!r} must be a whole segment: {{name}}, {{name:regex}} or {{name...}}")
    name, colon, regex = segment[1:-1].partition(":")
    if not colon and name.endswith("..."):
        return Rest(_checked_name(name[:-3], text))
    if colon:
        _check_regex(regex, text)
    return Parameter(_checked_name(name, text), regex)


def _checked_name(name: str, text: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{text!r}: {name!r} is not a name: letters, digits, _ and -, a letter first")
    return name


def _check_regex(regex: str, text: str) -> None:
    if not regex or "/" in regex:
        raise ValueError(f"{text!r}: a regex must match within one segment: not empty, and no / in it")
    try:
        re.compile(regex)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{text!r}: the regex {regex!r} is not valid: {error}") from None


def _check_literal(segment: str, text: str) -> None:
    foreign = _FOREIGN.fullmatch(segment)
    if foreign:
        ours = f"{{{foreign['name']}}}" if foreign["name"] else "{name} for one segment, {name...} for the rest"
        raise ValueError(f"{text!r}: {segment!r} would be those very characters: write {ours}")
    if "%" in segment or not segment.isprintable():
        raise ValueError(f"{text!r}: write the characters themselves, not their percent-encoding")
    reason = ambiguity("/" + segment)
    if reason:
        raise ValueError(f"{text!r} can never be matched: such paths are ambiguous ({reason}) and get no route")
