"""Python functions of users: imported when a table is loaded, called in threads, with a deadline, a few at a time.

A thread cannot be ended from outside. A hook that never returns keeps its thread; when all are kept, every further call
fails at its deadline, which is what a fallback is for. The threads are daemons, so that none of them holds up the end.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import ModuleType
from typing import Any

from strangler.core.errors import UsageError
from strangler.proxy.deadlines import NEVER, Deadlines

THREADS = 4
MOST_WAITING = 64  # calls under way or waiting; each holds an answer
SECONDS = 2.0  # for one call: longer than any translation takes, shorter than a client waits

Hook = Callable[[Any], Any]
Done = Callable[[Any], None]  # with the result, or the exception


class LateError(Exception):
    """A hook has not returned in time, or there was no thread for it."""


class Call:
    """One call, which is over when it has returned or its deadline has passed."""

    __slots__ = ("_done", "deadline", "over", "work")

    def __init__(self, work: Callable[[], object], done: Done, deadline: float) -> None:
        self.work = work
        self.over = False
        self.deadline = deadline
        self._done = done

    def finish(self, result: object) -> None:
        """Tell, if nobody has."""
        if not self.over:
            self.over = True
            self.deadline = NEVER
            self._done(result)

    def expire(self) -> None:
        self.finish(LateError(f"no answer after {SECONDS:g}s"))


class Hooks:
    """The threads of one worker; they start when they are needed first."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Call | None] = SimpleQueue()
        self._threads = 0
        self._under_way = 0

    def call(self, work: Callable[[], object], done: Done) -> None:
        """Do `work` in a thread; `done` is called on the loop with what it returned or raised. Neither may block it."""
        call = Call(work, done, self._deadlines.now + SECONDS)
        if self._under_way >= MOST_WAITING:
            call.finish(LateError("too many calls at once"))
            return
        self._under_way += 1
        self._deadlines.watch(call)
        if self._threads < min(THREADS, self._under_way):
            self._threads += 1
            Thread(target=self._work, name=f"hook {self._threads}", daemon=True).start()
        self._queue.put(call)

    def stop(self) -> None:
        """Let the threads go that are not at work."""
        for _ in range(self._threads):
            self._queue.put(None)

    def _work(self) -> None:
        while (call := self._queue.get()) is not None:
            result: object = None
            try:
                if not call.over:
                    result = call.work()
            except BaseException as error:
                result = error
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._returned, call, result)

    def _returned(self, call: Call, result: object) -> None:
        self._under_way -= 1
        self._deadlines.forget(call)
        call.finish(result)


def load_hook(name: str, folder: str) -> Hook:
    """The function that ``module:function`` names; modules are found in `folder`, after everything that is installed.

    A module of the folder that has changed since it was imported is imported again. Raises UsageError.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(_module(module, folder), function, None)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{name} cannot be imported: {type(error).__name__}: {str(error).splitlines()[0]}") from None
    if not callable(found):
        raise UsageError(f"{name} cannot be imported: {module} has no function {function}")
    hook: Hook = found
    return hook


_read: dict[str, tuple[int, int]] = {}  # modules of the folder: time and size of their files when they were imported


def _module(name: str, folder: str) -> ModuleType:
    if folder and folder not in sys.path:
        sys.path.append(folder)
    importlib.invalidate_caches()
    known = sys.modules.get(name)
    if known is not None and name in _read and _read[name] != _signature(known):
        del sys.modules[name]
        try:
            known = importlib.import_module(name)
        except BaseException:
            sys.modules[name] = known
            raise
    module = known or importlib.import_module(name)
    if folder and Path(getattr(module, "__file__", None) or "/").is_relative_to(folder):
        _read[name] = _signature(module)
    return module


def _signature(module: ModuleType) -> tuple[int, int]:
    with suppress(OSError):
        found = Path(module.__file__ or "").stat()
        return found.st_mtime_ns, found.st_size
    return 0, 0
