"""What is told while a cutover goes on, and to one who stops listening."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from strangler.cli import cutover
from strangler.cli.cutover_screen import planned_screen, step_line
from strangler.cli.diffs_screen import show
from strangler.control.cutover.order import Order

OWNERS = "customers: owner new, epoch 2; orders: owner new, epoch 2; order_items: owner new, epoch 2"


def test_words_of_a_step_that_do_not_fit_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    line = step_line({"step": "bump", "seconds": 0.04, "words": OWNERS})
    show(Console(width=60), [line])
    assert capsys.readouterr().out.splitlines() == [
        "  bump        40 ms  customers: owner new, epoch 2; orders:",
        "                     owner new, epoch 2; order_items: owner",
        "                     new, epoch 2",
    ]


@pytest.mark.parametrize(("step", "seconds", "words"), [("keep", 0.1, ""), ("hold", None, "")])
def test_what_nobody_needs_to_see(step: str, seconds: float | None, words: str) -> None:
    assert step_line({"step": step, "seconds": seconds, "words": words}) is None


def test_trouble_is_told_while_a_step_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    show(Console(width=60), [step_line({"step": "bump", "seconds": None, "words": "a database is away"})])
    assert capsys.readouterr().out == "  bump      a database is away\n"


def test_a_rehearsal_against_the_guard_ends_with_a_command_that_goes_against_it(capsys: pytest.CaptureFixture[str]) -> None:
    done = {"objections": [], "flips": [], "mappings": ["orders"], "rehearsal": {}}
    show(Console(width=100), planned_screen(Order("@orders", "anna", reason="a try", force=True, dry_run=True), done))
    assert "strangler cutover @orders --force --reason WHY" in capsys.readouterr().out


class Left:
    """A door behind which somebody presses Ctrl-C."""

    def listen(self, question: object, patience: float) -> Iterator[dict[str, Any]]:
        yield {"told": {}}
        raise KeyboardInterrupt


def test_who_stops_listening_is_told_that_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        list(cutover._heard(Left(), {}))
    assert "the cutover goes on" in capsys.readouterr().err
