"""The terminal, and how numbers and strangers' text are put on it."""

from __future__ import annotations

from rich.console import Console

from strangler.core.figures import age, clean, count, moment, rate, share, shorten, took

__all__ = ["WIDE", "age", "clean", "console", "count", "moment", "rate", "share", "shorten", "took"]

WIDE = 100  # columns from which two answers fit side by side


def console() -> Console:
    """The terminal as it is, or plain text if it is none. Colours follow NO_COLOR and FORCE_COLOR, widths COLUMNS."""
    return Console(highlight=False, markup=False, emoji=False)
