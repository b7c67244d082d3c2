"""A text of limited length, written piece by piece, so that the work ends where the text does."""

from __future__ import annotations

from typing import NamedTuple


class Rendered(NamedTuple):
    """A text without secrets. `cut`: it is not all there is."""

    text: str
    cut: bool = False


class FullError(Exception):
    """There is no room for more."""


class Sheet:
    """Takes pieces until `room` characters are written."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._pieces: list[str] = []
        self._cut = False

    def write(self, text: str) -> None:
        """Add a piece. Raises FullError when the sheet is full."""
        if len(text) > self.room:
            self._pieces.append(text[: self.room])
            self.full()
        self._pieces.append(text)
        self.room -= len(text)

    def full(self) -> None:
        """Nothing goes behind what is written. Raises FullError."""
        self._cut = True
        raise FullError

    def done(self) -> Rendered:
        """What was written."""
        return Rendered(clean("".join(self._pieces)), self._cut)


def clean(text: str) -> str:
    """A text that every database takes: NUL and halves of surrogate pairs are shown by other characters."""
    return text.replace("\0", "\u2400").encode("utf-8", "backslashreplace").decode()
