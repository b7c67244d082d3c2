"""Learning noise from pairs in which the same control was asked twice: what differed, in which way, and what to propose.

All that is kept are numbers that add up, by path pattern, so that observations from anywhere can be added in any order. A
proposal is made only for what differed in one way every time, in enough samples; never where money could hide in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from strangler.core.causes.pattern import pattern_of
from strangler.core.compare.shape import keeps
from strangler.core.compare.view import Comparison
from strangler.core.difference import Difference, Kind, Path
from strangler.core.document import Document
from strangler.core.exact import Number
from strangler.core.model import NOISE_KINDS
from strangler.core.moment import DAY, read
from strangler.core.noise.money import holds_money, is_decimal, is_money_place

WHOLE = ""
"""What stands for the whole answer where a pattern is asked for: how often control was asked twice."""

UNSHAPED = "unshaped"  # there or not, or of another type: no noise that could be accepted
_LOOKED_AT = 1000  # differences of one pair
_FEWEST = 3  # differences: one or two are accidents
_CLOSED = frozenset({"clock", "uuid", "token"})  # kinds that cannot be money, whatever they are called
_SHORTEST_TOKEN = 8
_FARTHEST_COUNT = 1_000_000  # that a counter moves between two requests


@dataclass(frozen=True, slots=True)
class Field:
    """What was seen of one field, added up.

    Attributes:
        looked: how often control was asked twice; kept for `WHOLE` only.
        different: in how many of these pairs the field differed from itself.
        kinds: in how many of these it did so in which way.
        money: in how many of these it, or what stands beside it, looked like money or a quantity.
    """

    looked: int = 0
    different: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    money: int = 0

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Field:
        """From what `mapping` made; what is not there is zero."""
        counts = {name: int(mapping.get(name, 0)) for name in ("looked", "different", "money")}
        return cls(kinds={str(kind): int(count) for kind, count in dict(mapping.get("kinds", {})).items()}, **counts)

    def mapping(self) -> dict[str, Any]:
        """Plain numbers, which a store may add up member by member."""
        return {"looked": self.looked, "different": self.different, "kinds": dict(self.kinds), "money": self.money}

    def __add__(self, other: Field) -> Field:
        kinds = Counter(self.kinds) + Counter(other.kinds)
        return Field(self.looked + other.looked, self.different + other.different, dict(kinds), self.money + other.money)


class Proposal(NamedTuple):
    """A field that a person may accept as noise.

    Attributes:
        kind: one of `model.NOISE_KINDS`.
        looked: how often control was asked twice.
        different: in how many of these the field differed from itself.
        note: what was seen, for people.
    """

    pattern: str
    kind: str
    looked: int
    different: int
    note: str


class _Seen(NamedTuple):
    pattern: str
    kind: str
    money: bool


def observe(comparison: Comparison, control: Document, again: Document, at: float | None = None) -> dict[str, dict[str, Any]]:
    """What one pair of answers of the same control shows, by path pattern: `Field` mappings to be added up.

    Args:
        at: seconds since 1970 when control was asked, if it is known; a clock shows a time near it.
    """
    fields = {WHOLE: Field(looked=1).mapping()}
    found: dict[str, set[_Seen]] = {}
    look = _Look(control.value, again.value, at)
    for one in comparison.differences[:_LOOKED_AT]:
        if one.kind not in (Kind.HEADER, Kind.STATUS):
            seen = look.seen(one)
            found.setdefault(seen.pattern, set()).add(seen)
    for pattern, ways in found.items():
        kinds = {way.kind: 1 for way in ways}
        fields[pattern] = Field(0, 1, kinds, int(any(way.money for way in ways))).mapping()
    return fields


def propose(fields: Mapping[str, Mapping[str, Any]], least_samples: int = 20) -> tuple[Proposal, ...]:
    """What may be accepted as noise on one route, the most frequent first.

    Args:
        fields: what `observe` returned, added up.
        least_samples: how often control must have been asked twice.
    """
    looked = Field.of(fields.get(WHOLE, {})).looked
    if looked < least_samples:
        return ()
    found = ((pattern, Field.of(mapping)) for pattern, mapping in fields.items() if pattern != WHOLE)
    proposals = [_proposal(pattern, one, looked) for pattern, one in found if _may_be_noise(one)]
    return tuple(sorted(proposals, key=lambda one: (-one.different, one.pattern)))


def _may_be_noise(one: Field) -> bool:
    kind = _kind(one)
    return one.different >= _FEWEST and bool(kind) and not (one.money and kind not in _CLOSED)


def _kind(one: Field) -> str:
    """The one way in which it differs, every time; "" if it does in a way that no noise does."""
    kinds = set(one.kinds)
    if not kinds or not kinds <= NOISE_KINDS.keys() or ("order" in kinds and len(kinds) > 1):
        return ""
    return kinds.pop() if len(kinds) == 1 else "value"


def _proposal(pattern: str, one: Field, looked: int) -> Proposal:
    kind = _kind(one)
    note = f"differs from itself in {one.different:,} of {looked:,} answers: {NOISE_KINDS[kind]}"
    return Proposal(pattern, kind, looked, one.different, note)


class _Look:
    """One pair of documents. What was found out about a list is kept: all its items ask for it."""

    def __init__(self, control: Any, again: Any, at: float | None) -> None:
        self._control, self._again, self._at = control, again, at
        self._moved: dict[tuple[Path, Path], bool] = {}
        self._money: dict[Path, bool] = {}

    def seen(self, one: Difference) -> _Seen:
        """One difference, as what it is a sign of: values that have changed places are a sign of their list's order."""
        lists = list(_lists(one.path, self._control, self._again))
        if one.kind is Kind.ORDER:
            return self._sign(one.path, Kind.ORDER, "order", one.control)
        for path, ours, theirs in lists:
            if one.kind is Kind.VALUE and self._has_moved(path, one.path[len(path) + 1 :], ours, theirs):
                return self._sign(path, Kind.ORDER, "order", ours)
        way = _way(one.control, one.candidate, self._at) if one.kind is Kind.VALUE else UNSHAPED
        sign = self._sign(one.path, one.kind, way, one.control)
        # What looks like a changed item may be an unstable sort, so money beside it counts too.
        return sign._replace(money=sign.money or any(self._holds_money(path, ours) for path, ours, _ in lists))

    def _sign(self, path: Path, kind: Kind, way: str, value: Any) -> _Seen:
        money = is_money_place(path) or self._holds_money(path, value)
        return _Seen(pattern_of(path, kind, self._control, self._again), way, money)

    def _holds_money(self, path: Path, value: Any) -> bool:
        if path not in self._money:
            self._money[path] = holds_money(value)
        return self._money[path]

    def _has_moved(self, path: Path, rest: Path, ours: list[Any], theirs: list[Any]) -> bool:
        if (path, rest) not in self._moved:
            self._moved[path, rest] = _column(ours, rest) == _column(theirs, rest)
        return self._moved[path, rest]


