"""Names that say that their value is a secret, in any spelling: ``api_key``, ``apiKey``, ``X-Api-Key``. Knows no values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

# Anywhere in a name, without its separators and in lower case.
_WITHIN = ("password", "passwd", "passphrase", "passcode", "csrf", "xsrf", "jsessionid", "phpsessid")
# At its end: what ``tokens_used`` or ``session_count`` count is no secret.
_AT_END = (
    *("secret", "token", "apikey", "accesskey", "privatekey", "secretkey", "encryptionkey", "signingkey", "subscriptionkey"),
    *("authorization", "credential", "credentials", "session", "sessionid", "sessionkey", "sessid", "cookie", "pwd"),
)
# The whole of it.
_WHOLE = frozenset({"auth", "sid", "pass", "pin", "otp", "totp", "cvv", "cvc", "cvv2", "jwt", "bearer", "ssn", "xauth"})
_SEPARATORS = re.compile(r"[\W_]+")
_LONGEST = 200  # nobody calls a member so


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Whether what has this name is secret by default, wherever it stands."""
    plain = _SEPARATORS.sub("", name[:_LONGEST]).lower()
    return plain in _WHOLE or plain.endswith(_AT_END) or any(word in plain for word in _WITHIN)


# Headers whose whole value is secret, besides those that `is_secret` knows and those that the route names.
HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


# Where the name of a value stands beside it: ``{"name": "password", "value": ...}``, ``<input name="password" value="...">``.
_LABELS = ("name", "key", "id", "field", "property", "type")
BESIDE = frozenset({"value", "content", "text", "data", "val"})


def labelled(values: Mapping[str, Any], is_secret: Callable[[str], bool]) -> bool:
    """Whether members or attributes say of what stands beside them that it is a secret."""
    return any(type(label := values.get(name)) is str and is_secret(label) for name in _LABELS)
