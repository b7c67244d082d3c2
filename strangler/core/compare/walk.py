"""From two values to the differences between them, however deep they are nested: nothing here calls itself.

What differs is found without asking any rule but `unordered`, which says how items pair; `allow` then says what counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from strangler.core.compare.align import Items, Pairing, align, index_of
from strangler.core.compare.allow import allowed_by
from strangler.core.compare.loose import Loose
from strangler.core.compare.numeral import plain
from strangler.core.compare.patterns import State
from strangler.core.compare.prints import Prints
from strangler.core.compare.rules import Here, Rules
from strangler.core.compare.tree import child_states, label, ordinals, outline
from strangler.core.compare.unordered import pair_by_key, pair_by_value
from strangler.core.compare.view import CAP, Comparison, Ignored
from strangler.core.difference import Difference, Kind, Path
from strangler.core.document import Element
from strangler.core.exact import Number

Place = tuple[Any, str | int] | None  # the place above, and the step from it
Frame = tuple[Any, Any, State[Here], Place, str]  # control, candidate, rules, where, and the rule that allows all of it


class _Absent:
    """What stands for a value that one side has not."""


ABSENT = _Absent()


_STEPS = 200 * CAP  # in all paths of a kind together: a difference on every level of a deep document has long paths


class Findings:
    """Differences as they are found, sorted into those that count and those that a rule allows."""

    def __init__(self) -> None:
        self._differences: list[Difference] = []
        self._ignored: list[Ignored] = []
        self._steps = {True: 0, False: 0}
        self._truncated = False
        self.full = False  # there is no sense in going on

    def add(self, path: Path, kind: Kind, control: Any, candidate: Any, rule: str = "") -> None:
        allowed = bool(rule)
        if self._steps[allowed] > _STEPS or len(self._ignored if allowed else self._differences) >= CAP:
            self._truncated = True
            self.full = self.full or not allowed
            return
        self._steps[allowed] += len(path)
        difference = Difference(path, kind, control, candidate)
        if allowed:
            self._ignored.append(Ignored(difference, rule))
        else:
            self._differences.append(difference)

    def comparison(self) -> Comparison:
        return Comparison(tuple(self._differences), tuple(self._ignored), self._truncated)


class Walk:
    """One walk through two values, in the order of the document. `lengths`: whether lists of unequal length are told."""

    def __init__(self, rules: Rules, found: Findings, *, lengths: bool = True) -> None:
        self._rules = rules
        self._found = found
        self._lengths = lengths
        self._prints = Prints()
        self._loose = Loose(rules.treat_equal)
        self._todo: list[Frame] = []

    def run(self, control: Any, candidate: Any) -> None:
        self._todo = [(control, candidate, self._rules.root, None, "")]
        while self._todo and not self._found.full:
            self._visit(*self._todo.pop())

    def _visit(self, control: Any, candidate: Any, state: State[Here], place: Place, allowed: str) -> None:
        kind = type(control)
        allowed = allowed or state.here.ignore
        if kind is not type(candidate):
            self._unlike(control, candidate, state, place, allowed)
        elif kind in _INSIDE:
            _INSIDE[kind](self, control, candidate, state, place, allowed or state.here.anything)
        elif control != candidate and not (kind is Number and plain(control) == plain(candidate)):
            self._report(Kind.VALUE, control, candidate, state, place, allowed or state.here.anything)

    def _unlike(self, control: Any, candidate: Any, state: State[Here], place: Place, allowed: str) -> None:
        if candidate is ABSENT:
            self._report(Kind.MISSING, _shown(control), None, state, place, allowed)
        elif control is ABSENT:
            self._report(Kind.EXTRA, None, _shown(candidate), state, place, allowed)
        else:
            self._report(Kind.TYPE, _shown(control), _shown(candidate), state, place, allowed)

    def _report(self, kind: Kind, control: Any, candidate: Any, state: State[Here], place: Place, allowed: str) -> None:
        rule = allowed or allowed_by(kind, control, candidate, state.here, self._rules.treat_equal)
        self._found.add(_path(place), kind, control, candidate, rule)

    def _members(self, control: Any, candidate: Any, state: State[Here], place: Place, allowed: str) -> None:
        frames: list[Frame] = []
        for name, ours in control.items():
            theirs = candidate.get(name, ABSENT)
            if ours is theirs or (type(ours) is type(theirs) and type(ours) in _PLAIN and ours == theirs):
                continue
            frames.append((ours, theirs, state.step(name), (place, name), allowed))
        if candidate.keys() != control.keys():
            extra = [name for name in candidate if name not in control]
            frames += [(ABSENT, candidate[name], state.step(name), (place, name), allowed) for name in extra]
        self._todo += reversed(frames)

    def _items(self, control: Any, candidate: Any, state: State[Here], place: Place, allowed: str) -> None:
        ours, theirs = Items(control, self._prints), Items(candidate, self._prints)
        if ours.prints == theirs.prints:
            return
        pairing = self._pairing(ours, theirs, state, _item_states)
        if self._lengths and len(control) != len(candidate):
            self._report(Kind.LENGTH, len(control), len(candidate), state, place, allowed)
            pairing = pairing.without_tail(len(control) < len(candidate))
        if pairing.moved:
            self._report(Kind.ORDER, control, candidate, state, place, allowed)
        frames: list[Frame] = []
        for i, j in self._unequal(pairing, ours, theirs):
            at = index_of(i, j)
            frames.append((_item(control, i), _item(candidate, j), state.step(at), (place, at), allowed))
        self._todo += reversed(frames)

    def _element(self, control: Any, candidate: Any, state: State[Here], place: Place, allowed: str) -> None:
        if control.name != candidate.name:
            return self._report(Kind.TYPE, control.name, candidate.name, state, place, allowed)
        self._children(control, candidate, state, place, allowed)
        ours, theirs = ({f"@{name}": value for name, value in side.attributes.items()} for side in (control, candidate))
        self._members(ours, theirs, state, place, allowed)

    def _children(self, control: Any, candidate: Any, state: State[Here], place: Place, allowed: str) -> None:
        ours, theirs = Items(control.children, self._prints), Items(candidate.children, self._prints)
        if ours.prints == theirs.prints:
            return
        pairing = self._pairing(ours, theirs, state, child_states)
        if pairing.moved:
            self._report(Kind.ORDER, _outlines(control), _outlines(candidate), state, place, allowed)
        (left, counts), (right, others) = ordinals(control.children), ordinals(candidate.children)
        frames: list[Frame] = []
        for i, j in self._unequal(pairing, ours, theirs):
            name = label(theirs.values[j or 0] if i is None else ours.values[i])
            at = index_of(None if i is None else left[i], None if j is None else right[j])
            below: Place = (place, name)
            below = (below, at) if max(counts[name], others[name]) > 1 else below
            named = state.step(name)
            both = named.also(named.step(at)) if state.live else named
            frames.append((_item(ours.values, i), _item(theirs.values, j), both, below, allowed))
        self._todo += reversed(frames)

    def _pairing(self, ours: Items, theirs: Items, state: State[Here], below: Callable[..., list[State[Here]]]) -> Pairing:
        if not state.here.unordered:
            return align(ours, theirs)
        key = state.here.unordered[0].key
        if key:
            return pair_by_key(ours, theirs, key)
        states = below(ours.values, state), below(theirs.values, state)
        return pair_by_value(ours, theirs, states, self._loose)

    def _unequal(self, pairing: Pairing, ours: Items, theirs: Items) -> list[tuple[int | None, int | None]]:
        return [(i, j) for i, j in pairing.pairs if i is None or j is None or ours.prints[i] != theirs.prints[j]]


_PLAIN = frozenset({str, Number})
_INSIDE: dict[type, Callable[..., None]] = {dict: Walk._members, list: Walk._items, Element: Walk._element}


def _item_states(items: list[Any], state: State[Here]) -> list[State[Here]]:
    return [state.step(index) for index in range(len(items))]


def _item(values: Any, index: int | None) -> Any:
    return ABSENT if index is None else values[index]


def _shown(value: Any) -> Any:
    return outline(value) if isinstance(value, Element) else value


def _outlines(element: Element) -> list[str]:
    return [outline(child, limit=100) for child in element.children]


def _path(place: Place) -> Path:
    steps: list[str | int] = []
    while place:
        place, step = place
        steps.append(step)
    return tuple(reversed(steps))
