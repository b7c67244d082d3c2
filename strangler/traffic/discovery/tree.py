"""Requests by the segments of their paths, in bounded memory.

Values that nobody would have chosen (numbers, UUIDs, …) share one place at once. Words have a place each while they are few;
when they become many they are looked at, and those that are values of a parameter share one as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from strangler.core.target import Segments
from strangler.traffic.discovery.again import Again, Room
from strangler.traffic.discovery.counting import OTHERS
from strangler.traffic.discovery.segment import Shape, shape_of, split
from strangler.traffic.discovery.tally import Tally
from strangler.traffic.entry import Entry

MOST_PLACES = 30_000
MOST_WORDS = 2_000  # at one place
FIRST_LOOK = 256  # words at one place
ROOM = 64 * 2**20  # bytes of answers that are remembered until the same is asked again
_LEAST_WORDS = 8  # that a place may have when there is no room any more
_SOME = 16  # values that are kept
_METHODS = 12


@dataclass(slots=True)
class Place:
    """Where a path may go on, and what was asked of paths that end here. `values` are by their extension."""

    words: dict[str, Place] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    look_at: int = FIRST_LOOK

    @property
    def requests(self) -> int:
        """Of paths that end here or go on from here."""
        return sum(tally.requests for tally in self.tallies.values()) + sum(place.requests for place in self.below())

    def below(self) -> Iterator[Place]:
        """The next places."""
        yield from self.words.values()
        yield from (values.place for values in self.values.values())

    def ends(self) -> Iterator[tuple[tuple[str, ...], dict[str, Tally]]]:
        """Every path that ended here or further on, as segments from here, and its tallies; for values stands one of them."""
        if self.tallies:
            yield (), self.tallies
        for word, place in self.words.items():
            yield from (((word, *rest), tallies) for rest, tallies in place.ends())
        for values in self.values.values():
            one = min(values.some, default="")
            yield from (((one, *rest), tallies) for rest, tallies in values.place.ends())


@dataclass(slots=True)
class Values:
    """The values of one parameter. `open`: words that come from now on are values, too."""

    place: Place = field(default_factory=Place)
    shapes: Counter[Shape] = field(default_factory=Counter)
    some: set[str] = field(default_factory=set)
    open: bool = False

    def see(self, value: str, shape: Shape) -> None:
        self.shapes[shape] += 1
        if len(self.some) < _SOME:
            self.some.add(value)


Chosen = Callable[[Mapping[str, Place]], set[str]]


class Tree:
    """All places.

    Args:
        chosen: which of many words are values of a parameter.

    Attributes:
        places: how many there are.
        folded: requests whose own word had no place any more.
    """

    def __init__(self, chosen: Chosen, most: int = MOST_PLACES) -> None:
        self.root, self.places, self.folded = Place(), 1, 0
        self._chosen, self._most, self._room = chosen, most, Room(ROOM)

    def add(self, segments: Segments, entry: Entry) -> None:
        """Count a request."""
        place = self.root
        for segment in segments:
            place = self._next(place, segment)
        method = "GET" if entry.method == "HEAD" else entry.method
        if method not in place.tallies and len(place.tallies) >= _METHODS:
            method = OTHERS
        tally = place.tallies.get(method)
        if tally is None:
            tally = place.tallies[method] = Tally(again=Again(self._room))
        tally.add(entry)

    def _next(self, place: Place, segment: str) -> Place:
        known = place.words.get(segment)
        if known is not None:
            return known
        stem, extension = split(segment)
        shape = shape_of(stem)
        values = place.values.get(extension)
        if shape is Shape.WORD and not (values and values.open):
            if self._has_room(place):
                return self._grown(place, segment)
            self.folded += 1
        if values is None:
            values = place.values[extension] = Values()
            self.places += 1
        values.open = values.open or shape is Shape.WORD
        values.see(segment, shape)
        return values.place

    def _has_room(self, place: Place) -> bool:
        return len(place.words) < (MOST_WORDS if self.places < self._most else _LEAST_WORDS)

    def _grown(self, place: Place, word: str) -> Place:
        place.words[word] = Place()
        self.places += 1
        if len(place.words) >= place.look_at:
            self._look(place)
        return place.words[word] if word in place.words else place.values[split(word)[1]].place

    def _look(self, place: Place) -> None:
        for word in self._chosen(place.words):
            self.places -= fold_word(place, word)
        place.look_at = max(FIRST_LOOK, 2 * len(place.words))


def fold_word(place: Place, word: str) -> int:
    """Make a word a value. Returns how many places that saves."""
    known = split(word)[1] in place.values
    values = place.values.setdefault(split(word)[1], Values())
    values.open = True
    values.see(word, Shape.WORD)
    return merge(values.place, place.words.pop(word)) - (not known)


def merge(place: Place, other: Place) -> int:
    """Add all of one place to another, which then is not needed any more. Returns how many places that saves."""
    saved = 1
    for method, tally in other.tallies.items():
        place.tallies.setdefault(method, Tally()).take(tally)
    for word, below in other.words.items():
        if word in place.words:
            saved += merge(place.words[word], below)
        else:
            place.words[word] = below
    for extension, values in other.values.items():
        if extension in place.values:
            saved += merge_values(place.values[extension], values)
        else:
            place.values[extension] = values
    return saved


def merge_values(values: Values, other: Values) -> int:
    """Add the values of one parameter to another's."""
    values.shapes.update(other.shapes)
    values.some |= set(sorted(other.some)[: _SOME - len(values.some)])
    values.open = values.open or other.open
    return merge(values.place, other.place)
