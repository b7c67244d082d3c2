"""A worker's line to the supervisor."""

from __future__ import annotations

import socket

import uvloop

from strangler.control.line import Line


def test_who_has_left_says_no_more():
    ours, theirs = socket.socketpair()

    async def leave() -> None:
        line = await Line.open({"link": ours.detach()})
        line.say({"is": "alive"})
        await line.leave()
        line.say({"is": "alive"})

    with theirs:
        uvloop.run(leave())
        theirs.settimeout(10)
        assert b"".join(iter(lambda: theirs.recv(4096), b"")).count(b"alive") == 1
