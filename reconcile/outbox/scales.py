"""How many bytes of payloads may be in memory at once, beside the small ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Scales:
    """Whoever wants more than is free waits; one that is larger than everything gets everything."""

    def __init__(self, bytes_: int) -> None:
        self._whole = self._free = bytes_
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def carrying(self, bytes_: int) -> AsyncIterator[None]:
        weight = min(bytes_, self._whole)
        async with self._changed:
            await self._changed.wait_for(lambda: self._free >= weight)
            self._free -= weight
        try:
            yield
        finally:
            async with self._changed:
                self._free += weight
                self._changed.notify_all()
