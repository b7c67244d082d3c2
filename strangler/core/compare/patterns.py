"""Where path patterns apply: all of them walk down a document together, as one set of positions per node.

The sets are interned and linked as they are met, so a step down costs one look into a dictionary, however many patterns
there are; and below a node where none can match any more, nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from strangler.core.difference import Path
from strangler.core.jsonpath import Pattern, Step

Here = TypeVar("Here")
_Position = tuple[int, int]  # pattern, and how many of its steps are behind us
_ELSE = object()  # a step that no pattern names


class State(Generic[Here]):
    """A place in a document, as far as patterns can tell. `here` is what applies to it; `live`: whether any can below."""

    __slots__ = ("_else", "_named", "_patterns", "here", "live", "positions")

    def __init__(self, patterns: Patterns[Here], positions: frozenset[_Position]) -> None:
        self._patterns = patterns
        self._named: dict[str | int, State[Here]] = {}
        self._else: State[Here] | None = None
        self.positions = positions
        matched = sorted(index for index, behind in positions if behind == len(patterns.steps[index]))
        self.here = patterns.describe(tuple(matched))
        self.live = len(matched) < len(positions)

    def step(self, key: str | int) -> State[Here]:
        """One step down."""
        if self._else is None:
            self._else = self._moved(_ELSE)
            self._named = {name: self._moved(name) for name in self._patterns.named(self.positions)}
        return self._named.get(key, self._else)

    def also(self, other: State[Here]) -> State[Here]:
        """A place that has two names."""
        return self._patterns.state(self.positions | other.positions)

    def _moved(self, key: object) -> State[Here]:
        return self._patterns.state(self._patterns.moved(self.positions, key))


class Patterns(Generic[Here]):
    """Any number of patterns. `describe` makes what applies to a place from the indexes of those that match it, ascending."""

    def __init__(self, patterns: Sequence[Pattern], describe: Callable[[tuple[int, ...]], Here]) -> None:
        self.steps: list[tuple[Step, ...]] = [pattern.steps for pattern in patterns]
        self.describe = describe
        self._states: dict[frozenset[_Position], State[Here]] = {}
        self.root = self.state(frozenset((index, 0) for index in range(len(patterns))))

    def state(self, positions: frozenset[_Position]) -> State[Here]:
        """The one state for these positions."""
        found = self._states.get(positions)
        if found is None:
            found = self._states[positions] = State(self, positions)
        return found

    def at(self, path: Path) -> State[Here]:
        """The state at a concrete path."""
        state = self.root
        for key in path:
            state = state.step(key)
        return state

    def named(self, positions: frozenset[_Position]) -> set[str | int]:
        """Names and indexes that the next steps ask for."""
        return {key for index, _, step in self._next(positions) if (key := step.key) is not None}

    def moved(self, positions: frozenset[_Position], key: object) -> frozenset[_Position]:
        """Where a step leads: past every next step that takes it, and nowhere for those that may be at any depth."""
        found = self._next(positions)
        past = {(index, behind + 1) for index, behind, step in found if step.key is None or step.key == key}
        return frozenset(past | {(index, behind) for index, behind, step in found if step.deep})

    def _next(self, positions: frozenset[_Position]) -> list[tuple[int, int, Step]]:
        steps = self.steps
        return [(index, behind, steps[index][behind]) for index, behind in positions if behind < len(steps[index])]


def matches(pattern: Pattern, path: Path) -> bool:
    """Whether a pattern names exactly this path."""
    return bool(Patterns([pattern], bool).at(path).here)
