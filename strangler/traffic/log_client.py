"""What stands for a client's address: the same for all its requests, and worth nothing once this process has ended."""

from __future__ import annotations

import os
from functools import lru_cache
from hashlib import blake2b

_KEY = os.urandom(32)


@lru_cache(maxsize=65_536)
def token(address: str) -> str:
    """The token of an address, without its port; empty if there is none."""
    host = address[1:].partition("]")[0] if address.startswith("[") else address
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return blake2b(host.encode("utf-8", "replace"), digest_size=6, key=_KEY).hexdigest() if host not in ("", "-") else ""
