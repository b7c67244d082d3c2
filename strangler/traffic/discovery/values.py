"""Which of the words at one place are values of a parameter: by how many there are, and by how alike they behave.

A few words that behave differently are endpoints of their own, and so are a few that behave alike: a route too many does no harm,
whereas one that takes another's requests does. What counts, in this order: the members of JSON answers, where they are known; the
words that come behind; content types and methods; how many words were seen once or twice only, which those of a program are not
for long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from strangler.traffic.discovery.members import Members, alike, tell
from strangler.traffic.discovery.segment import is_slug, is_version, mask, split
from strangler.traffic.discovery.tree import Place

FEW_ALIKE = 4  # words whose answers have the same members
FEW_NUMBERED = 3  # words that differ in their digits only
SEVERAL = 20  # words that look like values, and hardly ever come again
MORE = 60  # words that hardly ever come again
MANY = 200  # words that behave alike in whatever is known of them
_MOST_OF = 0.8
_RARE = 0.3
_SLUGS = 0.6
_RARELY = 2  # times


def values_among(words: Mapping[str, Place], *, kept: Collection[str] = (), outermost: bool = False) -> set[str]:
    """The words that are values. `kept` never are; at the outermost place words are taken for pages unless they come and go."""
    kinds: dict[str, dict[str, Place]] = {}
    for word, place in words.items():
        if word and word not in kept and not is_version(word):
            kinds.setdefault(split(word)[1], {})[word] = place
    found: set[str] = set()
    for group in kinds.values():
        numbered = _numbered(group)
        rest = {word: place for word, place in group.items() if word not in numbered}
        found |= numbered | _alike(rest, outermost)
    return found


def _numbered(words: Mapping[str, Place]) -> set[str]:
    masks: dict[str, list[str]] = {}
    for word in words:
        if found := mask(word):
            masks.setdefault(found, []).append(word)
    return {word for same in masks.values() if len(same) >= FEW_NUMBERED for word in same}


def _alike(words: Mapping[str, Place], outermost: bool) -> set[str]:
    if len(words) < FEW_ALIKE:
        return set()
    known = {word: told for word, place in words.items() if tell(told := members_of(place))}
    if len(known) >= max(FEW_ALIKE, 0.6 * len(words)):
        return _with_members(words, known)
    behaving = _behaving(words)
    if len(behaving) < _MOST_OF * len(words) or _go_on_apart(words):
        return set()
    return behaving if _are_values(words, behaving, outermost) else set()


def _with_members(words: Mapping[str, Place], known: Mapping[str, Members]) -> set[str]:
    """Where most answers have the same members, all words but those whose answers have others."""
    model = max(
        known.values(), key=lambda one: sum(alike(one, other) for other in known.values()) if len(known) < 300 else len(one)
    )
    same = {word for word, one in known.items() if alike(model, one)}
    enough = len(same) >= FEW_ALIKE and len(same) >= (_MOST_OF if len(words) < SEVERAL else 0.6) * len(known)
    return {word for word in words if word not in known or word in same} if enough else set()


def _behaving(words: Mapping[str, Place]) -> set[str]:
    """Those that share content type and method with most."""
    habits = {word: _habit(place) for word, place in words.items()}
    known = Counter(habit for habit in habits.values() if habit != _UNKNOWN)
    usual = known.most_common(1)[0][0] if known else _UNKNOWN
    return {word for word, habit in habits.items() if habit in (usual, _UNKNOWN)}


_UNKNOWN = ("", "")


def _habit(place: Place) -> tuple[str, str]:
    """The usual method and kind of content of what ends here; of what goes on, where nothing ends."""
    if not place.tallies:
        return _UNKNOWN
    method, tally = max(place.tallies.items(), key=lambda item: (item[1].requests, item[0]))
    return ("GET" if "GET" in place.tallies else method), tally.kinds.most_common(1)[0][0] if tally.kinds else ""


def _go_on_apart(words: Mapping[str, Place]) -> bool:
    """Whether the words that come behind are mostly others for each: ``orders/export``, ``customers/merge``."""
    behind = [word for place in words.values() for word in place.words]
    if len(behind) < 0.3 * len(words):
        return False
    times = Counter(behind)
    return sum(times[word] > 1 for word in behind) < 0.5 * len(behind)


def _are_values(words: Mapping[str, Place], behaving: Collection[str], outermost: bool) -> bool:
    number = len(behaving)
    if number < SEVERAL:
        return False
    come_and_go = _rare(words[word] for word in behaving) >= _RARE * number
    look = sum(map(is_slug, behaving)) >= _SLUGS * number
    if come_and_go and (look or number >= MORE):
        return True
    return not outermost and (number >= MANY or _go_on_together(words))


def _go_on_together(words: Mapping[str, Place]) -> bool:
    """Whether nearly every word goes on, and with the same words: ``anna/settings``, ``bob/settings``."""
    going = [place for place in words.values() if place.words]
    times = Counter(word for place in going for word in place.words)
    shared = sum(number for number in times.values() if number >= 0.5 * len(going))
    return len(going) >= _MOST_OF * len(words) and shared >= _MOST_OF * times.total()


def _rare(places: Iterable[Place]) -> int:
    return sum(place.requests <= _RARELY for place in places)


def members_of(place: Place) -> Members:
    """The members of the answers to GET at a place."""
    tally = place.tallies.get("GET")
    return tally.known_members if tally else frozenset()
