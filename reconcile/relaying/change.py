"""What a captured row means: which keys of which mappings must be looked at, and which writes should not have been. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconcile.databases.chunk import Key
from strangler.core.errors import StranglerError

KEY_LENGTH = 700  # characters, as `databases.tables.key_text`
OURS = frozenset(("relay", "backfill", "repair"))


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the outbox."""

    feed: str
    key: str
    old_key: str | None
    operation: str
    origin: str
    at: int


@dataclass(frozen=True, slots=True)
class Listener:
    """A mapping that listens to a feed. `owns`: the feed is on its owner's side, so that its changes have to be relayed.

    `parse` makes a key of the database's spelling of it, and `spell` the text that keys are kept under.
    """

    mapping: str
    owns: bool
    parse: Callable[[str], Key]
    spell: Callable[[Key], str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of one mapping that changed at least once, first at `at` (µs). With an error it cannot even be read."""

    mapping: str
    key: str
    at: int
    origin: str = ""
    error: str | None = None


@dataclass(slots=True)
class Sorted:
    """Changes by what is to be done about them. Entries and rogue writes are one a key, in order of mapping and key."""

    entries: Sequence[Entry] = ()
    rogues: Mapping[tuple[str, str], tuple[int, Entry]] = field(default_factory=dict)
    beat_at: int | None = None


def sort(changes: Iterable[Change], listeners: Mapping[str, Sequence[Listener]], *, beat: str) -> Sorted:
    """Fan out to the mappings that listen, and let the changes of one key become one. `beat` is the heartbeat's operation."""
    entries: dict[tuple[str, str], Entry] = {}
    rogues: dict[tuple[str, str], tuple[int, Entry]] = {}
    beat_at: int | None = None
    for change in changes:
        if change.operation == beat:
            beat_at = max(beat_at or 0, change.at)
        for listener in listeners.get(change.feed, ()):
            for entry in _entries(change, listener):
                place = entry.mapping, entry.key
                if listener.owns:
                    first = entries.get(place)
                    entries[place] = entry if first is None else _merged(first, entry)
                elif change.origin not in OURS:
                    rogues[place] = rogues.get(place, (0, entry))[0] + 1, entry
    order = sorted(entries, key=in_order)
    return Sorted([entries[place] for place in order], {place: rogues[place] for place in sorted(rogues, key=in_order)}, beat_at)


def in_order(place: tuple[str, str]) -> tuple[bytes, bytes]:
    """By code point, as the databases sort them: whoever locks several keys does it in this order."""
    return place[0].encode("utf-8", "surrogatepass"), place[1].encode("utf-8", "surrogatepass")


def _merged(first: Entry, later: Entry) -> Entry:
    return Entry(first.mapping, first.key, min(first.at, later.at), later.origin, later.error)


def _entries(change: Change, listener: Listener) -> Iterable[Entry]:
    """The row that is there now, and the one that was there under the old key."""
    spelled = (change.key,) if change.old_key is None else (change.key, change.old_key)
    return [_entry(text, change, listener) for text in spelled]


def _entry(text: str, change: Change, listener: Listener) -> Entry:
    """A key that cannot be one is kept with the reason, for a person to see: it must not stop those behind it."""
    try:
        key = listener.spell(listener.parse(text))
    except (StranglerError, ValueError) as error:
        return Entry(listener.mapping, _cut(text), change.at, change.origin, str(error))
    if len(key) > KEY_LENGTH:
        return Entry(listener.mapping, _cut(key), change.at, change.origin, f"the key is longer than {KEY_LENGTH} characters")
    return Entry(listener.mapping, key, change.at, change.origin)


def _cut(text: str) -> str:
    """Short enough to be kept, and no other key's text."""
    if len(text) <= KEY_LENGTH:
        return text
    return f"{text[:600]}… {hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()}"
