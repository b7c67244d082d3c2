"""Which numbers an application gives to new orders.

While two systems take turns in writing the same orders, neither may ever give a number that the other has given: to an order that
is still on its way, or to one that only the other remembers because it was deleted. So one keeps to the odd numbers and the other
to the even ones, as databases with two masters do (auto_increment_increment and _offset, INCREMENT BY 2).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Numbers:
    """After number m comes ``m + 1 + (m + shift) % step``."""

    step: int
    shift: int


ALL = Numbers(1, 0)
BY_NAME = {"all": ALL, "odd": Numbers(2, 0), "even": Numbers(2, 1)}
