"""One kept-alive connection on which requests leave by the clock: what the next request on it has to wait for.

A request whose turn has come while the one before is still out leaves late; its time counts from its turn all the same, so
that a stall is not left out. That this client wakes up late is not counted, and it never waits by looking at the clock all
the time: it would take a core from those it measures.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator

from benchmarks.load import Load, LoadFailed

_REQUEST = "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"
_PATIENCE = 30.0  # seconds


def one_connection(port: int, path: str, *, rate: float, seconds: float) -> Load:
    """Send `rate` requests per second on one connection for so many seconds. Raises LoadFailed if it is closed."""
    with socket.create_connection(("127.0.0.1", port), _PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = _REQUEST.format(path=path, host=f"127.0.0.1:{port}").encode()
        answers = _answers(connection)
        taken, errors, begin = [], 0, time.perf_counter()
        for number in range(max(1, round(rate * seconds))):
            turn = begin + number / rate
            early = turn - time.perf_counter()
            if early > 0:
                time.sleep(early)
                turn = time.perf_counter()
            connection.sendall(request)
            errors += next(answers) != 200
            taken.append(time.perf_counter() - turn)
        lasted = time.perf_counter() - begin
    ordered = sorted(taken)
    return Load(len(ordered), lasted, errors, at_share(ordered, 0.5), at_share(ordered, 0.99), len(ordered) / lasted / rate)


def at_share(ordered: list[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _answers(connection: socket.socket) -> Iterator[int]:
    """The status of one answer after the other; each must say its length."""
    data = b""
    while True:
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += _received(connection)
        head = data[:end].lower()
        length = head.partition(b"content-length:")[2].split(b"\r\n")[0]
        whole = end + 4 + int(length)
        while len(data) < whole:
            data += _received(connection)
        yield int(head.split(b" ", 2)[1])
        data = data[whole:]


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise LoadFailed("the connection was closed, though it should be kept")
    return data
