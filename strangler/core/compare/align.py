"""Which item of one list is which of the other: an item taken out at the front must not make all the others differ.

Cheap and certain pairs first: equal ends, equal items that are there once (Bram Cohen's patience diff), items that share a
member which no other has; only what is left between those, if it is little, is aligned at the least cost, and the rest by
index. Whatever list is called control, the pairs are the same: one side is chosen to come first by what is in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from strangler.core.compare.prints import CONTAINERS, Prints
from strangler.core.document import Element

Couple = tuple[int, int]
_Gap = tuple[int, int, int, int]  # from and to on one side, from and to on the other
_Stage = Callable[[_Gap], list[Couple]]

# Costs are per cent of a changed item. A changed pair is likelier than one item gone and another come; that some items
# have moved is worth one of them.
CHANGED, ALONE, MOVED = 100, 60, 100
_LIKENESS = 90  # of a pair that has all but one of very many members in common
_CELLS = 10_000  # of the table for one gap
_DEPTH = 30  # levels that are looked into to tell which side comes first


class Pairing(NamedTuple):
    """Pairs of indexes, None where an item is alone; `moved`: items that are paired stand in another order."""

    pairs: list[tuple[int | None, int | None]]
    moved: bool = False

    def without_tail(self, extra: bool) -> Pairing:
        """Without the items at the end that only the longer list has: that they are gone, the lengths say already."""
        end = len(self.pairs)
        while end and self.pairs[end - 1][0 if extra else 1] is None:
            end -= 1
        return Pairing(self.pairs[:end], self.moved)


def swapped(pairing: Pairing) -> Pairing:
    return Pairing([(theirs, ours) for ours, theirs in pairing.pairs], pairing.moved)


class Items:
    """The items of a list, with their prints and, when asked for, those of what is in them."""

    def __init__(self, values: Iterable[Any], prints: Prints) -> None:
        self.values = list(values)
        self.prints = prints.all(self.values)
        self.source = prints
        self._features: dict[int, frozenset[int]] = {}

    def features(self, index: int) -> frozenset[int]:
        """Prints of the members of an item, or of the children of an element."""
        found = self._features.get(index)
        if found is None:
            found = self._features[index] = frozenset(self.source.inside(self.values[index]))
        return found


Choice = Callable[[Items, Items, list[int], list[int]], list[Couple]]  # pairs among these of ours and these of theirs


def align(ours: Items, theirs: Items) -> Pairing:
    """Pair the items of two lists, at best in their order; `moved` if they agree far better in another."""
    if sorted(ours.prints) == sorted(theirs.prints):
        return pair_in_stages(ours, theirs, [pairs_of_equals(ours.prints, theirs.prints)])
    unequal = [at for at, (left, right) in enumerate(zip(ours.prints, theirs.prints, strict=False)) if left != right]
    if len(ours.values) == len(theirs.values) and len(unequal) == 1 and fits(ours.values[unequal[0]], theirs.values[unequal[0]]):
        return Pairing([(at, at) for at in range(len(ours.values))])
    if _comes_second(ours, theirs, unequal):
        return swapped(_align_oriented(theirs, ours))
    return _align_oriented(ours, theirs)


def _align_oriented(ours: Items, theirs: Items) -> Pairing:
    kept = Alignment(ours, theirs).pairing()
    costs = _costs(kept, ours, theirs)
    if sum(cost for cost in costs if cost >= ALONE) <= MOVED:  # there is nothing to gain: what is paired is alike
        return kept
    moved = pair_unordered(ours, theirs)
    if moved.moved and MOVED + sum(_costs(moved, ours, theirs)) < sum(costs):
        return moved
    return kept


def pair_unordered(ours: Items, theirs: Items) -> Pairing:
    """Pair items wherever they stand: equal ones, then those that share something no other has, then by index."""
    return pair_in_stages(ours, theirs, [pairs_of_equals(ours.prints, theirs.prints), alike, in_turn])


def pair_in_stages(ours: Items, theirs: Items, stages: Iterable[Choice]) -> Pairing:
    """Pair items wherever they stand: each stage pairs some of those that the ones before have left."""
    couples: list[Couple] = []
    for stage in stages:
        couples += stage(ours, theirs, *_others(couples, ours, theirs))
    return _finished(couples, ours, theirs)


def fits(ours: Any, theirs: Any) -> bool:
    """Whether two items can be the same one, changed: elements of another name cannot, nor an element and a text."""
    if type(ours) is Element and type(theirs) is Element:
        return ours.name == theirs.name
    return Element not in (type(ours), type(theirs))


def pairs_of_equals(left_marks: Sequence[int], right_marks: Sequence[int]) -> Choice:
    """A stage that pairs items of the same mark: the first with the first, the second with the second."""

    def choose(ours: Items, theirs: Items, left: list[int], right: list[int]) -> list[Couple]:
        places = defaultdict(list)
        for index in reversed(right):
            places[right_marks[index]].append(index)
        return [(index, places[mark].pop()) for index in left if places.get(mark := left_marks[index])]

    return choose


def in_turn(ours: Items, theirs: Items, left: list[int], right: list[int]) -> list[Couple]:
    """A stage that pairs what it is given one by one."""
    return [(i, j) for i, j in zip(left, right, strict=False) if fits(ours.values[i], theirs.values[j])]


def _others(couples: list[Couple], ours: Items, theirs: Items) -> tuple[list[int], list[int]]:
    """Indexes that are in no pair."""
    left, right = {i for i, _ in couples}, {j for _, j in couples}
    return (
        [i for i in range(len(ours.values)) if i not in left],
        [j for j in range(len(theirs.values)) if j not in right],
    )


def alike(ours: Items, theirs: Items, left: Iterable[int], right: Iterable[int]) -> list[Couple]:
    """A stage that pairs items which share members that no other item has; each is the other's best."""
    theirs_only = _single(theirs, right)
    votes = Counter((i, theirs_only[mark]) for mark, i in _single(ours, left).items() if mark in theirs_only)
    ranked = sorted(votes, key=lambda pair: (-votes[pair], abs(pair[0] - pair[1]), pair))
    couples, seen_left, seen_right = [], set(), set()
    for i, j in ranked:
        if i not in seen_left and j not in seen_right and fits(ours.values[i], theirs.values[j]):
            couples.append((i, j))
        seen_left.add(i)
        seen_right.add(j)
    return sorted(couples)


