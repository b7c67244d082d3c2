"""What one worker counts besides requests: whoever observes them counts those (`Exchange`)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """Since the start.

    Attributes:
        connections: of clients, accepted; `connections_open` now.
        refusals: answers of ours, and answers cut short, by the label of their reason.
        fallbacks: requests that went to the fallback upstream.
        retries: requests sent again because a pooled connection had been closed.
        untranslated: answers of modern that no client got because they could not be translated, by the label of the reason.
        opens: how often breakers opened, by upstream.
        faults: errors of ours.
        held: requests that had to wait for a cutover; `waiting` now.
    """

    connections: int = 0
    connections_open: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    fallbacks: int = 0
    retries: int = 0
    untranslated: Counter[str] = field(default_factory=Counter)
    opens: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    held: int = 0
    waiting: int = 0