def _lists(path: Path, control: Any, again: Any) -> Iterator[tuple[Path, list[Any], list[Any]]]:
    """The lists that a path leads through, in both documents, with the paths to them."""
    for length, step in enumerate(path):
        if isinstance(control, list) and isinstance(again, list) and isinstance(step, int):
            yield path[:length], control, again
        control, again = _below(control, step), _below(again, step)


def _below(value: Any, step: str | int) -> Any:
    if isinstance(value, dict) and isinstance(step, str):
        return value.get(step)
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _column(items: list[Any], rest: Path) -> Counter[str]:
    """How often which value stands at one place of the items."""
    found: Counter[str] = Counter()
    for item in items:
        for step in rest:
            item = _below(item, step)
        if type(item) in (str, Number):
            found[item] += 1
    return found


def _way(control: Any, again: Any, at: float | None) -> str:
    return next((kind for kind, looks in _LOOKS.items() if looks(control, again, at)), "value")


def _is_clock(control: Any, again: Any, at: float | None) -> bool:
    one, other = read(control), read(again)
    if one is None or other is None or not keeps("clock", control, again) or other.instant < one.instant:
        return False
    return at is None or abs(other.instant - Decimal(repr(at))) <= DAY


def _is_uuid(control: Any, again: Any, at: float | None) -> bool:
    return keeps("uuid", control, again)


def _is_counter(control: Any, again: Any, at: float | None) -> bool:
    if type(control) is not Number or not (control.isdigit() and again.isdigit()) or len(again) > 19:
        return False
    return 0 < int(again) - int(control) <= _FARTHEST_COUNT


def _is_token(control: Any, again: Any, at: float | None) -> bool:
    """Random by its looks: long, of letters and digits, with few of them at the same place in both."""
    if type(control) is not str or min(len(control), len(again)) < _SHORTEST_TOKEN or is_decimal(control):
        return False
    alike = sum(one == other for one, other in zip(control, again, strict=False))
    mixed = any(map(str.isdigit, control + again)) and control.isascii() and not any(map(str.isspace, control + again))
    return mixed and 2 * alike <= len(control) and keeps("token", control, again)


_LOOKS = {"uuid": _is_uuid, "clock": _is_clock, "counter": _is_counter, "token": _is_token}
