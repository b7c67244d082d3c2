"""What is answered: JSON that no browser takes for anything else, and errors that all look alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from starlette.responses import Response

from strangler.core.errors import DatabaseError, Refusal, StranglerError, UnreachableError, UsageError

LINES = "application/x-ndjson"
"""Of an answer that goes on: an object a line."""


class Json(Response):
    """In ASCII: what an upstream has sent may hold half a character, which no encoding has. Numbers without an end are null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        try:
            text = json.dumps(content, allow_nan=False, separators=(",", ":"))
        except ValueError:
            text = json.dumps(_finite(content), allow_nan=False, separators=(",", ":"))
        return text.encode("ascii")


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if isfinite(content) else None
    if isinstance(content, Mapping):
        return {name: _finite(value) for name, value in content.items()}
    return [_finite(item) for item in content] if isinstance(content, list | tuple) else content


class Turned(Exception):
    """A request that gets no further.

    Args:
        code: a word for programs.
        message: a sentence for people.
        more: other members of the error.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **more: object) -> None:
        super().__init__(message)
        self.status, self.code, self.headers, self.more = status, code, dict(headers or {}), more

    def answer(self) -> Response:
        return Json({"error": {"code": self.code, "message": str(self), **self.more}}, self.status, self.headers)


_KINDS: tuple[tuple[type[StranglerError], int, str], ...] = (
    (UsageError, 400, "usage"),
    (Refusal, 409, "refused"),
    (UnreachableError, 502, "unreachable"),
    (DatabaseError, 503, "database"),
)


def turned(error: StranglerError) -> Turned:
    """What a command would have ended with."""
    status, code = next(((status, code) for kind, status, code in _KINDS if isinstance(error, kind)), (500, "unexpected"))
    return Turned(status, code, str(error), exit_code=error.exit_code)
