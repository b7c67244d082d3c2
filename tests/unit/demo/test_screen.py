"""What the demo prints, and what it is worth in the end."""

from io import StringIO

from rich.console import Console

from strangler.demo.screen import Screen


def screen() -> tuple[Screen, StringIO]:
    text = StringIO()
    return Screen(Console(file=text, width=60)), text


def test_one_claim_that_did_not_hold_is_said_again_at_the_end() -> None:
    shown, text = screen()
    shown.check("water is wet", True)
    shown.check("pigs fly", False)
    assert not shown.summary()
    assert text.getvalue().splitlines()[-2:] == ["1 of 2 claims did not hold:", "  ✗ pigs fly"]


def test_all_held() -> None:
    shown, text = screen()
    shown.check("water is wet", True)
    assert shown.summary()
    assert text.getvalue().splitlines()[-1] == "All 1 claims held."


def test_output_of_a_command_is_indented_as_it_is_and_never_taken_for_markup() -> None:
    shown, text = screen()
    shown.command("strangler flip '[bold]' canary")
    shown.output("\x1b[31mrefused\x1b[0m: [red]x[/red]   \n  next")
    assert text.getvalue().splitlines() == [
        "  $ strangler flip '[bold]' canary",
        "    refused: [red]x[/red]",
        "      next",
    ]
