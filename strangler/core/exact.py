"""JSON as it was written: numbers keep their digits, members their order, and a name that stands twice is refused.

A proxy that changes one member of an answer must not change another: 1.10 stays 1.10, and neither 2 to the power of 53
plus 1 nor 1e400 becomes something else, which they would as floats.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any


class NotJsonError(ValueError):
    """The bytes are not JSON that every reader reads the same way."""


class Number(str):
    """A number, as its source text."""

    __slots__ = ()


Value = Any  # None, bool, str, Number, list of values, dict of values by name


def parse(data: bytes) -> Value:
    """Read a document. Raises NotJsonError."""
    try:
        return _DECODER.decode(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from None


def render(value: Value) -> bytes:
    """Write a document, without spaces. Raises NotJsonError if it is nested too deep to be written."""
    try:
        try:
            return _text(value, encode_basestring).encode()
        except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can hold
            return _text(value, encode_basestring_ascii).encode()
    except RecursionError as error:
        raise NotJsonError(str(error)) from None


def _object(pairs: list[tuple[str, Value]]) -> Value:
    members = dict(pairs)
    if len(members) != len(pairs):  # the first counts for some readers, the last for others
        raise ValueError("a name stands twice in one object")
    return members


def _refuse(word: str) -> Value:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_refuse)
_WORDS = {None: "null", True: "true", False: "false"}


def _text(value: Value, quote: Callable[[str], str]) -> str:
    pieces: list[str] = []
    _write(value, quote, pieces.append)
    return "".join(pieces)


def _write(value: Value, quote: Callable[[str], str], out: Callable[[str], None]) -> None:
    kind = type(value)
    if kind is str:
        out(quote(value))
    elif kind is Number:
        out(value)
    elif kind is dict:
        before = "{"
        for name, member in value.items():
            out(before + quote(name) + ":")
            _write(member, quote, out)
            before = ","
        out("}" if value else "{}")
    elif kind is list:
        before = "["
        for item in value:
            out(before)
            _write(item, quote, out)
            before = ","
        out("]" if value else "[]")
    else:
        out(_WORDS[value])
