"""Samples of requests on their way to the store: freed of secrets in a thread, one sample at a time.

What one route calls a secret is one here whatever the route: the next configuration may send a request by another. A sample that
comes while another is still worked on, or while the store cannot be written, is left out: there will be others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from strangler.core.model import Config
from strangler.core.recent import Recent, keep
from strangler.core.records import Batch
from strangler.core.redact import Redactor
from strangler.core.redact.overall import redactor_of
from strangler.core.redact.token import mint

MOST = 500  # of one batch: batches grow while the store cannot be written


class Glances:
    """Takes samples.

    Args:
        key: of the tokens.
        batch: what will be written next.
        complain: told, once, if a sample cannot be read.
    """

    def __init__(self, key: bytes, batch: Callable[[], Batch], complain: Callable[[str], None]) -> None:
        self._key, self._batch, self._complain = key, batch, complain
        self._redactor: Redactor | None = None
        self._working: asyncio.Task[None] | None = None
        self._said = False

    def use(self, config: Config) -> None:
        """A configuration has come into force."""
        self._redactor = redactor_of(config, self._key)

    def take(self, head: Mapping[str, Any]) -> None:
        """A sample has come."""
        if self._redactor is not None and (self._working is None or self._working.done()):
            self._working = asyncio.create_task(self._work(head, self._redactor))

    async def close(self) -> None:
        """Finish what is being worked on."""
        if self._working is not None:
            await self._working

    async def _work(self, head: Mapping[str, Any], redactor: Redactor) -> None:
        try:
            found = await asyncio.to_thread(_kept, head, redactor, self._key)
        except Exception as error:  # a worker talks to the world: what it says may be anything
            if not self._said:
                self._complain(f"a sample of requests is left out: {type(error).__name__}")
            self._said = True
            return
        kept = self._batch().requests
        kept += found[: max(MOST - len(kept), 0)]


def _kept(head: Mapping[str, Any], redactor: Redactor, key: bytes) -> list[Recent]:
    token = mint(key)
    return [keep(told, float(head["at"]), float(head["weight"]), redactor, token) for told in head["requests"]]
