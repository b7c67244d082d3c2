"""Health checks in a row: a table of what was found and what follows."""

from __future__ import annotations

import pytest

from strangler.core.model import Health
from strangler.core.pulse import Pulse


@pytest.mark.parametrize(
    ("fails", "passes", "checks", "service"),
    [  # checks: + passed, - missed; service: + in, - out, after each check
        (3, 2, "+++++", "+++++"),
        (3, 2, "--+--+", "++++++"),  # never three in a row
        (3, 2, "---", "++-"),
        (3, 2, "---+-+-++", "++------+"),  # never two in a row, until the end
        (3, 2, "-----+-++--", "++------+++"),
        (1, 1, "-+-+", "-+-+"),
        (1, 3, "-++-+++", "------+"),
        (2, 1, "-+--+--", "+++-++-"),
    ],
)
def test_checks_in_a_row(fails: int, passes: int, checks: str, service: str) -> None:
    pulse = Pulse(Health("/healthz", fails=fails, passes=passes))
    seen, changes = "", []
    for check in checks:
        changes.append(pulse.note(check == "+"))
        seen += "+" if pulse.well else "-"
    assert seen == service
    before = "+" + service
    assert changes == [one != other for one, other in zip(before, service, strict=False)]
