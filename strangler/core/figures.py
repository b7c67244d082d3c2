"""Numbers, times and strangers' text as people read them, in terminals and on pages alike.

Answers, headers and paths come from strangers. Control characters would move a cursor or set colours, and characters that
turn the direction of writing would show one thing and mean another: all of them are shown by their code instead.
"""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_MOST_DECIMALS = 4


def clean(text: str) -> str:
    """Text on one line, that a terminal shows as it is: what cannot be seen becomes its escape."""
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    return character if character.isprintable() else repr(character)[1:-1]


def shorten(text: str, width: int) -> str:
    """The beginning of a text if it is too long, with a mark that it is."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def count(number: int, noun: str, several: str = "") -> str:
    """``12,480 pairs``; `several` is the plural, if it has no plain s."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def share(part: int, whole: int, decimals: int = 1) -> str:
    """A part in per cent, with as many decimals as it takes so that not all is never 100 %, and something never 0 %."""
    if not whole:
        return "– %"
    if part in (0, whole):
        return "100 %" if part else "0 %"
    for places in range(decimals, _MOST_DECIMALS):
        text = f"{100 * part / whole:.{places}f}"
        if 0 < float(text) < 100:
            return f"{text} %"
    least = 10**-_MOST_DECIMALS
    return f"< {least:.{_MOST_DECIMALS}f} %" if part < whole / 2 else f"> {100 - least:.{_MOST_DECIMALS}f} %"


def age(seconds: float) -> str:
    """How long ago, in the largest unit that fits: ``3 h``."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "0 s"


def moment(at: float) -> str:
    """A point in time, in UTC, as logs have it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def took(seconds: float) -> str:
    """How long something took."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def rate(per_second: float) -> str:
    """Requests in the largest unit in which there are some."""
    for unit, seconds in (("s", 1), ("min", 60)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:,.{0 if per_second * seconds >= 10 else 1}f}/{unit}"
    return f"{per_second * 3600:.1f}/h" if per_second else "0/s"
