"""Running the story in a folder of its own, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from strangler.core.errors import Refusal, UnreachableError
from strangler.demo.screen import Screen
from strangler.demo.story import CHAPTERS, Story
from strangler.demo.workspace import prepare

PHASES = 3


def run(seconds: float, screen: Screen) -> None:
    """Tell the story, with about `seconds` of live traffic.

    Raises Refusal if one of its claims did not hold, UnreachableError if a part did not start or broke, and
    KeyboardInterrupt, after everything is stopped and swept, when interrupted.
    """
    asyncio.run(_run(seconds, screen))


async def _run(seconds: float, screen: Screen) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix="strangler-demo-") as folder:
        async with AsyncExitStack() as resources:
            story = Story(prepare(Path(folder)), screen, seconds / PHASES, resources)
            try:
                for chapter in CHAPTERS:
                    await chapter(story)
            except httpx.HTTPError as error:
                raise UnreachableError(f"a request of the demo got no good answer: {error}") from None
            if not screen.summary():
                raise Refusal("the demo did not go as it should: see above")
