"""Parts that are started together: all of them, or none."""

from __future__ import annotations

import asyncio
import os

import pytest

from strangler.core.errors import UnreachableError
from strangler.demo import part


async def test_what_is_done_together_is_done_when_all_is() -> None:
    done = list[str]()
    first = asyncio.Event()

    async def one() -> None:
        await first.wait()
        done.append("one")

    async def other() -> None:
        done.append("other")
        first.set()

    await part.together(one(), other())
    assert done == ["other", "one"]


async def test_one_that_fails_ends_the_others_and_is_the_error() -> None:
    """A group of errors would be no line that says what to do."""
    begun, started = asyncio.Event(), list[part.Part]()

    async def lives() -> None:
        started.append(await part.start("other", "http.server", "0", "--bind", "127.0.0.1", environ=os.environ, ready=""))
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await started[0].stop()

    async def fails() -> None:
        await begun.wait()
        await part.succeed("legacy", "no_such_module", environ=os.environ)

    with pytest.raises(UnreachableError, match=r"legacy failed; it complained: .*no_such_module"):
        await part.together(lives(), fails())
    assert not started[0].running
