"""How HTTP requests are signed: Standard Webhooks 1.0 with HMAC-SHA256 (its `v1`), and several secrets while one takes over.

What is signed is ``ID.TIMESTAMP.BODY``. The id in it has no dot, so that nothing that was signed can be read in two ways.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from urllib.parse import quote

_PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  # bytes of a secret, as the specification has them


def keys(secret: str) -> tuple[bytes, ...]:
    """The keys of a setting: one secret or several, separated by blanks. Raises ValueError, which never repeats it."""
    return tuple(_key(word) for word in secret.split())


def sign(key: bytes, identity: str, at: int, body: bytes) -> str:
    """One signature, as it stands in the header. `at`: seconds since 1970, when it is sent."""
    signed = b"%b.%d.%b" % (identity.encode(), at, body)
    return f"v1,{b64encode(hmac.digest(key, signed, 'sha256')).decode()}"


def headers(keys: tuple[bytes, ...], event_id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of one request."""
    identity = identity_of(event_id)
    said = {"webhook-id": identity, "webhook-timestamp": str(at)}
    signatures = " ".join(sign(key, identity, at, body) for key in keys)
    return {**said, "webhook-signature": signatures} if keys else said


def identity_of(event_id: str) -> str:
    """An event's id for `webhook-id`: letters, digits and ``-_~:``, the rest percent-encoded."""
    return quote(event_id, safe=":").replace(".", "%2E")


def _key(word: str) -> bytes:
    try:
        key = b64decode(word.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _LEAST <= len(key) <= _MOST:
        raise ValueError(
            f"is not {_PREFIX} and the base64 of {_LEAST} to {_MOST} random bytes: openssl rand -base64 32 makes such"
        )
    return key