def _single(items: Items, indexes: Iterable[int]) -> dict[int, int]:
    """What is in one of these items only, with the item."""
    homes: dict[int, int] = {}
    for index in indexes:
        for mark in items.features(index):
            homes[mark] = -1 if mark in homes else index
    return {mark: index for mark, index in homes.items() if index >= 0}


def _ascending(couples: list[Couple]) -> list[Couple]:
    """The longest part of these pairs in which both sides ascend (Fredman 1975); `couples` ascend on the left."""
    ends: list[int] = []
    tails: list[int] = []
    before: list[int] = []
    for place, (_, j) in enumerate(couples):
        at = bisect_left(ends, j)
        before.append(tails[at - 1] if at else -1)
        ends[at : at + 1] = [j]
        tails[at : at + 1] = [place]
    kept, place = [], tails[-1] if tails else -1
    while place >= 0:
        kept.append(couples[place])
        place = before[place]
    return kept[::-1]


def _finished(couples: list[Couple], ours: Items, theirs: Items) -> Pairing:
    """With the items that are alone, in the order of the larger index."""
    left, right = _others(couples, ours, theirs)
    pairs: list[tuple[int | None, int | None]] = [*couples, *((i, None) for i in left), *((None, j) for j in right)]
    pairs.sort(key=lambda pair: (index_of(*pair), pair[0] is None, pair[1] is None))
    by_left = [j for _, j in sorted(couples)]
    return Pairing(pairs, any(later < earlier for earlier, later in pairwise(by_left)))


def index_of(ours: int | None, theirs: int | None) -> int:
    """The index that a pair goes by, whichever side is called control: the larger one."""
    return max(-1 if ours is None else ours, -1 if theirs is None else theirs)


def _costs(pairing: Pairing, ours: Items, theirs: Items) -> list[int]:
    return [ALONE if i is None or j is None else _difference(ours, i, theirs, j) for i, j in pairing.pairs]


def _difference(ours: Items, i: int, theirs: Items, j: int) -> int:
    """What pairing two items costs."""
    if ours.prints[i] == theirs.prints[j]:
        return 0
    if not fits(ours.values[i], theirs.values[j]):
        return 2 * ALONE + 1
    left, right = ours.features(i), theirs.features(j)
    return CHANGED - _LIKENESS * len(left & right) // max(len(left), len(right), 1)


