"""Running the story in a folder of its own, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from strangler.core.errors import Refusal, UnreachableError
from strangler.demo.chapters import CHAPTERS
from strangler.demo.leash import LOCK, PREFIX, held, sweep
from strangler.demo.screen import Screen
from strangler.demo.story import Story
from strangler.demo.workspace import Workspace, prepare

PHASES = 3


def run(seconds: float, screen: Screen, keep: Path | None = None) -> None:
    """Tell the story, with about `seconds` of live traffic beside what the guard needs.

    Args:
        keep: where to leave configuration, store, databases and logs; they are gone otherwise.

    Raises Refusal if one of its claims did not hold, UnreachableError if a part did not start or broke, and
    KeyboardInterrupt, after everything is stopped and swept, when interrupted.
    """
    sweep()
    try:
        asyncio.run(_run(seconds, screen, keep))
    except asyncio.CancelledError:  # SIGTERM
        raise KeyboardInterrupt from None


async def _run(seconds: float, screen: Screen, keep: Path | None) -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as folder, held(Path(folder)):
        space = prepare(Path(folder))
        try:
            await _tell(space, screen, seconds / PHASES)
        finally:
            if keep is not None:
                shutil.copytree(space.folder, keep, ignore=shutil.ignore_patterns(LOCK), dirs_exist_ok=True)
        if not screen.summary():
            raise Refusal("the demo did not go as it should: see above")


async def _tell(space: Workspace, screen: Screen, phase_seconds: float) -> None:
    async with AsyncExitStack() as resources:
        story = Story(space, screen, phase_seconds, resources)
        try:
            for title, chapter in CHAPTERS:
                screen.chapter(title)
                await chapter(story)
        except httpx.HTTPError as error:
            raise UnreachableError(f"a request of the demo got no good answer: {error or type(error).__name__}") from None
