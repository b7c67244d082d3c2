"""From the differences of one pair to its causes. Every difference has exactly one; a cause stands once per pair."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from strangler.core.causes.explain import STEPS, Explanation, best, explanations
from strangler.core.causes.members import WORDS, names_of_members
from strangler.core.causes.pattern import pattern_of
from strangler.core.compare.view import Comparison
from strangler.core.difference import Difference, Kind, Path
from strangler.core.document import Document
from strangler.core.records import Cause

MOST = 50
MORE = Cause("more", Kind.VALUE)
"""What stands for all causes of a pair beyond the first `MOST`."""

REORDERED = "reordered"
_LOOKED_AT = 1000  # differences of one pair whose values are looked at
_SAMPLES = 50  # of one pattern: after so many that nothing explains, the rest is not tried
_VALUES = (Kind.VALUE, Kind.TYPE, Kind.HEADER)
_TELLING = (Kind.STATUS, Kind.TYPE, Kind.MISSING, Kind.EXTRA, Kind.VALUE, Kind.LENGTH, Kind.ORDER, Kind.HEADER)

_STEP_WORDS = {REORDERED: "same items in another order", **WORDS, **{step.name: step.words for step in STEPS}}
_KIND_WORDS = {
    Kind.TYPE: "another type",
    Kind.VALUE: "another value",
    Kind.MISSING: "missing",
    Kind.EXTRA: "extra",
    Kind.ORDER: "order of the list",
    Kind.LENGTH: "length of the list",
    Kind.HEADER: "differs",
    Kind.STATUS: "status",
}


def causes_of(comparison: Comparison, control: Document, candidate: Document) -> tuple[Cause, ...]:
    """The causes of a mismatch, the most telling first: status before types, types before values, headers last."""
    differences = comparison.differences
    patterns = [pattern_of(one.path, one.kind, control.value, candidate.value) for one in differences]
    transforms = _transforms(differences, patterns, control, candidate)
    causes = dict.fromkeys(map(Cause, patterns[:_LOOKED_AT], (one.kind for one in differences), transforms))
    causes |= dict.fromkeys(_unseen({cause[:2] for cause in causes}, differences[_LOOKED_AT:], patterns[_LOOKED_AT:]))
    ranked = sorted(causes, key=lambda cause: _TELLING.index(cause.kind))
    return (*ranked[:MOST], MORE) if len(ranked) > MOST else tuple(ranked)


def _unseen(known: Set[tuple[str, Kind]], rest: Sequence[Difference], patterns: Sequence[str]) -> Iterator[Cause]:
    """Causes of differences whose values were not looked at: what differs where others do is taken for the same."""
    for one, pattern in zip(rest, patterns, strict=True):
        if (pattern, one.kind) not in known:
            yield Cause(pattern, one.kind)


def transform_of(difference: Difference, control: Document, candidate: Document, *others: Difference) -> str:
    """The name of the transform that explains a difference, two joined by ``+``, or "" if none does.

    Args:
        others: the other differences of the pair, which may hold the other half of a rename.
    """
    differences = (difference, *others)
    patterns = [pattern_of(one.path, one.kind, control.value, candidate.value) for one in differences]
    return _transforms(differences, patterns, control, candidate)[0]


def words(cause: Cause) -> str:
    """One short clause for people: ``$.total: number became a string, and is 100 times as large``."""
    if cause == MORE:
        return "and more"
    if cause.kind is Kind.STATUS:
        return "status differs"
    what = ", and ".join(_STEP_WORDS.get(name, name) for name in cause.transform.split("+")) if cause.transform else ""
    place = f"header {cause.pattern}" if cause.kind is Kind.HEADER else cause.pattern
    return f"{place}: {what}" if what else f"{place}: {_KIND_WORDS[cause.kind]}"


def _transforms(differences: Sequence[Difference], patterns: Sequence[str], control: Document, candidate: Document) -> list[str]:
    """Of the first `_LOOKED_AT` differences, in their order."""
    members = names_of_members(differences, control.value, candidate.value)
    values = _values(differences[:_LOOKED_AT], patterns)
    return [_named(one, members, values.get(place, "")) for place, one in enumerate(differences[:_LOOKED_AT])]


def _named(one: Difference, members: Mapping[Path, str], value: str) -> str:
    if one.kind in (Kind.MISSING, Kind.EXTRA):
        return members.get(one.path, "")
    return REORDERED if one.kind is Kind.ORDER else value


def _values(differences: Iterable[Difference], patterns: Sequence[str]) -> dict[int, str]:
    """Transforms of values, by the difference's place. What fits too easily is believed where a better sample shows it."""
    found: dict[tuple[str, Kind], dict[int, tuple[Explanation, ...]]] = defaultdict(dict)
    for place, one in enumerate(differences):
        alike = found[patterns[place], one.kind]
        if one.kind in _VALUES and not (len(alike) >= _SAMPLES and not any(alike.values())):
            alike[place] = explanations(one.control, one.candidate)
    return {place: name for alike in found.values() for place, name in _settled(alike).items()}


def _settled(alike: Mapping[int, tuple[Explanation, ...]]) -> dict[int, str]:
    """One name for each, and as few as explain all: where two transforms are at work, one of them may leave a value as it is."""
    sure = {best(found) for found in alike.values()} - {""}
    names = {place: best(found) or _believed(found, sure) for place, found in alike.items()}
    return {place: _with_its_other(name, sure) for place, name in names.items()}


def _believed(found: Iterable[Explanation], sure: Set[str]) -> str:
    return next((one.name for one in found if one.name in sure), "")


def _with_its_other(name: str, sure: Set[str]) -> str:
    doubles = [other for other in sure if other != name and name in other.split("+")]
    return doubles[0] if len(doubles) == 1 else name
