"""Names for flips and entries: unique without asking anybody, and in the order of time (RFC 9562, UUID version 7)."""

from __future__ import annotations

import uuid


def name(now: float, chance: bytes) -> str:
    """A name.

    Args:
        now: seconds since 1970.
        chance: ten random bytes.
    """
    number = (int(now * 1000) & (1 << 48) - 1) << 80 | int.from_bytes(chance, "big")
    number = number & ~(0xF << 76) | 7 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=number))
