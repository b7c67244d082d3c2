"""A recording that is being read: its entries, one at a time, and what of it could not be read, so that nobody takes a part for
the whole."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from strangler.core.errors import UsageError
from strangler.traffic.entry import Entry

_SAID = 3  # of what was skipped, by its place


class UnreadableError(UsageError):
    """A file holds nothing that could be read."""


class BadEntryError(ValueError):
    """One entry makes no sense; the others may."""


@dataclass(slots=True)
class Account:
    """What of a file was not read.

    Attributes:
        skipped: how many entries were left out.
        reasons: of the first of them, each with its place.
        told: of how many of them that is.
        cut: why nothing was read from some place on; empty if the end was reached.
    """

    skipped: int = 0
    reasons: list[str] = field(default_factory=list)
    told: int = 0
    cut: str = ""

    def skip(self, place: str, reason: str, number: int = 1) -> None:
        """An entry is left out, or several."""
        self.skipped += number
        if len(self.reasons) < _SAID:
            self.reasons.append(f"{place}: {reason}")
            self.told += number

    def stop(self, reason: str) -> None:
        """Nothing more can be read."""
        self.cut = reason


class Recording(Iterator[Entry]):
    """The entries of one file, in its order.

    Iterating raises UnreadableError at the end if there was no entry at all.

    Args:
        name: of the file.
        kind: what it is, in words.
        read: reads the entries, and tells the account what it leaves out.

    Attributes:
        account: of what was not read until now.
        number: of entries read until now.
    """

    def __init__(self, name: str, kind: str, read: Callable[[Account], Iterator[Entry]]) -> None:
        self.name, self.kind = name, kind
        self.account = Account()
        self.number = 0
        self._entries = read(self.account)

    def __next__(self) -> Entry:
        entry = next(self._entries, None)
        if entry is None:
            self._refuse_nothing()
            raise StopIteration
        self.number += 1
        return entry

    def close(self) -> None:
        """Read no more; for whoever has had enough before the end."""
        if isinstance(self._entries, Generator):
            next(self._entries, None)  # one that has not begun would not close the file
            self._entries.close()

    def warnings(self) -> list[str]:
        """What people must know of what was left out, a line each; complete once all has been read."""
        account, said = self.account, []
        if account.cut:
            said.append(f"{self.name}: only its first {self.number} exchanges were read: {account.cut}")
        if account.skipped:
            more = "; …" if account.skipped > account.told else ""
            said.append(f"{self.name}: {account.skipped} left out: {'; '.join(account.reasons)}{more}")
        return said

    def _refuse_nothing(self) -> None:
        if self.number:
            return
        account = self.account
        why = account.cut or (f"{account.skipped} left out: {account.reasons[0]}" if account.reasons else "it is empty")
        raise UnreadableError(f"{self.name}: no exchange in it that can be used ({self.kind}; {why})")
