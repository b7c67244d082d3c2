"""Sticky buckets: where a user stands in [0, 1), the same at every request, on every machine, for ever.

A request is served by modern when its bucket is below the weight. The interval is half open, so raising the weight only
adds users, and a weight of 0 moves everyone back on the next request; nothing is remembered anywhere.
"""

from __future__ import annotations

from hashlib import blake2b

_UNIT = 2.0**-53  # 53 bits fit a float exactly, so the largest bucket is still below 1.0


def bucket(salt: str, key: str) -> float:
    """The bucket of `key` under `salt`, uniform in [0, 1).

    The salt is a separate input of the hash (BLAKE2's own salt would cut it at 16 bytes, so its length goes first):
    two groups with different salts split the same users independently.
    """
    salted = f"{len(salt)}:{salt}:{key}".encode("utf-8", "surrogatepass")
    return (int.from_bytes(blake2b(salted, digest_size=8).digest(), "big") >> 11) * _UNIT
