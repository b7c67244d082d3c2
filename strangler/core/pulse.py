"""Active health: how many checks in a row take an upstream out of service, and how many bring it back."""

from __future__ import annotations

from strangler.core.model import Health


class Pulse:
    """What the checks of one upstream say together.

    Attributes:
        well: whether it is in service. It is until checks say otherwise: a worker that starts knows nothing bad of anyone.
    """

    __slots__ = ("_against", "_health", "well")

    def __init__(self, health: Health) -> None:
        self._health = health
        self._against = 0  # checks in a row that contradict `well`
        self.well = True

    def note(self, passed: bool) -> bool:
        """Count a check; whether that changed `well`."""
        self._against = 0 if passed is self.well else self._against + 1
        if self._against < (self._health.fails if self.well else self._health.passes):
            return False
        self._against, self.well = 0, passed
        return True
