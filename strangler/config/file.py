"""The written file on disk: read it, and put a new text in its place only if it is still what was read.

`write` makes the new text a file of its own beside the old one and renames it over: whoever opens the file, at any
moment and after any crash, finds the old text or the new one, whole. Writers of ours take turns by a lock on a sibling
file, which the kernel drops when its holder dies. What was read is compared with what is there under that lock, as the
last thing before the rename.

`overwrite` is for a disk on which there is no room for a second file, and only for those who cannot wait: it changes the
bytes where they are.

An editor knows nothing of the lock. A save that falls between the comparison and the rename is put back, where the kernel
can exchange two files: what comes out of the exchange is looked at again. Elsewhere it is overwritten, for POSIX has no
rename that compares; the window is some ten microseconds.
A rename also gives the name a new inode: other hard links of the file keep the old text.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from strangler.config.document import decode
from strangler.config.exchange import exchange
from strangler.core.errors import Refusal, UsageError
from strangler.core.units import Seconds

LOCK_WAIT = Seconds(10)  # a flip holds the lock for milliseconds; whoever holds it this long hangs
_RETRY = Seconds(0.02)


class FileError(UsageError):
    """The file cannot be read or replaced, whatever it holds."""


class NoRoomError(FileError):
    """The disk is full; nothing was written."""


class ConflictError(Refusal):
    """The file is no longer what was read; nothing was written."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} was changed by someone else: look at it and flip again")


class BusyError(Refusal):
    """Another process holds the lock; nothing was written."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is being written by {holder}: wait for it, or stop it, and flip again")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file as it was read: `path` as it was asked for, `real` behind all symbolic links. A byte order mark and the
    line ends are part of `text`."""

    path: Path
    real: Path
    data: bytes
    text: str

    @property
    def revision(self) -> str:
        """A name for exactly this content."""
        return sha256(self.data).hexdigest()


class Disk:
    """The calls that change the disk, in one place so that a test can let each of them fail."""

    def create(self, path: Path) -> int:
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write(self, file: int, data: bytes) -> int:
        return os.write(file, data)

    def chown(self, file: int, user: int, group: int) -> None:
        os.fchown(file, user, group)

    def sync(self, file: int) -> None:
        os.fsync(file)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def exchange(self, source: Path, target: Path) -> None:
        exchange(source, target)


def read(path: Path) -> Snapshot:
    """The file as it is now.

    Raises:
        FileError: it is missing, not a regular file, or may not be read.
        DocumentError: it is not UTF-8.
    """
    try:
        real = Path(os.path.realpath(path, strict=True))
        data, _ = _content(real)
    except OSError as error:
        raise FileError(_unreadable(path, error)) from None
    text, mark = decode(data)
    return Snapshot(path, real, data, mark + text)


def _nothing(data: bytes) -> None:
    """Nobody wants to know."""


def write(snapshot: Snapshot, text: str, *, wait: Seconds = LOCK_WAIT, disk: Disk | None = None) -> Snapshot:
    """Put `text` in the place of what was read: `put`, in a turn of its own. What has the text already is not written.

    Raises what `turn` and `put` raise.
    """
    if text.encode("utf-8") == snapshot.data:
        return snapshot
    with turn(snapshot, wait=wait):
        return put(snapshot, text, disk=disk)


@contextmanager
def turn(snapshot: Snapshot, *, wait: Seconds = LOCK_WAIT) -> Iterator[None]:
    """Be the only one of ours who writes the file.

    Raises:
        BusyError: another process held the lock for all of `wait`.
        FileError: there can be no lock; the message says what to do.
    """
    with ExitStack() as held:
        try:
            held.enter_context(_locked(snapshot, wait))
        except OSError as error:
            raise FileError(_unwritable(snapshot.path, error)) from None
        yield


def put(snapshot: Snapshot, text: str, *, intend: Callable[[bytes], None] = _nothing, disk: Disk | None = None) -> Snapshot:
    """Put `text` in the place of what was read, in one's `turn`. On any error the file is as it was, and no other file is
    left behind.

    Mode, owner and, where the file system has them, extended attributes stay. Symbolic links stay: what they point to
    is replaced. A file without any write permission is left alone, even by root.

    Args:
        intend: called when the new text is on the disk beside the old one, which is still what was read: nothing but the
            rename is left to do. What it raises leaves the file as it is.

    Raises:
        ConflictError: the file is not what was read.
        NoRoomError: the disk is full.
        FileError: the file cannot be replaced where it is; the message says what to do.
    """
    data = text.encode("utf-8")
    with _said(snapshot):
        _sweep(snapshot.real)
        _replace(snapshot, data, intend, disk or Disk())
    return Snapshot(snapshot.path, snapshot.real, data, text)


