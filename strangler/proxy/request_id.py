"""Request ids: the label under which a request is found again in everybody's logs. Nothing is decided by it."""

from __future__ import annotations

import re
from binascii import hexlify
from collections.abc import Sequence
from random import getrandbits

_SANE = re.compile(rb"[A-Za-z0-9\-._~:/+=@]{1,128}")


def chosen(sent: Sequence[bytes]) -> bytes:
    """The id of a request that came with these values of X-Request-Id: the one value if it is sane (1 to 128 plain
    characters), whoever sent it; else a new one."""
    return sent[0] if len(sent) == 1 and _SANE.fullmatch(sent[0]) else new()


def new() -> bytes:
    """An id of our own: 128 random bits."""
    return hexlify(getrandbits(128).to_bytes(16, "big"))
