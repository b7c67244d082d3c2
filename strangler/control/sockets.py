"""The sockets on which Strangler listens, opened by the supervisor and held until it ends.

All workers accept from one socket per address. One socket for each worker (SO_REUSEPORT) was tried beside it: the kernel
then deals connections out by a hash, so those dealt to a worker that was killed or hangs wait for its successor (0.12 s
each on the machine where it was tried, and for as long as a hang lasts), and those dealt to a socket that is closed are
reset. From one shared socket whoever is free takes the next: nobody waited, 32 connections came to 15 and 17 on two
workers, and short connections were a third more per second. The price is that a new connection wakes every idle worker.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from contextlib import suppress

from strangler.core.errors import UnreachableError
from strangler.core.model import Address

BACKLOG = 1024
_WAIT = 2.0  # seconds for the children of a supervisor that was killed to go
_PAUSE = 0.02


class Listening:
    """A socket that listens.

    Attributes:
        written: the address as it stands in the file.
        address: where it really is: a port 0 has become a port.
    """

    def __init__(self, written: Address, sock: socket.socket) -> None:
        self.written, self.sock = written, sock
        self.address = written if written.unix else Address(written.host, sock.getsockname()[1])

    def serves(self, address: Address) -> bool:
        return address in (self.written, self.address)

    def close(self) -> None:
        """Let go of it; whoever it was handed to goes on."""
        self.sock.close()

    def end(self) -> None:
        """Listen no more, and leave no file behind."""
        self.close()
        if self.address.unix:
            with suppress(FileNotFoundError):
                os.unlink(self.address.unix)


def listen(address: Address, key: str, patient: bool) -> list[Listening]:
    """Open the sockets of an address: one, or one for each family of a host name that has several.

    Args:
        key: of the file, to be named in the error.
        patient: the address was in use a moment ago, by processes that are about to go.

    Raises UnreachableError.
    """
    until = time.monotonic() + (_WAIT if patient else 0)
    while True:
        try:
            return [Listening(address, sock) for sock in ([_open_unix(address.unix)] if address.unix else _open(address))]
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= until:
                raise UnreachableError(_in_words(address, key, error)) from None
            time.sleep(_PAUSE)


def open_private(path: str) -> socket.socket:
    """A Unix socket for processes of this user. Raises UnreachableError."""
    with suppress(FileNotFoundError):
        os.unlink(path)  # of a process that had our number before us
    try:
        sock = _bound(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), path)
        os.chmod(path, 0o600)
    except OSError as error:
        why = error.strerror or error  # such as a path that is too long
        raise UnreachableError(f"{path} cannot be made: {why}; set XDG_RUNTIME_DIR to another place") from None
    return sock


def _open(address: Address) -> list[socket.socket]:
    """A family that the machine does not have is no reason not to serve the other."""
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    opened: list[socket.socket] = []
    missing: OSError | None = None
    for family, kind, protocol, _, where in dict.fromkeys(found):
        port = opened[0].getsockname()[1] if opened else where[1]
        try:
            opened.append(_bound(socket.socket(family, kind, protocol), (where[0], port, *where[2:])))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                for sock in opened:
                    sock.close()
                raise
            missing = error
    if not opened:
        raise missing or OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return opened


def _open_unix(path: str) -> socket.socket:
    """A socket file that nobody listens on was left behind and is replaced; one that somebody does is taken."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise OSError(errno.EEXIST, "a file that is not a socket is there")
        _refuse_if_alive(path)
        os.unlink(path)
    return _bound(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), path)


def _refuse_if_alive(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _bound(sock: socket.socket, where: object) -> socket.socket:
    try:
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(where)  # type: ignore[arg-type]
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _in_words(address: Address, key: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use by another program: stop it, or change {key}"
    if error.errno == errno.EACCES:
        return f"{address} may not be bound: take a port from 1024 up, or give the process the right to"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{address} is not an address of this machine: change {key}"
    return f"{address} cannot be bound: {error.strerror or error}"
