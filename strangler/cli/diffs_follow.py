"""What is new in the store, for `strangler diffs --follow`.

Only the first few mismatches of a cause are kept as examples, and now and then another; all are counted. So besides new
examples it is told how many more there were of each cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any

from strangler.control.diffs import cause_as_json, example_as_json
from strangler.store.rows import CauseRow, ExampleRow
from strangler.store.store import Store

_EACH = 1.0  # seconds between two looks
_PAGE = 500  # examples of one look
_ALL = 100_000


@dataclass(frozen=True, slots=True)
class More:
    """Mismatches of one cause that were counted, and not kept as examples."""

    row: CauseRow
    number: int


News = ExampleRow | More


def news(opened: Callable[[], Store], wait: Callable[[float], None]) -> Generator[News, None, None]:
    """What is stored from now on, for ever.

    Args:
        opened: opens the store, which need not be there yet.
        wait: waits for so many seconds between two looks.
    """
    store = opened()
    try:
        newest, counts = store.newest(), _counts(store.causes(limit=_ALL))
        while True:
            wait(_EACH)
            if not store.exists:
                store.close()
                store = opened()
            rows = store.examples_after(newest, _PAGE)
            yield from rows
            newest = rows[-1].number if rows else newest
            causes = store.causes(limit=_ALL)
            yield from _more(causes, counts, rows)
            counts = _counts(causes)
    finally:
        store.close()


def _counts(causes: Iterable[CauseRow]) -> Counter[str]:
    return Counter({row.id: row.count for row in causes})


def _more(causes: Iterable[CauseRow], before: Counter[str], told: Iterable[ExampleRow]) -> Generator[More, None, None]:
    kept = Counter(id for row in told for id in row.causes)
    for row in causes:
        number = row.count - before[row.id] - kept[row.id]
        if number > 0:
            yield More(row, number)


def news_as_json(each: News) -> dict[str, Any]:
    """What is new: a stored mismatch, or how many more there were of a cause."""
    return {"more": each.number, "cause": cause_as_json(each.row)} if isinstance(each, More) else example_as_json(each)
