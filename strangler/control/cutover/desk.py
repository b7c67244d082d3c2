"""Cutovers in the control process: what was cut off is settled first, then one after the other, each in a thread of its own."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from strangler.control.cutover.driver import cutover
from strangler.control.cutover.hands import Hands
from strangler.control.cutover.order import Done, Order, Tell, order_of
from strangler.control.cutover.plain import done_as_json, told_as_json
from strangler.control.cutover.recovery import settle
from strangler.control.flipping.guard import guard
from strangler.control.flipping.settlement import keep
from strangler.control.flipping.world import World
from strangler.control.frames import Head
from strangler.core.errors import Refusal, StranglerError

AGAIN = 0.25  # seconds between two tries to settle what was cut off
QUIET = 12  # tries before anybody is told: at the start the supervisor does not answer yet
LAST = 5.0  # seconds for what is under way at the end

Say = Callable[[Head], None]


class Cutovers:
    """Those of one configuration.

    Args:
        complain: tells people what they should know; from any thread.
    """

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        self._path, self._complain = path, complain
        self._stop, self._settled = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Settle what a process before this one has left; until then nothing else moves."""
        self._run(self._settle)

    def carry_out(self, order: Order, tell: Tell = lambda told: None) -> Done:
        """Do it, and bring the journal home. Blocks. Raises what `driver.cutover` raises."""
        if not self._settled.is_set():
            raise Refusal("a cutover that was cut off is just being settled: `strangler status` shows which; try again then")
        hands = self._hands
        try:
            done = cutover(order, hands, tell)
        finally:
            hands.close()
        if not order.dry_run:
            with suppress(StranglerError):  # somebody does it later
                keep(hands.world)
        return done

    def take(self, head: Head, say: Say) -> None:
        """An order from the supervisor's door; `say` is called with everything there is to tell, from a thread."""
        self._run(lambda: self._answer(head, say))

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way. Blocks."""
        self._stop.set()
        for thread in self._threads:
            thread.join(LAST)

    @property
    def _hands(self) -> Hands:
        return Hands(World(self._path, os.environ, guard, self._complain), os.environ, self._stop)

    def _run(self, work: Callable[[], None]) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=work, name="cutover", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _answer(self, head: Head, say: Say) -> None:
        about: dict[str, Any] = {"is": "cutover", "number": head["number"]}
        try:
            done = self.carry_out(order_of(head["order"]), lambda told: say({**about, "told": told_as_json(told)}))
            answer: dict[str, Any] = {"done": done_as_json(done)}
        except StranglerError as error:
            answer = {"error": str(error), "exit_code": error.exit_code}
        except Exception as error:  # whoever waits hears of it
            answer = {"error": f"unexpected {type(error).__name__}: {error}", "exit_code": 1}
        say({**about, "over": True, **answer})

    def _settle(self) -> None:
        """Again and again until it is done; the same trouble is told once, and none of the first moments after a start."""
        said, tries = "", 0
        while not self._stop.is_set():
            hands = self._hands
            try:
                settle(hands, self._complain)
                self._settled.set()
                return
            except Exception as error:
                words = str(error) if isinstance(error, StranglerError) else f"{type(error).__name__}: {error}"
            finally:
                hands.close()
            tries += 1
            if words != said and tries > QUIET:
                self._complain(f"a cutover cannot be settled: {words}")
                said = words
            self._stop.wait(AGAIN)
