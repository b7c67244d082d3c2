"""What the proxy's access log says, added up by route."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

UNMATCHED = "(everything else)"


@dataclass(slots=True)
class RouteTally:
    """Requests of one route by who served them, and how long they took (seconds)."""

    served_by: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(self.served_by.values())

    @property
    def median(self) -> float:
        """Median duration, in seconds."""
        ranked = sorted(self.seconds)
        return ranked[len(ranked) // 2] if ranked else 0.0


class Tally:
    """Reads an access log as it grows."""

    def __init__(self, log: Path) -> None:
        self._log, self._offset, self._rest = log, 0, b""
        self.routes: dict[str, RouteTally] = {}

    @property
    def requests(self) -> int:
        return sum(route.requests for route in self.routes.values())

    @property
    def failed(self) -> int:
        return sum(route.failed for route in self.routes.values())

    def read(self) -> None:
        """Add what has come since the last time."""
        if not self._log.exists():
            return
        with self._log.open("rb") as log:
            log.seek(self._offset)
            data = log.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.add(json.loads(line))

    def add(self, record: dict[str, Any]) -> None:
        """Add one record of the log."""
        route = self.routes.setdefault(record["route"] or UNMATCHED, RouteTally())
        route.served_by[record["served_by"] or "proxy"] += 1
        route.failed += record["status"] >= 500
        route.seconds.append(record["seconds"])
