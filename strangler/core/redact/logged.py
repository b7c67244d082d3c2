"""The path of a request as a log may keep it: no query, and no secret in what is left.

A redactor takes longer for a path than the proxy for a request, so it is asked only about those in which it could find
something. `_SEGMENT` says of which segments nobody can: short ones, words, and identifiers of the usual kinds.
"""

from __future__ import annotations

import re
from functools import lru_cache

from strangler.core.model import Config
from strangler.core.redact.fields import Fields
from strangler.core.redact.overall import redactor_of, strictest
from strangler.core.redact.paths import Paths

_SEGMENT = (
    r"[\w~-]{0,11}"  # shorter than any card or encoded address; without a dot no signed token
    r"|[a-z]{1,24}(?:[._-][a-z]{1,24}){0,8}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # UUID (RFC 9562 section 4)
    r"|(?=[0-9]{0,7}[a-f])(?:[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40})"
)
_PLAIN = re.compile(rf"(?:/(?:{_SEGMENT}))*", re.ASCII)
_REMEMBERED = 512  # paths: of files with long names, say, which come again


class LoggedPaths:
    """Paths under one configuration.

    Args:
        key: of the tokens that stand for secrets; raises ValueError if it has less than 16 bytes.
    """

    def __init__(self, config: Config, key: bytes) -> None:
        self._paths = Paths((route.match.path for route in config.routes), Fields(strictest(config).fields).named)
        self._clean = lru_cache(_REMEMBERED)(redactor_of(config, key).target)

    def __call__(self, target: str) -> str:
        """The path of a request target."""
        path = target.partition("?")[0]
        if _PLAIN.fullmatch(path) is None or (self._paths and self._paths.secret(path[1:].split("/"))):
            return self._clean(path)
        return path
