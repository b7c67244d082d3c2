"""The journal: what flips became, what holds, and lines that survive a crash."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core import journal
from strangler.core.flip import Place
from strangler.core.journal import Entry, Kind
from strangler.core.model import Stage

SHADOW, CANARY = Place(Stage.SHADOW), Place(Stage.CANARY, 0.05)


def entry(kind: str, at: float, flip: str = "f1", route: str = "read-order", **more) -> Entry:
    words = {"before": SHADOW, "after": CANARY, **more}
    return Entry(id=f"{at:06.1f}-{kind}-{route}", kind=Kind(kind), flip=flip, at=at, actor="anna", route=route, **words)


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        (["intended"], "intended"),
        (["intended", "live"], "live"),
        (["intended", "abandoned"], "abandoned"),
        (["intended", "live", "abandoned"], "live"),
        (["live"], "live"),
    ],
)
def test_what_became_of_a_flip(kinds, state):
    found = journal.history([entry(kind, at) for at, kind in enumerate(kinds)])
    assert [recorded.state for recorded in found] == [state]


def test_the_same_entry_kept_twice_is_one():
    one = entry("intended", 1)
    assert len(journal.history([one, one, entry("live", 2), entry("live", 2)])) == 1


def test_routes_of_a_group_are_told_apart():
    entries = [entry("intended", 1), entry("intended", 1, route="write-order"), entry("live", 2)]
    assert [one.route for one in journal.unsettled(entries)] == ["write-order"]


@pytest.mark.parametrize(("place", "kind"), [(CANARY, "live"), (SHADOW, "abandoned"), (None, "abandoned")])
def test_an_intention_whose_author_has_gone_is_settled_by_the_file(place, kind):
    settled = journal.settle(entry("intended", 1), {"read-order": place} if place else {}, "x", 9.0)
    assert settled.kind == kind
    assert journal.unsettled([entry("intended", 1), settled]) == ()


@pytest.mark.parametrize(
    ("kinds", "held"),
    [
        ([], False),
        (["hold"], True),
        (["hold", "resume"], False),
        (["hold", "resume", "hold"], True),
        (["resume", "hold"], True),
        (["hold", "intended", "live"], True),
    ],
)
def test_a_hold_lasts_until_somebody_resumes(kinds, held):
    found = journal.holds(entry(kind, at) for at, kind in enumerate(kinds))
    assert ("read-order" in found) is held


def test_where_a_route_was_last_and_since_when():
    entries = [entry("intended", 1), entry("live", 2), entry("intended", 5, flip="f2", before=CANARY, after=SHADOW)]
    assert journal.last_places(entries) == {"read-order": CANARY}
    assert journal.since(entries, "read-order") == 2
    assert journal.since(entries, "other") is None


texts = st.text(max_size=20)
places = st.builds(Place, st.sampled_from(Stage), st.floats(0, 1))
entries = st.builds(
    Entry,
    id=texts,
    kind=st.sampled_from(Kind),
    flip=texts,
    at=st.floats(0, 4e9),
    actor=texts,
    route=texts,
    before=places,
    after=places,
    reason=texts,
    forced=st.booleans(),
    verdict=texts,
    evidence=st.lists(st.dictionaries(texts, texts, max_size=2), max_size=2).map(tuple),
    digest=texts,
)


@given(entries)
def test_a_line_reads_back_as_the_entry(one):
    line = journal.write(one)
    assert "\n" not in line
    assert journal.read(line) == one


@given(entries, st.data())
def test_a_line_that_was_cut_is_no_entry(one, data):
    line = journal.write(one)
    with pytest.raises(ValueError):
        journal.read(line[: data.draw(st.integers(0, len(line) - 1))])


@pytest.mark.parametrize("line", ["", "null", "[]", "{}", '{"id": 1}', '{"before": 3, "after": 4}'])
def test_what_is_no_entry(line):
    with pytest.raises(ValueError):
        journal.read(line)


@given(st.lists(st.sampled_from(["intended", "live", "abandoned", "hold", "resume"]), max_size=8), st.randoms())
def test_the_order_in_which_entries_are_found_does_not_matter(kinds, chance):
    told = [entry(kind, at) for at, kind in enumerate(kinds)]
    shuffled = list(told)
    chance.shuffle(shuffled)
    assert journal.history(shuffled) == journal.history(told)
    assert journal.holds(shuffled) == journal.holds(told)


def test_a_clock_that_was_set_back_does_not_unsettle_a_flip():
    later = replace(entry("live", 1), id="live", at=1.0)
    assert journal.unsettled([entry("intended", 1), later]) == ()