class Alignment:
    """An alignment in order, in stages: each finds pairs in the gaps that the one before has left."""

    def __init__(self, ours: Items, theirs: Items) -> None:
        self.ours, self.theirs = ours, theirs
        self.couples: list[Couple] = []

    def pairing(self) -> Pairing:
        gaps = [(0, len(self.ours.values), 0, len(self.theirs.values))]
        stages: list[_Stage] = [self._ends, self._unique, self._ends, self._members_alone, self._least, self._by_index]
        for stage in stages:
            gaps = [rest for gap in gaps for rest in self._left_by(gap, stage(gap))]
        return _finished(sorted(self.couples), self.ours, self.theirs)

    def _left_by(self, gap: _Gap, found: list[Couple]) -> Iterable[_Gap]:
        """The gaps between pairs, where both sides have items."""
        self.couples += found
        i, end_i, j, end_j = gap
        for next_i, next_j in (*found, (end_i, end_j)):
            if next_i > i and next_j > j:
                yield i, next_i, j, next_j
            i, j = next_i + 1, next_j + 1

    def _ends(self, gap: _Gap) -> list[Couple]:
        i, end_i, j, end_j = gap
        ours, theirs = self.ours.prints, self.theirs.prints
        size = min(end_i - i, end_j - j)
        head = next((step for step in range(size) if ours[i + step] != theirs[j + step]), size)
        rest = range(1, size - head + 1)
        tail = next((step - 1 for step in rest if ours[end_i - step] != theirs[end_j - step]), size - head)
        return [(i + step, j + step) for step in range(head)] + [(end_i - step, end_j - step) for step in range(tail, 0, -1)]

    def _unique(self, gap: _Gap) -> list[Couple]:
        i, end_i, j, end_j = gap
        theirs = _once(self.theirs.prints, j, end_j)
        return _ascending([(at, theirs[mark]) for mark, at in _once(self.ours.prints, i, end_i).items() if mark in theirs])

    def _members_alone(self, gap: _Gap) -> list[Couple]:
        i, end_i, j, end_j = gap
        return _ascending(alike(self.ours, self.theirs, range(i, end_i), range(j, end_j)))

    def _least(self, gap: _Gap) -> list[Couple]:
        """The alignment of least cost, of Needleman and Wunsch (1970): from the end, so that what is alone comes last."""
        i, end_i, j, end_j = gap
        width, height = end_i - i, end_j - j
        if width * height > _CELLS:
            return []
        costs = [[ALONE * (height - right) for right in range(height + 1)]]
        pairs = []
        for at in range(end_i - 1, i - 1, -1):
            row = [_difference(self.ours, at, self.theirs, other) for other in range(j, end_j)]
            pairs.append(row)
            costs.append(_row(row, costs[-1]))
        return list(_path(i, j, costs[::-1], pairs[::-1]))

    def _by_index(self, gap: _Gap) -> list[Couple]:
        i, end_i, j, end_j = gap
        couples = zip(range(i, end_i), range(j, end_j), strict=False)
        return [(at, other) for at, other in couples if fits(self.ours.values[at], self.theirs.values[other])]


def _once(prints: list[int], start: int, end: int) -> dict[int, int]:
    counts = Counter(prints[start:end])
    return {prints[index]: index for index in range(start, end) if counts[prints[index]] == 1}


def _row(pairs: list[int], below: list[int]) -> list[int]:
    """Costs of one row of the table, from those of the row below."""
    row = [below[-1] + ALONE]
    for at in range(len(pairs) - 1, -1, -1):
        row.append(min(pairs[at] + below[at + 1], below[at] + ALONE, row[-1] + ALONE))
    return row[::-1]


def _path(i: int, j: int, costs: list[list[int]], pairs: list[list[int]]) -> Iterable[Couple]:
    """The way through the table; where two cost the same, the one that pairs."""
    x = y = 0
    while x < len(pairs) and y < len(pairs[0]):
        if costs[x][y] == pairs[x][y] + costs[x + 1][y + 1]:
            if pairs[x][y] <= 2 * ALONE:
                yield i + x, j + y
            x, y = x + 1, y + 1
        elif costs[x][y] == costs[x + 1][y] + ALONE:
            x += 1
        else:
            y += 1


def _comes_second(ours: Items, theirs: Items, unequal: list[int]) -> bool:
    """Whether the other side comes first: the longer one, or the one with the lesser value at the first difference."""
    if len(ours.values) != len(theirs.values):
        return len(ours.values) < len(theirs.values)
    return not _lesser(ours.values[unequal[0]], theirs.values[unequal[0]], ours.source)


def _lesser(ours: Any, theirs: Any, prints: Prints) -> bool:
    """An order of any two values that differ, whatever they are; of those that differ far down only, it is not lasting."""
    for _ in range(_DEPTH):
        if type(ours) is not type(theirs) or type(ours) not in CONTAINERS:
            return (type(ours).__name__, str(ours)) < (type(theirs).__name__, str(theirs))
        left, right = _inside(ours), _inside(theirs)
        if left[0] != right[0]:
            return bool(left[0] < right[0])
        ours, theirs = next(pair for pair in zip(left[1], right[1], strict=True) if prints.of(pair[0]) != prints.of(pair[1]))
    return prints.of(ours) < prints.of(theirs)


def _inside(value: Any) -> tuple[Any, list[Any]]:
    """What to order a value by first, and then what is in it."""
    if type(value) is dict:
        names = sorted(value)
        return names, [value[name] for name in names]
    if type(value) is list:
        return len(value), value
    return (value.name, sorted(value.attributes.items()), len(value.children)), list(value.children)
