"""Transforms that change the type of a value: nothing and empty, true and "true", a value and a list that holds it."""

from __future__ import annotations

from typing import Any

from strangler.core.causes.step import Pair, Step, mirrored
from strangler.core.exact import NotJsonError, Number, parse

_TRUTH = {
    **dict.fromkeys(("true", "yes", "y", "1", "on", "t"), True),
    **dict.fromkeys(("false", "no", "n", "0", "off", "f"), False),
}
_AROUND = "around"
_LONGEST = 100_000  # characters of JSON in a string that are looked into


def is_empty(value: Any) -> bool:
    """Whether it is an empty text, list or object."""
    return type(value) in (str, list, dict) and not value


def _empty_null(control: Any, candidate: Any) -> Pair | None:
    if (control is None and is_empty(candidate)) or (candidate is None and is_empty(control)):
        return None, None
    return None


def _truth_to_text(control: Any, candidate: Any) -> Pair | None:
    if type(control) is not bool or type(candidate) is not str or _TRUTH.get(candidate.casefold()) is not control:
        return None
    return control, control


def _truth_to_number(control: Any, candidate: Any) -> Pair | None:
    if type(control) is not bool or type(candidate) is not Number or candidate != str(int(control)):
        return None
    return control, control


def _wrapped(control: Any, candidate: Any) -> Pair | None:
    if type(candidate) not in (list, dict) or len(candidate) != 1 or type(control) is type(candidate):
        return None
    return control, candidate[0] if type(candidate) is list else next(iter(candidate.values()))


def _in_text(control: Any, candidate: Any) -> Pair | None:
    if type(control) not in (list, dict) or type(candidate) is not str or len(candidate) > _LONGEST:
        return None
    if not candidate.lstrip().startswith(("{", "[")):
        return None
    try:
        return control, parse(candidate.encode())
    except (NotJsonError, UnicodeError):
        return None


SHAPES = (
    Step("empty_null", "null on one side, empty on the other", _empty_null),
    Step("boolean_to_string", "true or false became a string", _truth_to_text),
    Step("string_to_boolean", "string became true or false", mirrored(_truth_to_text)),
    Step("boolean_to_number", "true or false became 1 or 0", _truth_to_number),
    Step("number_to_boolean", "1 or 0 became true or false", mirrored(_truth_to_number)),
    Step("json_to_string", "JSON became a string with JSON in it", _in_text),
    Step("string_to_json", "string with JSON in it became JSON", mirrored(_in_text)),
    Step("wrapped", "value stands in a list or object of its own", _wrapped, family=_AROUND),
    Step("unwrapped", "value stands without the list or object around it", mirrored(_wrapped), family=_AROUND),
)