def overwrite(snapshot: Snapshot, text: str, *, intend: Callable[[bytes], None] = _nothing, disk: Disk | None = None) -> Snapshot:
    """Put `text` over what was read, in the same file and in one's `turn`: it needs no room, or next to none.

    Lines that become shorter are filled up with spaces, so that nothing moves, and what is written is a few bytes in one
    call. Text that becomes longer takes what room is left in the file's last block, or fails before anything is changed.
    A power failure may leave a file between the two, which `put` does not. Arguments and errors are those of `put`.
    """
    disk, data = disk or Disk(), filled(snapshot.data, text.encode("utf-8"))
    with _said(snapshot):
        _writable(snapshot, _unchanged(snapshot))
        file = os.open(snapshot.real, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            held = _lengthened(file, snapshot, len(data), disk)
            intend(data)
            _unchanged(held)
            start = next((at for at, (old, new) in enumerate(zip(held.data, data, strict=True)) if old != new), len(data))
            end = len(data)
            while end > start and held.data[end - 1] == data[end - 1]:
                end -= 1
            os.lseek(file, start, os.SEEK_SET)
            _write_all(file, data[start:end], disk)
            disk.sync(file)
        finally:
            os.close(file)
    return Snapshot(snapshot.path, snapshot.real, data, data.decode("utf-8"))


def filled(old: bytes, new: bytes) -> bytes:
    """The new text, at least as long as the old one: with spaces at the ends of lines if it has the same lines, else with
    line ends behind the last one."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if len(before) == len(after) and all(len(line) >= len(other) for line, other in zip(before, after, strict=True)):
        return b"".join(map(_filled_line, before, after))
    return new + b"\n" * (len(old) - len(new))


def _filled_line(old: bytes, new: bytes) -> bytes:
    words = new.rstrip(b"\r\n")
    return words + b" " * (len(old) - len(new)) + new[len(words) :]


def _lengthened(file: int, snapshot: Snapshot, length: int, disk: Disk) -> Snapshot:
    """Take the room that is needed, as empty lines at the end, before anything is changed."""
    more = b"\n" * (length - len(snapshot.data))
    if not more:
        return snapshot
    os.lseek(file, 0, os.SEEK_END)
    try:
        _write_all(file, more, disk)
        disk.sync(file)
    except OSError:
        os.ftruncate(file, len(snapshot.data))
        raise
    return replace(snapshot, data=snapshot.data + more)


@contextmanager
def _said(snapshot: Snapshot) -> Iterator[None]:
    """Say in our words what went wrong."""
    try:
        yield
    except OSError as error:
        kind = NoRoomError if error.errno in (errno.ENOSPC, errno.EDQUOT) else FileError
        raise kind(_unwritable(snapshot.path, error)) from None


def _replace(snapshot: Snapshot, data: bytes, intend: Callable[[bytes], None], disk: Disk) -> None:
    before = _unchanged(snapshot)
    _writable(snapshot, before)
    temporary = _temporary(snapshot.real)
    try:
        with _created(temporary, disk) as file:
            _write_all(file, data, disk)
            _dress(file, before, snapshot, disk)
            disk.sync(file)
        intend(data)
        if _attributes(_unchanged(snapshot)) != _attributes(before):
            raise ConflictError(snapshot.path)
        _swap(temporary, snapshot, disk)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    _sync_folder(snapshot, disk)


def _swap(temporary: Path, snapshot: Snapshot, disk: Disk) -> None:
    """Put the new file in the place of the old one. A save that came in the last moment goes back to where it was."""
    ours = temporary.stat().st_ino
    try:
        disk.exchange(temporary, snapshot.real)
    except FileNotFoundError:
        raise ConflictError(snapshot.path) from None
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise
        disk.replace(temporary, snapshot.real)
        return
    if _holds(temporary, snapshot.data):
        temporary.unlink()
        return
    expected = ours
    while True:  # what comes out is what went in before, or a save that is newer than what was just put back
        going_in = temporary.lstat().st_ino
        disk.exchange(temporary, snapshot.real)
        if temporary.lstat().st_ino == expected:
            raise ConflictError(snapshot.path)
        expected = going_in


def _holds(path: Path, data: bytes) -> bool:
    try:
        return _content(path)[0] == data
    except OSError:  # something else than a file was put there
        return False


def _writable(snapshot: Snapshot, status: os.stat_result) -> None:
    if not status.st_mode & 0o222:
        raise FileError(f"{snapshot.path} is read-only: run chmod u+w on it, or change it where it comes from")


def _unchanged(snapshot: Snapshot) -> os.stat_result:
    """How the file stands there now. Raises ConflictError unless it is what was read, in the place where it was read."""
    try:
        moved = Path(os.path.realpath(snapshot.path, strict=True)) != snapshot.real
        data, status = _content(snapshot.real)
    except FileNotFoundError:
        raise ConflictError(snapshot.path) from None
    if moved or data != snapshot.data:
        raise ConflictError(snapshot.path)
    return status


def _content(real: Path) -> tuple[bytes, os.stat_result]:
    """Bytes and status of a regular file. Opened without blocking: a pipe would wait for its writer for ever."""
    file = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(file)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ENOTSUP, "not a regular file")
        with open(file, "rb", closefd=False) as stream:
            return stream.read(), status
    finally:
        os.close(file)


@contextmanager
def _created(path: Path, disk: Disk) -> Iterator[int]:
    file = disk.create(path)
    try:
        yield file
    finally:
        os.close(file)


def _write_all(file: int, data: bytes, disk: Disk) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[disk.write(file, bytes(rest)) :]


def _dress(file: int, like: os.stat_result, snapshot: Snapshot, disk: Disk) -> None:
    """Give a new file owner, attributes and mode of the old one; in that order, since chown takes bits off the mode."""
    own = os.fstat(file)
    if (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
        try:
            disk.chown(file, like.st_uid, like.st_gid)
        except PermissionError:
            owner = f"user {like.st_uid}, group {like.st_gid}"
            raise FileError(f"{snapshot.path} belongs to {owner}, which would be lost: flip as that user") from None
    with suppress(OSError):  # no attributes here, or none that may be set: best effort
        for name in os.listxattr(snapshot.real):
            with suppress(OSError):
                os.setxattr(file, name, os.getxattr(snapshot.real, name))
    os.fchmod(file, stat.S_IMODE(like.st_mode))


def _attributes(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid


def _sync_folder(snapshot: Snapshot, disk: Disk) -> None:
    """Make the rename survive a power failure, where the file system can sync a folder and the user may read it."""
    try:
        folder = os.open(snapshot.real.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            disk.sync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        if error.errno in (errno.EIO, errno.ENOSPC, errno.EDQUOT):
            text = f"{snapshot.path} was written, but may not survive a power failure ({error.strerror}): check the disk"
            raise FileError(text) from None


def _temporary(real: Path) -> Path:
    return real.with_name(f".{real.name}.{secrets.token_hex(8)}.tmp")


def _sweep(real: Path) -> None:
    """Remove what killed writers left. All writers hold the lock, so none of it belongs to a living one."""
    leftover = re.compile(rf"\.{re.escape(real.name)}\.[0-9a-f]{{16}}\.tmp")
    with suppress(OSError):  # they harm nobody; the next writer tries again
        for name in os.listdir(real.parent):
            if leftover.fullmatch(name):
                (real.parent / name).unlink()


@contextmanager
def _locked(snapshot: Snapshot, wait: Seconds) -> Iterator[None]:
    """Hold the lock of a file. The lock file stays: removing it would let two in at once."""
    path = snapshot.real.with_name(f".{snapshot.real.name}.lock")
    deadline = time.monotonic() + wait
    while (file := _try_lock(path, snapshot.real)) is None:
        if time.monotonic() >= deadline:
            raise BusyError(snapshot.path, _holder(path))
        time.sleep(_RETRY)
    try:
        with suppress(OSError):  # on a full disk nobody learns who holds it, and the way down stays open
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _try_lock(path: Path, beside: Path) -> int | None:
    """The open, locked file; None if another holds it, or if it was removed and made anew under our hands."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file), os.stat(path, follow_symlinks=False)):
            _share_lock(file, beside)
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(file)
        raise
    os.close(file)
    return None


def _share_lock(file: int, beside: Path) -> None:
    """Whoever may write the file may take its lock, also if root flipped first."""
    with suppress(OSError):
        status = os.stat(beside)
        os.fchmod(file, status.st_mode & 0o666 | 0o600)
        os.fchown(file, status.st_uid, status.st_gid)


def _holder(path: Path) -> str:
    try:
        process = path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        process = ""
    return f"process {process}" if process.isdecimal() else "another process"


def _unreadable(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return f"{path} does not exist: write it (README shows five lines), or name another with -c FILE"
        case errno.EISDIR:
            return f"{path} is a folder: name the file in it"
        case errno.ENOTSUP | errno.ENXIO:
            return f"{path} is not a regular file: put the routes into one and name that"
        case errno.EACCES | errno.EPERM:
            return f"{path} may not be read by this user: give it read permission, or run as its owner"
        case errno.ELOOP:
            return f"{path} is a symbolic link that leads in a circle: point it to the file"
    return f"{path} cannot be read: {error.strerror}"


def _unwritable(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.EROFS:
            return f"{path} is on a read-only mount: change it where it comes from, or mount its folder writable"
        case errno.EBUSY | errno.EXDEV:
            return f"{path} is mounted by itself and cannot be replaced: mount its folder instead of the one file"
        case errno.EACCES | errno.EPERM:
            return f"the folder of {path} may not be written by this user: give it write permission, or run as its owner"
        case errno.ENOSPC | errno.EDQUOT:
            return f"no space left for {path}, which is as it was: make room and flip again"
    return f"{path} cannot be written, and is as it was: {error.strerror}"
