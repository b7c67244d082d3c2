"""What passes, a line for each exchange, while it passes: for whoever looks on, with a file or without."""

from __future__ import annotations

import time

from rich.text import Text

from strangler.cli.terminal import clean, shorten
from strangler.traffic.entry import Entry

_LONGEST = 300  # characters of a path; more says nothing to anybody
_STYLES = {2: "green", 3: "cyan", 4: "yellow", 5: "bold red"}  # by the first digit of the status


class Unsaved:
    """In the place of a file that nobody wants."""

    path = None

    def __init__(self) -> None:
        self.number = self.size = 0

    def add(self, entry: Entry) -> None:
        self.number += 1
        self.size += (entry.request.size or 0) + (entry.response.size or 0)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def line_of(entry: Entry) -> Text:
    """When, what was asked, what came of it, who answered and how long that took. Secrets are tokens already."""
    status = entry.failure or ("–" if entry.status is None else str(entry.status))
    parts = [
        Text(time.strftime("%H:%M:%S", time.localtime(entry.at)), "dim"),
        Text(clean(f"{entry.method} {shorten(entry.target, _LONGEST)}")),
        Text(clean(status), _STYLES.get((entry.status or 500) // 100, "bold red")),
        Text(clean(" ".join(filter(None, (entry.side, f"by {entry.route}" if entry.route else "")))), "dim"),
        Text("" if entry.duration is None else f"{entry.duration * 1e3:,.0f} ms", "dim"),
        Text("" if entry.response.size is None else f"{entry.response.size:,} bytes", "dim"),
    ]
    return Text("  ").join([part for part in parts if part.plain])
