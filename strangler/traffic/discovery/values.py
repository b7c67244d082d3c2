"""Which of the words at one place are values of a parameter: by how many there are, and by how alike they behave.

A few words that behave differently are endpoints of their own, and so are a few that behave alike: a route too many does no harm,
whereas one that takes another's requests does. What counts, in this order: the members of JSON answers, where they are known; the
words that come behind; content types and methods; how many words were seen once or twice only, which those of a program are not
for long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

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
    return _chosen(words, behaving, outermost)


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
    if len(behind) < 0.3 * len(words) or _go_on_together(words):
        return False
    times = Counter(behind)
    return sum(times[word] > 1 for word in behind) < 0.5 * len(behind)


def _chosen(words: Mapping[str, Place], behaving: set[str], outermost: bool) -> set[str]:
    """Those of the words that behave alike which are values, if there are enough of them to tell."""
    number = len(behaving)
    if number < SEVERAL:
        return set()
    come_and_go = _rare(words[word] for word in behaving) >= _RARE * number
    if come_and_go and (_slugs(behaving) >= _SLUGS * number or number >= MORE):
        return _without_pages(behaving, words)
    if number >= (MORE if outermost else SEVERAL) and _go_on_together(words):
        return {word for word in behaving if words[word].words or words[word].values}
    return behaving if number >= MANY and not outermost else set()


def _without_pages(behaving: set[str], words: Mapping[str, Place]) -> set[str]:
    """Among names of several words, single ones that are asked for again and again are pages: ``/about``."""
    if _slugs(behaving) < _MOST_OF * len(behaving):
        return behaving
    return {word for word in behaving if is_slug(word) or words[word].requests <= _RARELY}


def _slugs(words: Iterable[str]) -> int:
    return sum(map(is_slug, words))


def _go_on_together(words: Mapping[str, Place]) -> bool:
    """Whether nearly every word goes on, and with the same words, right behind or one further on: ``anna/settings``,
    ``bob/settings``; ``anna/shop/issues``, ``bob/diary/issues``."""
    near = [set(place.words) for place in words.values()]
    far = [{word for below in place.words.values() for word in below.words} for place in words.values()]
    return _shared(near) or _shared(far)


def _shared(behind: Sequence[set[str]]) -> bool:
    going = [each for each in behind if each]
    times = Counter(word for each in going for word in each)
    shared = sum(number for number in times.values() if number >= 0.5 * len(going))
    return len(going) >= max(2, _MOST_OF * len(behind)) and shared >= _MOST_OF * times.total()


def _rare(places: Iterable[Place]) -> int:
    return sum(place.requests <= _RARELY for place in places)


def members_of(place: Place) -> Members:
    """The members of the answers to GET at a place."""
    tally = place.tallies.get("GET")
    return tally.known_members if tally else frozenset()
