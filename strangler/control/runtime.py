"""Where running supervisors of one user find each other: a private folder with a lock for each address that is served.

A lock is the kernel's (flock): it ends with its holder, however that ended, so a file that was left behind means nothing.
It belongs to the open file, not to the process, so it can be handed to a successor without a moment in which it is free.
The kernel refuses a second socket on the address as well; the lock is what knows whose it is.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from hashlib import sha256

from strangler.core.errors import UnreachableError, UsageError
from strangler.core.model import Address

_DOOR = ".sock"
_PAIRS = ".pairs"
_TAKES = ".takes"


class TakenError(UnreachableError):
    """Another supervisor serves the address. `pid` is 0 if it has not said yet who it is."""

    def __init__(self, address: Address, pid: int) -> None:
        self.pid = pid
        who = f"strangler, pid {pid}" if pid else "another strangler that is just starting"
        super().__init__(f"{address} is served already by {who}: stop it, or take its place with --takeover")


class Lock:
    """The right to serve one address.

    Attributes:
        left: whether the holder before was killed: its children may need a moment to go.
    """

    def __init__(self, descriptor: int, path: str, left: bool = False) -> None:
        self.descriptor, self.path, self.left = descriptor, path, left

    def sign(self) -> None:
        """Write whose it is."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)

    def close(self) -> None:
        """Let go of it; whoever it was handed to still has it."""
        os.close(self.descriptor)

    def release(self) -> None:
        """Give the address back, and leave nothing behind."""
        with suppress(OSError):
            os.unlink(self.path)
        self.close()


def folder() -> str:
    """The folder, which is there and nobody else's. Raises UsageError if somebody else made it."""
    user = os.geteuid()
    places = (os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("TMPDIR"))
    base = next((place for place in places if place and os.access(place, os.W_OK | os.X_OK)), "/tmp")
    path = os.path.join(base, f"strangler-{user}")
    try:
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        found = os.lstat(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be made: {error.strerror}; set XDG_RUNTIME_DIR to a folder of your own") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user or stat.S_IMODE(found.st_mode) & 0o077:
        raise UsageError(f"{path} is not a private folder of this user: remove it, or set XDG_RUNTIME_DIR to another place")
    return path


def tidy() -> None:
    """Remove what supervisors that were killed left behind, and the folder if it is empty.

    Locks stay: whoever holds one holds the file, so a file can only be removed by its holder.
    """
    with suppress(OSError):
        place = folder()
        for name in os.listdir(place):
            if name.endswith((_DOOR, _PAIRS, _TAKES)) and not _lives(name.partition(".")[0]):
                os.unlink(os.path.join(place, name))
        os.rmdir(place)


def lock(address: Address) -> Lock:
    """Take the lock of an address. Raises TakenError."""
    path = os.path.join(folder(), _file_name(address))
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            pid = _pid(descriptor)
            os.close(descriptor)
            raise TakenError(address, pid) from None
        if _is_at(descriptor, path):
            return Lock(descriptor, path, left=bool(_pid(descriptor)))
        os.close(descriptor)  # released, and removed, between our two calls


def door_of(pid: int) -> str:
    """The Unix socket on which a supervisor talks to its successor, and to commands."""
    return os.path.join(folder(), f"{pid}{_DOOR}")


def doors() -> list[str]:
    """The doors of all supervisors of this user, as far as they are known. Raises OSError, UsageError."""
    place = folder()
    return sorted(os.path.join(place, name) for name in os.listdir(place) if name.endswith(_DOOR))


def pairs_of(pid: int) -> str:
    """The Unix socket on which a supervisor's control process takes what its workers have to compare."""
    return os.path.join(folder(), f"{pid}{_PAIRS}")


def takes_of(pid: int) -> str:
    """The Unix socket on which a control process takes what its workers record."""
    return os.path.join(folder(), f"{pid}{_TAKES}")


def path_of(address: Address) -> str:
    """Where the lock of an address is."""
    return os.path.join(folder(), _file_name(address))


def lives(pid: int) -> bool:
    """Whether there is such a process."""
    return _lives(str(pid))


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        pass
    return True


def _file_name(address: Address) -> str:
    if address.unix:
        return f"unix-{sha256(os.path.abspath(address.unix).encode()).hexdigest()[:16]}.lock"
    return f"{address.host}:{address.port}.lock"


def _pid(descriptor: int) -> int:
    text = os.pread(descriptor, 20, 0)
    return int(text) if text.isdigit() else 0


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
