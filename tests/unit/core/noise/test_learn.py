"""Learning noise: what a pair of answers of the same control shows, and what is proposed for a person to accept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import reduce
from random import Random
from typing import Any
from uuid import UUID

import pytest

from strangler.core.compare.compare import compare
from strangler.core.compare.rules import NO_RULES, rules_for
from strangler.core.compare.view import View
from strangler.core.document import Content, Document
from strangler.core.exact import parse
from strangler.core.jsonpath import parse_pattern
from strangler.core.model import Match, Noise, Noisy, Route
from strangler.core.noise import Field, observe, propose
from strangler.core.template import parse_template

AT = 1_717_243_200.0


def view(body: Any, status: int = 200) -> View:
    return View(status, (), Document(Content.JSON, parse(json.dumps(body).encode())))


def seen(control: Any, again: Any, at: float | None = None) -> dict[str, dict[str, Any]]:
    one, other = view(control), view(again)
    return observe(compare(one, other, NO_RULES), one.document, other.document, at)


def added(observations: Iterable[dict[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """As a store adds them up: through JSON, and member by member."""
    total: dict[str, Field] = {}
    for observation in observations:
        for pattern, mapping in json.loads(json.dumps(observation)).items():
            total[pattern] = total.get(pattern, Field()) + Field.of(mapping)
    return {pattern: field.mapping() for pattern, field in total.items()}


def proposed(answer: Callable[[Random], Any], times: int = 40) -> dict[str, str]:
    """What is proposed after `times` pairs of answers, by pattern."""
    random = Random(7)
    fields = added(seen(answer(random), answer(random)) for _ in range(times))
    return {one.pattern: one.kind for one in propose(fields)}


KINDS = [
    # one answer, the next, kind
    ({"x": "2024-06-01T12:00:00Z"}, {"x": "2024-06-01T12:00:01Z"}, "clock"),
    ({"x": 1717243200}, {"x": 1717243201}, "clock"),
    ({"x": "Sat, 01 Jun 2024 12:00:00 GMT"}, {"x": "Sat, 01 Jun 2024 12:00:02 GMT"}, "clock"),
    ({"x": "6f1c9a52-0c1e-4d6e-9c5b-0a4b7d1f2e3a"}, {"x": "0e8d1b77-9a53-4f7e-8b1c-5d2c3f4a6b90"}, "uuid"),
    ({"x": "9f86d081884c7d65"}, {"x": "60303ae22b998861"}, "token"),
    ({"x": 41}, {"x": 42}, "counter"),
    ({"x": ["a", "b", "c"]}, {"x": ["c", "a", "b"]}, "order"),
    ({"x": "left"}, {"x": "right"}, "value"),
    ({"x": "2024-06-01T12:00:01Z"}, {"x": "2024-06-01T12:00:00Z"}, "value"),  # no clock goes backwards
    ({"x": "2024-06-01T12:00:00Z"}, {"x": "2024-06-03T12:00:00Z"}, "value"),
    ({"x": 42}, {"x": 41}, "value"),
    ({"x": "session-of-today"}, {"x": "another-of-those"}, "value"),
    ({"x": "SKU-0000-1111-A"}, {"x": "SKU-0000-1111-B"}, "value"),
    ({"x": "a"}, {}, "unshaped"),
    ({"x": "a"}, {"x": None}, "unshaped"),
    ({"x": [1]}, {"x": [1, 2]}, "unshaped"),
]  # fmt: skip


@pytest.mark.parametrize(("control", "again", "kind"), KINDS)
def test_kinds_of_instability(control, again, kind):
    fields = seen(control, again)
    assert {pattern: list(field["kinds"]) for pattern, field in fields.items() if pattern.startswith("$.x")}["$.x"] == [kind]
    assert fields[""]["looked"] == 1


def test_a_clock_shows_a_time_near_now():
    one, other = {"x": "2024-06-01T12:00:00Z"}, {"x": "2024-06-01T12:00:01Z"}
    assert list(seen(one, other, AT)["$.x"]["kinds"]) == ["clock"]
    assert list(seen(one, other, AT + 40 * 86400)["$.x"]["kinds"]) == ["value"]


def test_values_that_change_places_between_items_are_the_order_of_the_list():
    one = {"rows": [{"id": 1, "tag": "a"}, {"id": 2, "tag": "b"}]}
    other = {"rows": [{"id": 1, "tag": "b"}, {"id": 2, "tag": "a"}]}
    assert list(seen(one, other)["$.rows"]["kinds"]) == ["order"]


def test_headers_and_status_are_never_noise():
    one, other = view({}, 200), view({}, 503)
    assert list(observe(compare(one, other, NO_RULES), one.document, other.document)) == [""]


def _uuid(random: Random) -> str:
    return str(UUID(int=random.getrandbits(128), version=4))


def test_noise_is_proposed_with_its_kind():
    ticks = iter(range(1000))

    def answer(random: Random) -> Any:
        tags = random.sample(["a", "b", "c", "d"], 4)
        tick = next(ticks)
        return {
            "id": _uuid(random),
            "at": f"2024-06-01T12:{tick // 60:02}:{tick % 60:02}Z",
            "hits": tick,
            "csrf": f"{random.getrandbits(160):040x}",
            "tags": tags,
            "node": random.choice("xyz"),
            "same": 1,
        }

    assert proposed(answer) == {
        "$.id": "uuid", "$.at": "clock", "$.hits": "counter", "$.csrf": "token", "$.tags": "order", "$.node": "value",
    }  # fmt: skip


MONEY = [
    # never proposed, however often it differs
    lambda random: {"total": random.randint(1, 10**6)},
    lambda random: {"unitPrice": str(random.randint(1, 10**6))},
    lambda random: {"order": {"net": {"value": random.randint(1, 99)}}},
    lambda random: {"qty": random.randint(1, 9)},
    lambda random: {"x": random.randint(1, 10**6) / 100},
    lambda random: {"x": f"{random.randint(1, 10**6) / 100:.2f} EUR"},
    lambda random: {"x": random.sample([1.5, 2.5, 3.5, 4.5], 4)},
    # an unstable sort around money: as such, cut off after the first few, and with ids that are new each time
    lambda random: {"rows": random.sample([{"sku": f"A{n}", "price": n} for n in range(6)], 6)},
    lambda random: {"rows": random.sample([{"sku": f"A{n}", "cents": {"x": n + 0.5}} for n in range(6)], 6)},
    lambda random: {"rows": random.sample([{"sku": f"A{n}", "price": n} for n in range(6)], 3)},
    lambda random: {"rows": [{"sku": f"{random.getrandbits(8)}", "n": n, "amount": n} for n in range(3)]},
    lambda random: random.sample([{"qty": n, "name": f"n{n}"} for n in range(6)], 6),
    lambda random: {"prices": random.sample(range(9), 9)},
]


@pytest.mark.parametrize("answer", MONEY, ids=range(len(MONEY)))
def test_money_and_what_is_sorted_around_it_is_never_proposed(answer):
    assert proposed(answer) == {}


def test_beside_money_a_uuid_is_still_a_uuid():
    assert proposed(lambda random: {"rows": [{"ref": _uuid(random), "price": 1.5}]}) == {"$.rows[*].ref": "uuid"}


UNSTEADY = [
    lambda random: {"x": random.choice([None, "a"])},
    lambda random: random.choice([{}, {"x": 1}]),
    lambda random: {"x": [1] * random.randint(0, 3)},
]


@pytest.mark.parametrize("answer", UNSTEADY, ids=range(len(UNSTEADY)))
def test_what_is_there_at_times_only_is_no_noise(answer):
    assert proposed(answer) == {}


def test_too_few_samples_are_not_enough():
    def answer(random: Random) -> Any:
        return {"x": _uuid(random)}

    assert proposed(answer, 19) == {}
    assert proposed(answer, 20) == {"$.x": "uuid"}


def test_two_differences_in_a_thousand_are_accidents():
    fields = {"": Field(looked=1000).mapping(), "$.x": Field(different=2, kinds={"uuid": 2}).mapping()}
    assert propose(fields) == ()
    fields["$.x"] = Field(different=3, kinds={"uuid": 3}).mapping()
    (proposal,) = propose(fields)
    assert (proposal.looked, proposal.different, proposal.note) == (1000, 3, "differs from itself in 3 of 1,000 answers: a UUID")


def test_a_field_of_two_kinds_has_none_of_them():
    kinds = {"uuid": 5, "token": 5}
    fields = {"": Field(looked=100).mapping(), "$.x": Field(different=10, kinds=kinds).mapping()}
    assert [one.kind for one in propose(fields)] == ["value"]
    fields["$.x"] = Field(different=10, kinds={"order": 5, "value": 5}).mapping()
    assert propose(fields) == ()


def test_observations_add_up_in_any_order():
    fields = [Field(1, 2, {"uuid": 2}), Field(3, 1, {"token": 1}, 1), Field(0, 4, {"uuid": 1, "clock": 3})]
    total = reduce(Field.__add__, fields)
    assert total == reduce(Field.__add__, reversed(fields)) == Field(4, 7, {"uuid": 3, "token": 1, "clock": 3}, 1)
    assert Field.of(json.loads(json.dumps(total.mapping()))) == total


def test_a_field_that_is_noisy_and_also_wrong_is_still_reported():
    """The learned rule clears what it was learned from, and nothing that is wrong besides."""
    random = Random(3)
    pairs = [({"id": _uuid(random)}, {"id": _uuid(random)}) for _ in range(30)]
    (proposal,) = propose(added(seen(*pair) for pair in pairs))
    noise = Noise(fields=(Noisy(parse_pattern(proposal.pattern), proposal.kind),))
    rules = rules_for(Route(0, "r", Match(parse_template("/")), noise=noise))
    assert all(not compare(view(one), view(other), rules).differences for one, other in pairs)
    for wrong in (None, "", "none", 7, _uuid(random).replace("-", ""), [_uuid(random)]):
        assert compare(view({"id": _uuid(random)}), view({"id": wrong}), rules).differences
    assert compare(view({"id": _uuid(random)}), view({}), rules).differences
