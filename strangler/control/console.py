"""What the supervisor says to people. A reader who has stopped reading must not stop the supervisor."""

from __future__ import annotations

import os
import select
from contextlib import suppress

OUT, ERR = 1, 2


def say(text: str, descriptor: int = ERR) -> None:
    """Write one or more lines; drop them if nobody takes them."""
    with suppress(OSError, ValueError):
        for line in f"{text}\n".encode(errors="replace").splitlines(keepends=True):
            if select.select([], [descriptor], [], 0)[1]:
                os.write(descriptor, line[: select.PIPE_BUF])
