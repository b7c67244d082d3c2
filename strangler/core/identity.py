"""Who the user is: what counts as an answer to that question, and the signed header that says it. Time and key come in.

The header is ``v1.PAYLOAD.SIGNATURE``. PAYLOAD is the base64url form, without padding, of a JSON object: ``user``, the object
with which the asked upstream answered; ``iat`` and ``exp``, whole seconds since 1970; ``aud``, the name of the upstream that it
is meant for. SIGNATURE is the base64url form of the HMAC-SHA256 of everything before its dot.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from hashlib import blake2b, sha256

from strangler.core import exact

LIFETIME = 30  # seconds; it is made for one request
MOST_USER_BYTES = 4096  # as JSON; with its signature it must fit into a header of 8 KiB, which is what most servers take
LEAST_KEY_BYTES = 32  # RFC 2104 section 3: at least the length of the hash
_LEAST_TELLING = 11  # characters of a value that names one session: 64 bits of chance, which less than that cannot hold
_NOBODY = frozenset({401, 403})


class UnknownIdentityError(ValueError):
    """The answer does not say who the user is, nor that it is nobody."""


def read_user(status: int, body: bytes) -> bytes | None:
    """The user in an answer, as JSON without spaces; None if nobody is logged in.

    Raises UnknownIdentityError for everything else: a guess could be somebody.
    """
    if status in _NOBODY:
        return None
    if status != 200:
        raise UnknownIdentityError(f"status {status}")
    try:
        user = exact.parse(body)
        written = exact.render(user)
    except exact.NotJsonError:
        raise UnknownIdentityError("not JSON") from None
    if not isinstance(user, dict) or not user or len(written) > MOST_USER_BYTES:
        raise UnknownIdentityError("not an object of up to 4 KiB")
    return written


def sign(user: bytes, *, key: bytes, audience: str, now: float) -> bytes:
    """The header's value that says to `audience` who the user is, for the next half minute."""
    payload = b'{"user":%b,"iat":%d,"exp":%d,"aud":%b}' % (user, now, int(now) + LIFETIME, json.dumps(audience).encode())
    signed = b"v1." + _encode(payload)
    return signed + b"." + _encode(hmac.digest(key, signed, "sha256"))


def hash_key(key: bytes) -> bytes:
    """The key of `mark`: made of the signing key, so that all workers have the same, and of no use for signing."""
    return sha256(b"strangler marks\0" + key).digest()


def mark(data: bytes, key: bytes) -> bytes:
    """What is kept of credentials: a keyed hash, from which nobody gets them back."""
    return blake2b(data, key=key, digest_size=16).digest()


def tokens(name: bytes, value: bytes) -> Iterator[bytes]:
    """The single credentials that a header carries: cookie by cookie, any other header whole. `name` is in lower case."""
    for part in value.split(b";") if name == b"cookie" else (value,):
        if stripped := part.strip(b" \t"):
            yield name + b":" + stripped


def telling(found: Iterable[bytes]) -> list[bytes]:
    """The tokens whose values are long enough to name one session, and not a preference that thousands share."""
    return [token for token in found if len(re.split(rb"[:=]", token, maxsplit=2)[-1]) >= _LEAST_TELLING]


def _encode(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")
