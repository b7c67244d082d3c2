"""One large body each way through `strangler serve`, and a reader that stops: what the worker's memory does meanwhile.

python -m benchmarks.streams            1 GiB each; exit code 3 if the worker needs more than it may, or bytes differ
"""

from __future__ import annotations

import socket
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from benchmarks import contenders
from benchmarks.processes import peak_mib, resident_mib, restart_peak, running, workers

ALLOWED_MIB = 30.0  # more than at rest
PAUSE_SECONDS = 1.0  # without a byte taken, after which a sender counts as stopped
_PATIENCE = 60.0
_MIB = 2**20
_PIECE = bytes(range(251)) * 261  # 64 KiB, and no power of two: a piece lost or repeated changes the checksum


@dataclass(slots=True)
class Side:
    """One side of a transfer: bytes that have gone through it, and their checksum."""

    size: int = 0
    checksum: int = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self.checksum = zlib.crc32(piece, self.checksum)


def body(size: int, sent: Side) -> Iterator[bytes]:
    """So many bytes, in pieces, entered into `sent` as they go."""
    while sent.size < size:
        piece = _PIECE[: size - sent.size]
        yield piece
        sent.add(piece)


def send(sock: socket.socket, size: int, chunked: bool, sent: Side) -> None:
    """Send a body."""
    for piece in body(size, sent):
        sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
    if chunked:
        sock.sendall(b"0\r\n\r\n")


def framing(size: int, chunked: bool) -> bytes:
    return b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size


@dataclass(slots=True)
class Reader:
    """Reads one message from a socket."""

    sock: socket.socket
    _rest: bytes = b""

    def head(self) -> bytes:
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._more()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return head.lower()

    def body(self, head: bytes, taken: Side) -> None:
        """The body that `head` announces, without what frames it."""
        if b"transfer-encoding: chunked" not in head:
            self._take(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]), taken)
            return
        while size := int(self._line(), 16):
            self._take(size, taken)
            self._line()
        self._line()

    def _line(self) -> bytes:
        while b"\r\n" not in self._rest:
            self._rest += self._more()
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def _take(self, count: int, taken: Side) -> None:
        while count:
            piece = self._rest or self._more()
            piece, self._rest = piece[:count], piece[count:]
            taken.add(piece)
            count -= len(piece)

    def _more(self) -> bytes:
        data = self.sock.recv(262_144)
        if not data:
            raise EOFError("the connection ended in the middle of a message")
        return data


