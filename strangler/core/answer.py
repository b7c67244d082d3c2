"""An answer as a Python hook sees it, and gives it back: ``module:function`` of `adapt.response.python`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer of modern; change it with `dataclasses.replace`.

    Attributes:
        headers: name and value, in order, without those that frame the message.
        body: decoded of chunks, and never compressed.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
