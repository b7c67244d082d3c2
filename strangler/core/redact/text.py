"""Free text without its secrets. Each finder looks only at what those before it have left, so no token is taken for a secret."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from strangler.core.redact.echoes import Echoes
from strangler.core.redact.named import named
from strangler.core.redact.spans import DETECT, Finder, credentials, encoded, kind_of
from strangler.core.redact.token import Mint


class Scrubber:
    """Takes secrets out of text.

    Args:
        detect: kinds of `spans.DETECT` that are looked for.
        is_secret: whether a name says that its value is a secret.

    Attributes:
        echoes: the secrets that were met; whoever begins with another exchange puts others in their place.
    """

    def __init__(self, detect: Iterable[str], is_secret: Callable[[str], bool], mint: Mint) -> None:
        found = tuple(DETECT[kind] for kind in detect if kind in DETECT)
        self._detectors: Sequence[Finder] = (*found, encoded((*found, credentials)))
        self._finders: Sequence[Finder] = (named(is_secret), credentials, *self._detectors)
        self._named = named(is_secret)
        self._mint = mint
        self.echoes = Echoes()

    def text(self, text: str) -> str:
        """The text with tokens for what any finder found."""
        return self._scrubbed(text, self._finders)

    def name(self, text: str) -> str:
        """A name with tokens for what is secret in itself: there is no value in it that another name could stand for."""
        return self._scrubbed(text, self._detectors)

    def start(self, text: str, most: int) -> tuple[str, bool]:
        """The text, cut to about `most` characters, and whether it was cut. No part of a secret is left at the cut."""
        if len(text) <= most:
            return self.text(text), False
        return self.text(_before_cut(text[:most])), True

    def secret(self, value: str) -> str:
        """The token of a value that is a secret for its place; what is not there is none."""
        if not value:
            return value
        token = self._mint(kind_of(value), value)
        self.echoes.note(value, token)
        return token

    def open_lines(self, text: str) -> set[str]:
        """Lines, without spaces around them, that belong to a named value which goes over several."""
        spans = [(start, end) for start, end in self._named(text) if "\n" in text[start:end]]
        return {line.strip() for start, end in spans for line in text[_start(text, start) : _end(text, end)].split("\n")} - {""}

    def _scrubbed(self, text: str, finders: Sequence[Finder]) -> str:
        if len(text) < 4 and text.isalnum():  # too short for any finder
            return text
        raw, tokens = [text], [""]  # each raw piece, and the token behind it
        for finder in finders:
            raw, tokens = self._split(finder, raw, tokens)
        return "".join(piece + token for piece, token in zip(raw, tokens, strict=True))

    def _split(self, finder: Finder, raw: list[str], tokens: list[str]) -> tuple[list[str], list[str]]:
        pieces: list[str] = []
        behind: list[str] = []
        for piece, token in zip(raw, tokens, strict=True):
            at = 0
            for start, end in finder(piece):
                if start >= at:
                    pieces.append(piece[at:start])
                    behind.append(self.secret(piece[start:end]))
                    at = end
            pieces.append(piece[at:])
            behind.append(token)
        return pieces, behind


def _before_cut(text: str) -> str:
    """Without the last word and the digits before it, which may be the beginning of a secret."""
    words = text.rstrip()
    space = max(words.rfind(" "), words.rfind("\n"), words.rfind("\t"))
    return words[: space + 1].rstrip("0123456789 -")


def _start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found
