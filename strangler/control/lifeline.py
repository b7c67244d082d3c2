"""What ties a child to its supervisor: it dies with it.

A supervisor that was killed leaves no orphan, and its children get no grace. Workers that went on would serve under nobody's
control, with a table that no flip can reach any more, on an address that the next start needs. Whoever stops Strangler
with SIGTERM has all the grace there is. On Linux the kernel does it, whatever the child is doing, even if it is stopped;
elsewhere the end of the link does.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from typing import Any

from strangler.control.frames import Frames, Head, encode

_SET_DEATH_SIGNAL, _SET_NAME = 1, 15  # prctl(2)
_NOT_OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # a terminal and a service manager send these to all processes

Settings = dict[str, Any]


def begin() -> Settings:
    """Tie this process to its supervisor; the settings it was started with."""
    name, settings = sys.argv[1], json.loads(sys.argv[2])
    for number in _NOT_OURS:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_SET_NAME, f"strangler {name.replace('worker ', 'w')}"[:15].encode(), 0, 0, 0)
    if os.getppid() != settings["parent"]:  # it died before the kernel was told
        os._exit(1)
    return dict(settings)


def hear(settings: Settings) -> Head:
    """The first thing that the supervisor says, for a child without a loop. Ends the process if there is nothing."""
    link, frames = socket.socket(fileno=os.dup(settings["link"])), Frames()
    with link:
        while data := link.recv(65536):
            for head, _ in frames.feed(data):
                return head
    os._exit(1)


def say_and_end(settings: Settings, head: Head, body: bytes = b"") -> None:
    """All that a child without a loop has to say."""
    with socket.socket(fileno=settings["link"]) as link:
        link.sendall(encode(head, body))
