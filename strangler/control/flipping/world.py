"""Everything that a flip touches, one method each: clock, file, journal, guard, and the running proxy.

Whatever happens between two of these calls, a crash too, must leave the old file or the new one and a journal that can be
settled; tests end the process at each of them.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

from strangler.config import file, load
from strangler.config.file import Snapshot
from strangler.control.cutover.record import Shelf
from strangler.control.flipping import door
from strangler.control.flipping.door import Answer
from strangler.control.flipping.names import name
from strangler.control.flipping.spool import Spool
from strangler.control.journal import Journal
from strangler.core.cutover import Record
from strangler.core.flip import Flip
from strangler.core.guard.verdict import Judgement
from strangler.core.journal import Entry
from strangler.core.model import Config

Judge = Callable[[Config, Sequence[Flip]], Mapping[str, Judgement]]
"""The guard: what it says of each flip, by route. May raise StranglerError, and may take long."""

K = TypeVar("K")
V = TypeVar("V")
_KEPT = 2
COURTESY = 0.3  # seconds that a flip waits for somebody who settles others


class World:
    """The world of one configuration.

    Args:
        path: of the configuration.
        environ: what ``${NAME}`` in it expands from.
        judge: the guard.
        complain: told what people should know.
    """

    def __init__(
        self, path: Path, environ: Mapping[str, str], judge: Judge, complain: Callable[[str], None] = lambda text: None
    ) -> None:
        self.path, self._environ, self._judge, self._complain = path, environ, judge, complain
        self._configs: dict[bytes, Config] = {}
        self._edits: dict[tuple[bytes, tuple[Flip, ...]], str] = {}

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def name(self) -> str:
        """A name that nothing else has."""
        return name(self.now(), os.urandom(10))

    # The file.

    def read(self) -> Snapshot:
        """The file as it is. Raises UsageError."""
        return file.read(self.path)

    def config(self, data: bytes) -> Config:
        """What a file with this content means. Raises ConfigError."""
        return _kept(self._configs, data, lambda: load.sound(self.path, data, self._environ))

    def edited(self, snapshot: Snapshot, flips: Sequence[Flip], edit: Callable[[Snapshot, Sequence[Flip]], str]) -> str:
        """What `edit` makes of a file. Raises what that raises."""
        return _kept(self._edits, (snapshot.data, tuple(flips)), lambda: edit(snapshot, flips))

    def turn(self, snapshot: Snapshot) -> AbstractContextManager[None]:
        """Be the only one of ours who writes the file. Raises BusyError, FileError."""
        return file.turn(snapshot)

    def put(self, snapshot: Snapshot, text: str, intend: Callable[[bytes], None]) -> Snapshot:
        """Replace the file (`config.file.put`)."""
        return file.put(snapshot, text, intend=intend)

    def overwrite(self, snapshot: Snapshot, text: str, intend: Callable[[bytes], None]) -> Snapshot:
        """Change the file where it is (`config.file.overwrite`): there is no room for another."""
        return file.overwrite(snapshot, text, intend=intend)

    # The guard.

    def judge(self, config: Config, flips: Sequence[Flip]) -> Mapping[str, Judgement]:
        """What the guard says of flips that go up."""
        return self._judge(config, flips)

    # The journal.

    def journal(self, config: Config, real: Path) -> Journal:
        """The journal of a configuration that lies at `real`."""
        return Journal(Spool(real), config.store, config.folder, self._complain)

    def add(self, journal: Journal, entries: Iterable[Entry]) -> None:
        """Write entries down. Raises JournalError."""
        journal.add(entries)

    @contextmanager
    def under_way(self, real: Path) -> Iterator[None]:
        """As long as this lasts, nobody else settles what is intended here. Where that cannot be said, it goes on without:
        see `settling`."""
        descriptor = _locked(real, fcntl.LOCK_SH, COURTESY)
        try:
            yield
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    @contextmanager
    def settling(self, real: Path) -> Iterator[float | None]:
        """Be alone with what was intended before the moment that this gives, in seconds since 1970: whoever intended it has
        gone. None if flips are under way. Somebody who does not wait for us can only intend something later."""
        descriptor = _locked(real, fcntl.LOCK_EX, 0.0)
        try:
            yield self.now() if descriptor >= 0 else None
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def record(self, real: Path) -> Record:
        """Which data modern owns, and which cutover is under way. Raises RecordError."""
        return Shelf(real).read()

    # The running proxy.

    def take_up(self, real: Path, digest: str) -> Answer:
        """Have whoever serves the file read it, and wait until every worker decides by it."""
        return door.take_up(real, digest)


def _kept(found: dict[K, V], key: K, make: Callable[[], V]) -> V:
    """The last few are kept, such as a file and what a flip makes of it: ten thousand routes take seconds to read."""
    if key not in found:
        while len(found) >= _KEPT:
            del found[next(iter(found))]
        found[key] = make()
    return found[key]


def _locked(real: Path, how: int, wait: float) -> int:
    """The open and locked file that flips under way share; -1 if it cannot be locked in time, or at all."""
    try:
        descriptor = os.open(real.with_name(f".{real.name}.flips"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError:
        return -1
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return -1
        time.sleep(0.005)
