"""Which mismatches say something new: the first of each request in a window, however often it matched before.

A worker says of a pair whether the request was seen in this window already, since equal requests count once. Where the same few
requests come again and again, modern could turn bad, and nothing new would be seen of it until the next window began. So a
mismatch is a repetition only of a mismatch. Knows no process and no store.
"""

from __future__ import annotations

from dataclasses import replace

from strangler.evidence.finding import Finding

WINDOW = 3600.0  # seconds, as workers have it
MOST_KNOWN = 65_536  # requests that are remembered in one window


class Repeats:
    """What mismatched in this window, by worker: they count apart."""

    def __init__(self) -> None:
        self._known: set[tuple[str, ...]] = set()
        self._window = 0.0

    def told(self, incarnation: str, finding: Finding) -> Finding:
        """The finding as it counts. Where there is no room to know, it is what the worker said."""
        if not finding.request:
            return finding
        window = finding.at // WINDOW
        if window > self._window:
            self._window = window
            self._known.clear()
        of = finding.stratum
        key = incarnation, of.route, of.rules, of.version, finding.request
        if key in self._known:
            return replace(finding, repeated=True)
        if len(self._known) >= MOST_KNOWN:
            return finding
        self._known.add(key)
        return replace(finding, repeated=False)
