"""Control's part in the journal: when it starts and once a minute it settles what nobody else will, writes down what the
journal has missed, and brings all of it into the store. Nothing waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from strangler.control.flipping.settlement import keep
from strangler.control.flipping.spool import Spool
from strangler.control.flipping.world import World
from strangler.core.errors import StranglerError
from strangler.core.model import Config

EVERY = 60.0  # seconds


class Keeper:
    """Keeps the journal of the configuration at `path`.

    Args:
        served: what the workers decide by; None if that is not known yet.
        complain: told what people should know.
    """

    def __init__(
        self, path: Path, environ: Mapping[str, str], served: Callable[[], Config | None], complain: Callable[[str], None]
    ) -> None:
        self._served, self._complain = served, complain
        self._world = World(path, environ, lambda config, flips: {}, complain)
        self._said = ""

    async def live(self) -> None:
        """Until cancelled. A store that is not there is made at the start alone: one that goes away may come back."""
        await asyncio.to_thread(self.prepare)
        create = True
        while True:
            create = not await asyncio.to_thread(self.keep, create=create) and create
            await asyncio.sleep(EVERY)

    def prepare(self) -> None:
        """Make room for what has to be written down when the disk is full."""
        served = self._served()
        if served is not None and served.routes:
            with suppress(OSError, StranglerError):  # a folder that may not be written; whoever flips is told
                Spool(self._world.read().real).prepare()

    def keep(self, *, create: bool = False) -> bool:
        """Do it once; whether it could be done. What is in the way is said once."""
        said = ""
        try:
            keep(self._world, self._served(), create=create)
        except StranglerError as error:
            said = f"the journal waits beside the file: {error}".splitlines()[0]
        if said and said != self._said:
            self._complain(said)
        self._said = said
        return not said
