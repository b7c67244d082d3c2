"""Texts from outside, as every database can keep them and index them."""

from __future__ import annotations

import re
from hashlib import blake2b

LONGEST = 300  # characters; an index page of PostgreSQL takes keys of 2,700 bytes
_UNFIT = re.compile("[\x00\ud800-\udfff]")  # no text in PostgreSQL, and not UTF-8


def clean(text: str) -> str:
    """The text with what cannot be kept replaced, and what is too long cut; two that differ still do then."""
    if len(text) <= LONGEST and not _UNFIT.search(text):
        return text
    return f"{fit(text)[: LONGEST - 17]}…{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=8).hexdigest()}"


def fit(text: str) -> str:
    """The text with what cannot be kept replaced, as long as it is."""
    return _UNFIT.sub("\ufffd", text)


def digest(*parts: str) -> str:
    """Eight hexadecimal digits that people can type, for the parts together."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
