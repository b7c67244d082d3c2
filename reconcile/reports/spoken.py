"""Commands in sentences, between backticks: written short, and shown as whoever reads them has to type them."""

from __future__ import annotations

import re

_SPOKEN = re.compile(r"`(?:strangler data )?(check|capture|backfill|relay|reconcile|repair|status|dead|resume|owner|apply)\b")


def spoken(words: str, command: str = "strangler data") -> str:
    """The same words with `command` before each; it is what has these as its subcommands."""
    return _SPOKEN.sub(lambda found: f"`{command} {found[1]}", words)
