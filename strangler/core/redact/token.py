"""What stands for a secret: a word for its kind, and a keyed digest, so that equal secrets stay equal and nothing else is told.

The digest is BLAKE2b with a key (RFC 7693 section 2.9), a message authentication code: without the key nobody can try out
whose address it is.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

_BYTES = 6  # one in a thousand that among a million secrets two get the same token

Mint = Callable[[str, str], str]  # kind and value to token


def mint(key: bytes) -> Mint:
    """The maker of tokens of one key, which must have 16 bytes at least; ``[email:3f9a1c2b4d5e]``. Raises ValueError."""
    if len(key) < 16:
        raise ValueError("a redaction key of less than 16 bytes can be guessed")
    state = blake2b(digest_size=_BYTES, key=blake2b(key).digest(), person=b"redaction")

    def token(kind: str, value: str) -> str:
        digest = state.copy()
        digest.update(value.encode("utf-8", "surrogatepass"))
        return f"[{kind}:{digest.hexdigest()}]"

    return token
