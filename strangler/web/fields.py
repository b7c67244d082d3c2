"""What may stand in a query or a body: each field says what it takes, for whoever reads it and for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from strangler.core.spec.reader import nearest
from strangler.core.units import parse_duration, parse_percent, parse_size
from strangler.web.answers import Turned

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One value.

    Attributes:
        says: what it is, for people.
        schema: JSON Schema of it as it is written.
        read: from what is written to the value; raises ValueError.
    """

    name: str
    says: str
    schema: Schema
    read: Callable[[Any], Any]
    required: bool = False
    default: Any = None


def text(name: str, says: str, *, longest: int = 2000, required: bool = False, default: str | None = "") -> Field:
    """Any text up to so many characters."""

    def read(written: Any) -> str:
        if len(found := _text(written)) > longest:
            raise ValueError(f"has more than {longest} characters")
        return found

    return Field(name, says, {"type": "string", "maxLength": longest}, read, required, default)


def word(name: str, says: str, *words: str, required: bool = False) -> Field:
    """One of a few words."""

    def read(written: Any) -> str:
        if (found := _text(written)) not in words:
            raise ValueError(f"is none of these words{nearest(found, list(words))}")
        return found

    return Field(name, says, {"type": "string", "enum": list(words)}, read, required)


def flag(name: str, says: str) -> Field:
    """True or false; false if it is left out."""

    def read(written: Any) -> bool:
        if not isinstance(written, bool):
            raise ValueError("is not true or false")
        return written

    return Field(name, says, {"type": "boolean"}, read, default=False)


def whole(name: str, says: str, most: int, default: int | None, *, required: bool = False) -> Field:
    """A whole number from 1 on; in a query or a form its digits."""

    def read(written: Any) -> int:
        found = str(written) if type(written) is int else _text(written)
        if not (found.isascii() and found.isdigit() and len(found) < 17 and 1 <= int(found) <= most):
            raise ValueError(f"is not a whole number from 1 to {most}")
        return int(found)

    schema = {"type": "integer", "minimum": 1, "maximum": most}
    return Field(name, says, schema if default is None else {**schema, "default": default}, read, required, default)


def percent(name: str, says: str) -> Field:
    """``5%``, as in the file."""
    return Field(name, says, {"type": "string", "pattern": r"^[0-9.]+%$"}, lambda written: parse_percent(_text(written)))


def duration(name: str, says: str) -> Field:
    """``15m``, as in the file: in seconds."""
    return Field(name, says, {"type": "string", "examples": ["15m"]}, lambda written: parse_duration(_text(written)))


def size(name: str, says: str) -> Field:
    """``100MiB``, as in the file: in bytes."""
    return Field(name, says, {"type": "string", "examples": ["100MiB"]}, lambda written: parse_size(_text(written)))


def given(written: Mapping[str, Any], fields: tuple[Field, ...]) -> dict[str, Any]:
    """The values of all fields. Raises Turned with every problem."""
    found = {field.name: field.default for field in fields}
    problems = list(_unknown(written, fields))
    for field in fields:
        if field.name not in written:
            problems += [f"{field.name} is missing: {field.says}"] if field.required else []
            continue
        try:
            found[field.name] = field.read(written[field.name])
        except ValueError as error:
            problems.append(f"{field.name} {error}" if str(error).startswith(("is ", "has ")) else f"{field.name}: {error}")
    if problems:
        raise Turned(400, "usage", "; ".join(problems), problems=problems)
    return found


def _unknown(written: Mapping[str, Any], fields: tuple[Field, ...]) -> Iterator[str]:
    names = [field.name for field in fields]
    for name in written:
        if name not in names:
            yield f"there is no {name[:100]!r}{nearest(name[:100], names)}"


def _text(written: Any) -> str:
    if not isinstance(written, str):
        raise ValueError("is not text")
    return written
