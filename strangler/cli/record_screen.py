"""What is said of a recording while it goes on, and at its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from strangler.cli.record_live import Unsaved
from strangler.cli.terminal import clean, count
from strangler.traffic.saving import Saving

ENDS = {
    "time": "the time is over",
    "count": "there are as many as you asked for",
    "size": "it is as large as you allow",
    "stopping": "the proxy was stopped, or another took its place",
    "scribe": "what removes the secrets has died: see what the proxy says",
    "you": "you ended it",
}
MISSED = {
    "queue": "found too many waiting for their secrets to be removed: --sample takes a part of all",
    "late": "still waited for that when it ended",
    "budget": "were more than a worker may hold",
    "upgrade": "became tunnels",
    "unclean": "could not be read, and might have held secrets",
}


@dataclass(slots=True)
class Told:
    """What the proxy has said.

    Attributes:
        begun: seconds, that only go forward; it may last for `seconds`.
        why: it has ended; empty until then.
        missed: how many, by the reason.
    """

    begun: float
    seconds: float
    why: str = ""
    missed: Mapping[str, int] = field(default_factory=dict)

    def hear(self, line: Mapping[str, Any]) -> None:
        """A beat, or the end."""
        sums = line.get("beat") or line.get("end") or {}
        self.missed = {str(reason): int(number) for reason, number in sums.get("missed", {}).items()}
        self.why = str(line["end"]["why"]) if "end" in line else ""

    def plain(self, saving: Saving | Unsaved) -> dict[str, Any]:
        """For --json."""
        return {
            "file": str(saving.path) if saving.path and saving.number else None,
            "exchanges": saving.number,
            "bytes": saving.size if saving.number else 0,
            "missed": dict(self.missed),
            "ended": self.why or None,
        }


def progress(told: Told, saving: Saving | Unsaved, now: float) -> Text:
    """One line."""
    left = max(told.seconds - (now - told.begun), 0.0)
    missed = sum(told.missed.values())
    text = f"recording: {count(saving.number, 'exchange')}, {_size(saving.size)}"
    text += f", {missed:,} missed" if missed else ""
    return Text(f"{text}, {int(left // 60)}:{int(left % 60):02} left; Ctrl-C ends it")


def summary(told: Told, saving: Saving | Unsaved, now: float) -> Iterator[str]:
    """What there is, why there is no more, and what is missing."""
    where = f" in {clean(str(saving.path))}" if saving.path else ""
    yield f"{count(saving.number, 'exchange')}{where} ({_size(saving.size)}, {now - told.begun:.0f} s)"
    if told.why:
        yield f"ended: {ENDS.get(told.why, clean(told.why))}"
    for reason, number in sorted(told.missed.items()):
        yield f"missed: {number:,} {MISSED.get(reason, clean(reason))}"


def _size(size: int) -> str:
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 1024:.0f} KiB"
