"""The journal as everybody reads and writes it: the spool beside the configuration and the store, which are one.

An entry goes to the spool first, so that no flip waits for a database, and from there to the store, once. Whoever reads looks
at the spool before the store: an entry on its way is seen twice then, which its name tells, and never not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from strangler.control.flipping.spool import Spool
from strangler.core.errors import DatabaseError
from strangler.core.journal import Entry

if TYPE_CHECKING:
    from strangler.store.store import Store

PATIENCE = 1.0  # seconds for a store that is busy; whoever flips does not wait for longer


class JournalError(DatabaseError):
    """Nothing could be written down, anywhere."""


class Journal:
    """The journal of one configuration.

    Args:
        url, folder: of the store, as the configuration has them.
        complain: told what people should know.
    """

    def __init__(self, spool: Spool, url: str, folder: str, complain: Callable[[str], None] = lambda text: None) -> None:
        self.spool = spool
        self._url, self._folder, self._complain = url, folder, complain

    def add(self, entries: Iterable[Entry]) -> None:
        """Write entries down; what has been written when this returns is there to stay. Raises JournalError."""
        kept = list(entries)
        try:
            self.spool.append(kept)
        except OSError as error:
            try:
                with closing(self._open()) as store:
                    store.append(kept)
            except DatabaseError as other:
                raise JournalError(f"the journal cannot be written: {self.spool.path}: {error.strerror}; {other}") from None

    def entries(self) -> list[Entry]:
        """All entries, each once, in the order of time. Raises DatabaseError: without the store nobody knows what it holds."""
        found = {entry.id: entry for entry in self.spooled()}
        if not self._is_absent():
            with closing(self._open(read_only=True)) as store:
                for entry in store.journal():
                    found.setdefault(entry.id, entry)
        return sorted(found.values(), key=lambda entry: (entry.at, entry.id))

    def spooled(self) -> list[Entry]:
        """What the store may not have yet: the last few entries, at no cost. Raises DatabaseError."""
        try:
            return list(self.spool.read().entries)
        except OSError as error:
            raise DatabaseError(f"the journal cannot be read: {self.spool.path}: {error.strerror}") from None

    def bring_in(self, *, create: bool = False) -> int:
        """Have the store take what the spool holds; how many entries that were. Raises DatabaseError.

        Args:
            create: make a store where there is none. Who finds none while others use it makes none: it may come back.
        """
        try:
            kept = self.spool.read()
            if kept.cut:
                self._complain(f"{self.spool.path}: {kept.cut} lines were cut by a crash and are left out of the journal")
            if not kept.data or not (create or self._exists()):
                return 0
            with closing(self._open()) as store:
                store.append(kept.entries)
            self.spool.clear(kept)
        except OSError as error:
            raise DatabaseError(f"the journal cannot be read: {self.spool.path}: {error.strerror}") from None
        return len(kept.entries)

    def _is_absent(self) -> bool:
        """Whether there is clearly no store, which can be seen without loading what opens one."""
        scheme, _, file = self._url.partition(":///")
        return scheme == "sqlite" and "?" not in file and not Path(self._folder, file).exists()

    def _exists(self) -> bool:
        if self._is_absent():
            return False
        with closing(self._open(read_only=True)) as store:
            return store.exists

    def _open(self, *, read_only: bool = False) -> Store:
        from strangler.store.store import Store  # takes longer to import than a rollback takes

        return Store.open(self._url, self._folder, read_only=read_only, patience=PATIENCE)
