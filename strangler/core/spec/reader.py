"""What a read carries along: the problems found so far, the environment, and a budget against hostile files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Final

from strangler.core.errors import Problem
from strangler.core.spec.node import Node, Scalar

MAX_VALUES = 1_000_000  # 10,000 routes have about 200,000; aliases that multiply ("billion laughs") go past it at once


LONGEST_MESSAGE = 600
SHORTEST_SECRET = 8  # what is shorter is no secret, but may be a word that messages need


class _Invalid:
    def __repr__(self) -> str:
        return "INVALID"


INVALID: Final[Any] = _Invalid()  # stands where a value could not be read and its problem has been noted

_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")


@dataclass(slots=True)
class Reader:
    """Collects problems while a tree is read; `environ` is what ``${NAME}`` expands from."""

    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    budget: int = MAX_VALUES
    _told: set[tuple[object, ...]] = field(default_factory=set)
    _secrets: dict[str, str] = field(default_factory=dict)  # what variables held, and their names

    def problem(self, node: Node | None, path: str, message: str, *, warning: bool = False) -> Any:
        """Note a problem where `node` stands and return INVALID.

        A place that many others take over (an anchor, `defaults`) is told about once. What came out of the environment
        may be a secret and is shown as the variable's name.
        """
        line, column = (node.start.line + 1, node.start.column + 1) if node else (0, 0)
        path, message = _one_line(self._without_secrets(path)), _one_line(self._without_secrets(message))
        told = (line, column, path.rpartition(".")[2] if node else path, message)
        if told not in self._told:
            self._told.add(told)
            self.problems.append(Problem(line, column, path, message, warning))
        return INVALID

    def _without_secrets(self, text: str) -> str:
        for secret, name in self._secrets.items():
            text = re.sub(re.escape(secret), lambda _, name=name: f"${{{name}}}", text, flags=re.IGNORECASE)  # type: ignore[misc]
        return text

    def spend(self, node: Node, path: str, values: int) -> bool:
        """Count values; False, with one problem noted, once the budget is gone."""
        was_left, self.budget = self.budget > 0, self.budget - values
        if was_left and self.budget <= 0:
            self.problem(node, path, f"more than {MAX_VALUES:,} values: aliases that multiply?")
        return self.budget > 0

    def expand(self, scalar: Scalar, path: str) -> str:
        """The scalar's text with ``${NAME}`` and ``${NAME:-default}`` filled in; ``$${`` is a literal ``${``.

        Returns INVALID, with the problem noted, when a variable is not set or the braces are not closed.
        """
        if "${" not in scalar.text:
            return scalar.text
        missing: list[str] = []

        def fill(found: re.Match[str]) -> str:
            name, default = found[1], found[2]
            if found[0] == "$${":
                return "${"
            if name is None:
                missing.append("${ is not closed: write ${NAME}, ${NAME:-default}, or $${ for the characters themselves")
            elif name not in self.environ and default is None:
                missing.append(f"the environment variable {name} is not set: set it, or write ${{{name}:-default}}")
            return self._variable(name, default or "") if name else ""

        expanded = _VARIABLE.sub(fill, scalar.text)
        for message in missing:
            self.problem(scalar, path, message)
        return INVALID if missing else expanded

    def _variable(self, name: str, default: str) -> str:
        """What a variable holds; `default` if it is not set or empty, as in a shell."""
        value = self.environ.get(name) or default
        if len(value) >= SHORTEST_SECRET and value != default:
            self._secrets[value] = name
        return value


def _one_line(text: str) -> str:
    """Text that a terminal shows as it is: what is not printable escaped, the middle of a very long one left out."""
    shown = (
        text
        if text.isprintable()
        else "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    )
    return shown if len(shown) <= LONGEST_MESSAGE else f"{shown[: LONGEST_MESSAGE // 2]} … {shown[-LONGEST_MESSAGE // 2 :]}"


def closest(word: str, known: Sequence[str]) -> str:
    """The known word that is nearest, "" if none is near."""
    return _closest(word.lower(), tuple(known))


@lru_cache(maxsize=16_384)
def _closest(word: str, known: tuple[str, ...]) -> str:
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), "")


def nearest(word: str, known: list[str]) -> str:
    """``; did you mean X?`` when a known word is near, else the list of known words when it is short, else nothing."""
    close = closest(word, known)
    if close:
        return f"; did you mean {close!r}?"
    return f"; known: {', '.join(known)}" if known and len(known) <= 24 else ""
