"""Questions about a cutover at the supervisor's door: those of whoever moves it, and those of people, which control answers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from strangler.control.cutover.foresight import Foresight
from strangler.control.cutover.hold import Hold
from strangler.control.frames import Head

Say = Callable[[Head], None]


class Calls:
    """Those who have asked for a cutover, and the hold.

    Args:
        stands_against: why no hold may begin now, in words; "" if it may.
        foresight: has the table read that a cutover will bring.
        order: hands an order to the control process; whether it is there.
    """

    def __init__(
        self,
        hold: Hold,
        stands_against: Callable[[], str],
        order: Callable[[Head], bool],
        foresight: Foresight,
    ) -> None:
        self._hold, self._stands_against, self._order, self._foresight = hold, stands_against, order, foresight
        self._numbers = count(1)
        self._callers: dict[int, Say] = {}

    def hear(self, head: Head, say: Say) -> bool:
        """A question; whether it was one of these."""
        hold, token = self._hold, str(head.get("token", ""))
        match head.get("do"):
            case "hold":
                why = "" if head.get("kept") else self._stands_against()
                if not why and not hold.begin(token, head["routes"], head["seconds"], kept=bool(head.get("kept"))):
                    why = "another cutover holds its writes just now"
                say({**hold.state(), "refused": why})
            case "foresee":
                self._foresight.look(token, head["record"], say)
            case "holding":
                say(hold.state())
            case "keep":
                say({"is": "hold", "kept": hold.keep(token)})
            case "release":
                hold.release(token)
                self._foresight.forget()
                say(hold.state())
            case "cutover":
                self._call(head, say)
            case _:
                return False
        return True

    def told(self, head: Head) -> None:
        """Control says something to one who asked."""
        say = self._callers.get(head["number"])
        if say is not None:
            say({key: value for key, value in head.items() if key != "number"})
        if head.get("over"):
            self._callers.pop(head["number"], None)

    def bury(self) -> None:
        """Control has died. What it had begun is settled by its successor."""
        callers, self._callers = self._callers, {}
        for say in callers.values():
            say({"is": "cutover", "over": True, "broken": True})

    def _call(self, head: Head, say: Say) -> None:
        number = next(self._numbers)
        self._callers[number] = say
        if not self._order({**head, "number": number}):
            self._callers.pop(number)
            say({"is": "cutover", "over": True, "broken": True})
