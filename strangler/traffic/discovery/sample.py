"""Numbers of which some are kept, so that quantiles of millions can be told from little memory. Nothing is drawn by chance."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 512


class Sample:
    """Every number at first; every second, fourth, … once there are many."""

    __slots__ = ("_kept", "_skip", "_stride")

    def __init__(self) -> None:
        self._kept: list[float] = []
        self._stride, self._skip = 1, 0

    def add(self, number: float) -> None:
        self._skip += 1
        if self._skip >= self._stride:
            self._skip = 0
            self._kept.append(number)
            self._thin()

    def take(self, other: Sample) -> None:
        """Those of another one, too; where one had to thin out more, so does this."""
        while self._stride < other._stride:
            self._halve()
        self._kept += _every(other._kept, self._stride // other._stride)
        self._thin()

    def quantile(self, share: float) -> float | None:
        """The smallest number that so large a share does not exceed; None without any."""
        if not self._kept:
            return None
        ranked = sorted(self._kept)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]

    def _thin(self) -> None:
        while len(self._kept) > MOST:
            self._halve()

    def _halve(self) -> None:
        self._kept = list(_every(self._kept, 2))
        self._stride *= 2


def _every(numbers: list[float], step: int) -> Iterable[float]:
    return numbers[::step]
