"""Single keys from a terminal, which is left as it was found, however the program ends."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from types import FrameType, TracebackType
from typing import Any

_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Keys:
    """A context in which keys arrive at once, are not shown, and a signal to end unwinds it. Ctrl-Z does nothing meanwhile: the
    shell would get a terminal that is still being drawn on."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._before: list[Any] | None = None
        self._handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Keys:
        if os.isatty(self._input):
            self._before = termios.tcgetattr(self._input)
            tty.setcbreak(self._input)
        self._handlers = {number: signal.signal(number, _end) for number in _ENDING}
        self._handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if self._before is not None:
            termios.tcsetattr(self._input, termios.TCSAFLUSH, self._before)

    def wait(self, seconds: float) -> str:
        """The next key, or "" if none comes in this time. An input that is no terminal has no keys."""
        ready, _, _ = select.select([self._input] if self._before is not None else [], [], [], seconds)
        return os.read(self._input, 1).decode("latin-1") if ready else ""


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
