"""Whether a file has changed, cheaply: by what the kernel says about it, not by reading it."""

from __future__ import annotations

import os
from pathlib import Path

Signature = tuple[int, int, int]


def signature(path: Path) -> Signature | None:
    """Changes with every write and every rename over it; None while there is no such file, as in the middle of a save."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