@dataclass(slots=True)
class Transfer:
    """One body on its way, and what each side has seen of it.

    Attributes:
        go: the reader takes nothing of the body before this is set.
    """

    size: int
    upload: bool
    chunked: bool
    sent: Side = field(default_factory=Side)
    taken: Side = field(default_factory=Side)
    go: threading.Event = field(default_factory=threading.Event)

    def through(self, port: int, listener: socket.socket, slow: bool = False) -> int:
        """Bring the body through. With `slow` its reader first lets the sender run into a standstill: how far it came."""
        errors: list[Exception] = []
        sides = [_thread(partial(self.upstream, listener), errors), _thread(partial(self.client, port), errors)]
        if not slow:
            self.go.set()
        for side in sides:
            side.start()
        ahead = _standstill(self) if slow else 0
        self.go.set()
        for side in sides:
            side.join()
        if errors:
            raise click.ClickException(f"the transfer failed: {errors[0]!r}")
        return ahead

    def upstream(self, listener: socket.socket) -> None:
        """Take one request, and answer it."""
        sock, _ = listener.accept()
        with sock:
            sock.settimeout(_PATIENCE)
            reader = Reader(sock)
            head = reader.head()
            if self.upload:
                self.go.wait(_PATIENCE)
                reader.body(head, self.taken)
                sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            else:
                sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n%b\r\n\r\n" % framing(self.size, self.chunked))
                send(sock, self.size, self.chunked, self.sent)

    def client(self, port: int) -> None:
        """Ask, and take the answer."""
        with socket.create_connection(("127.0.0.1", port), _PATIENCE) as sock:
            reader = Reader(sock)
            method, line = (b"PUT", framing(self.size, self.chunked)) if self.upload else (b"GET", b"Accept: */*")
            sock.sendall(b"%b / HTTP/1.1\r\nHost: shop.example.org\r\nConnection: close\r\n%b\r\n\r\n" % (method, line))
            if self.upload:
                send(sock, self.size, self.chunked, self.sent)
            head = reader.head()
            if not head.startswith(b"http/1.1 200"):
                raise ValueError(head.decode("latin-1"))
            if not self.upload:
                self.go.wait(_PATIENCE)
                reader.body(head, self.taken)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one transfer needed.

    Attributes:
        ahead: bytes that the sender was ahead of a reader that did not read, in the kernel's buffers and the proxy's.
        stopped: whether the sender stood still then.
        intact: whether what was taken is what was sent.
    """

    name: str
    seconds: float
    peak: float
    ahead: int
    stopped: bool
    intact: bool

    @property
    def good(self) -> bool:
        return self.intact and self.stopped and self.peak <= ALLOWED_MIB

    def __str__(self) -> str:
        slow = f", {self.ahead / _MIB:.1f} MiB sent while nobody read" if self.ahead else ""
        faults = ["", "  BYTES DIFFER"][not self.intact] + ["", "  THE SENDER DID NOT STOP"][not self.stopped]
        return f"{self.name:<30} {self.seconds:6.1f} s   {self.peak:+6.1f} MiB{slow}{faults}"


def measure(name: str, pid: int, port: int, listener: socket.socket, made: Transfer, slow: bool) -> Outcome:
    """Bring one body through, and watch the worker's memory."""
    before = resident_mib(pid)
    restart_peak(pid)
    started = time.perf_counter()
    ahead = made.through(port, listener, slow)
    intact = made.sent == made.taken and made.sent.size == made.size
    return Outcome(name, time.perf_counter() - started, peak_mib(pid) - before, ahead, ahead < made.size, intact)


def _standstill(made: Transfer) -> int:
    """Wait until the sender has not moved for a while; how far it came."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < PAUSE_SECONDS and made.sent.size < made.size:
        if made.sent.size != seen:
            seen, since = made.sent.size, time.monotonic()
        time.sleep(0.01)
    return made.sent.size


def _thread(work: Callable[[], None], errors: list[Exception]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)

    return threading.Thread(target=run, daemon=True)


def run(size: int) -> list[Outcome]:
    """All transfers, one after the other, through one worker."""
    with tempfile.TemporaryDirectory(prefix="strangler-benchmark-") as name, socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = contenders.strangler("strangler", Path(name), listener.getsockname()[1], 10)
        with running(proxy.command, port=proxy.port, folder=Path(name)) as root:
            Transfer(_MIB, True, False).through(proxy.port, listener)  # the worker is up, and has what one request needs
            [pid] = workers(root)
            outcomes = []
            for upload in (True, False):
                for chunked, slow in ((False, False), (True, False), (False, True), (True, True)):
                    made = Transfer(size, upload, chunked)
                    words = ("upload" if upload else "download", "chunked" if chunked else "sized", "slow reader" if slow else "")
                    outcomes.append(measure(", ".join(filter(None, words)), pid, proxy.port, listener, made, slow))
                    click.echo(outcomes[-1])
            return outcomes


@click.command()
@click.option("--mib", type=click.IntRange(64, 16_384), default=1024, show_default=True, help="Size of each body.")
def main(mib: int) -> None:
    """Send large bodies through one worker. Exit code 3 if its memory grows too much, a sender is not slowed, or bytes differ."""
    click.echo(f"{mib} MiB each; peak of the worker's resident memory over that at rest, at most {ALLOWED_MIB:g} MiB:")
    sys.exit(0 if all(outcome.good for outcome in run(mib * _MIB)) else 3)


if __name__ == "__main__":
    main()
