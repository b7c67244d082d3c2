"""What captured rows mean: keys to look at, and writes that should not have been."""

import json

from hypothesis import given
from hypothesis import strategies as st

from reconcile.relaying.change import KEY_LENGTH, Change, Entry, Listener, sort


def parse(text):
    found = json.loads(text)
    if not all(isinstance(part, int) for part in found):
        raise ValueError("is not a whole number")
    return tuple(found)


def spell(key):
    return json.dumps(list(key), separators=(",", ":"))


def listener(mapping, owns=True, parse=parse):
    return Listener(mapping, owns, parse, spell)


def changed(key, *, feed="thing:id", old_key=None, operation="U", origin="", at=1):
    return Change(feed, key, old_key, operation, origin, at)


ONE = {"thing:id": [listener("things")]}


def places(found):
    return [(entry.mapping, entry.key) for entry in found.entries]


def test_a_key_that_changed_often_is_one_entry_from_its_first_change():
    found = sort([changed("[7]", at=5), changed("[7]", at=3, origin="x"), changed("[ 7 ]", at=9)], ONE, beat="H")
    assert found.entries == [Entry("things", "[7]", 3)]


def test_a_changed_key_is_two():
    assert places(sort([changed("[8]", old_key="[7]")], ONE, beat="H")) == [("things", "[7]"), ("things", "[8]")]


def test_every_mapping_that_listens_gets_the_key():
    several = {"thing:id": [listener("b"), listener("a")], "part:thing": [listener("a")]}
    found = sort([changed("[1]"), changed("[2]", feed="part:thing"), changed("[3]", feed="other:id")], several, beat="H")
    assert places(found) == [("a", "[1]"), ("a", "[2]"), ("b", "[1]")]


def test_a_key_that_cannot_be_one_is_kept_with_the_reason():
    (entry,) = sort([changed('["x"]')], ONE, beat="H").entries
    assert (entry.key, entry.error) == ('["x"]', "is not a whole number")


def test_keys_too_long_to_be_kept_are_told_apart_and_named():
    texts = {"thing:id": [listener("things", parse=json.loads)]}
    long = ["x" * KEY_LENGTH + end for end in "ab"]
    found = sort([changed(json.dumps([key])) for key in long], texts, beat="H").entries
    assert len({entry.key for entry in found}) == 2
    assert all(len(entry.key) <= KEY_LENGTH and "longer than 700" in entry.error for entry in found)


def test_a_write_on_the_side_that_is_not_the_owners_is_rogue_unless_it_is_ours():
    other = {"thing:id": [listener("things", owns=False)]}
    changes = [
        changed("[1]", origin="relay"),
        changed("[2]", at=4),
        changed("[2]", origin="cron", at=6),
        changed("[3]", origin="repair"),
    ]
    found = sort(changes, other, beat="H")
    assert found.entries == []
    assert found.rogues == {("things", "[2]"): (2, Entry("things", "[2]", 6, "cron"))}


def test_our_own_writes_on_the_owners_side_are_looked_at_as_all_others():
    assert places(sort([changed("[1]", origin="relay")], ONE, beat="H")) == [("things", "[1]")]


def test_a_heartbeat_tells_the_latest_moment_and_is_no_key():
    found = sort([Change("heartbeat", "[1]", None, "H", "", at) for at in (3, 9, 5)], ONE, beat="H")
    assert (found.beat_at, found.entries) == (9, [])


@given(st.lists(st.builds(changed, st.integers(-5, 1200).map(lambda n: f"[{n}]"), at=st.integers(0, 9))))
def test_entries_come_in_one_order_each_key_once_and_none_is_lost(changes):
    found = places(sort(changes, ONE, beat="H"))
    assert found == sorted(set(found)) == sorted({("things", change.key) for change in changes})
