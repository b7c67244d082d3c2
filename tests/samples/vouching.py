"""The header with which the proxy says who is asking, as the tests of the samples make it themselves."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from typing import Any

from tests.samples.conftest import KEY, NOW

MOMENT = int(NOW.timestamp())


def signed(claims: Any, key: bytes = KEY, version: str = "v1") -> str:
    """Any claims at all, signed."""
    text = f"{version}.{_encode(json.dumps(claims).encode())}"
    return f"{text}.{_encode(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def claims(user: Any, **others: Any) -> dict[str, Any]:
    return {"user": user, "iat": MOMENT, "exp": MOMENT + 30, "aud": "modern", **others}


def vouching(number: int) -> dict[str, str]:
    """Headers for one customer."""
    return {"x-user": signed(claims({"id": number}))}


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")
