"""Wrong rewriting is worse than none: what is not surely the id that was learned stays as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from strangler.core import exact
from strangler.core.answer import Answer
from strangler.traffic.replay.ids import Ids
from tests.unit.traffic.replay.given import answer

UUIDS = ("0b0e7d2a-1c1f-4f7a-9a50-0d8e1a2b3c4d", "77777d2a-1c1f-4f7a-9a50-0d8e1a2b3c4d")


def learned(old: Any = 57, new: Any = 912) -> Ids:
    """After an order was placed."""
    ids = Ids()
    ids.learn("/api/orders", b'{"customer_id": 57}', answer({"id": old}, status=201), answer({"id": new}, status=201))
    return ids


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        ("/api/orders/57", "/api/orders/912"),
        ("/api/orders/57/lines?page=57", "/api/orders/912/lines?page=57"),
        ("/orders/57", "/orders/912"),
        ("/search?order_id=57&customer_id=57", "/search?order_id=912&customer_id=57"),
        ("/api/orders?id=57", "/api/orders?id=912"),
        ("/api/orders/577", "/api/orders/577"),
        ("/api/orders/057", "/api/orders/057"),
        ("/api/customers/57", "/api/customers/57"),
        ("/api/customers?id=57", "/api/customers?id=57"),
        ("/57/orders", "/57/orders"),
        ("/api/orders", "/api/orders"),
    ],
)
def test_a_target_is_rewritten_only_where_an_order_stands(recorded: str, live: str) -> None:
    assert learned().target(recorded) == live


@pytest.mark.parametrize(
    ("path", "recorded", "live"),
    [
        ("/api/orders/57", {"id": 57, "customer_id": 57}, {"id": 912, "customer_id": 57}),
        ("/api/orders/57", {"id": "57"}, {"id": "912"}),
        ("/api/orders/57", {"items": [{"id": 57}]}, {"items": [{"id": 57}]}),
        ("/api/orders", {"items": [{"id": 57}, {"id": 58}]}, {"items": [{"id": 912}, {"id": 58}]}),
        ("/api/orders", [{"id": 57}], [{"id": 912}]),
        ("/api/customers/3", {"id": 57, "last_order_id": 57}, {"id": 57, "last_order_id": 57}),
        ("/api/customers/3", {"orders": [{"id": 57, "total": 57}]}, {"orders": [{"id": 912, "total": 57}]}),
        ("/api/customers/3", {"order": 57}, {"order": 912}),
        ("/api/customers/3", {"order": {"id": 57}}, {"order": {"id": 912}}),
        ("/api/orders/57", {"data": {"id": 57}}, {"data": {"id": 912}}),
        ("/api/orders/57", {"links": {"self": "/api/orders/57"}}, {"links": {"self": "/api/orders/912"}}),
        ("/api/orders/57", {"quantity": 57, "number": 57}, {"quantity": 57, "number": 57}),
    ],
)
def test_a_document_is_rewritten_only_where_an_order_stands(path: str, recorded: Any, live: Any) -> None:
    found = learned().document(exact.parse(json.dumps(recorded).encode()), path)
    assert json.loads(exact.render(found)) == live


def test_links_of_a_page_lead_to_the_live_order_and_its_text_stays() -> None:
    page = '<a href="/orders/57">57</a> <a href="/products/57">57</a> <form action=\'https://x.org/orders/57\'>'
    expected = '<a href="/orders/912">57</a> <a href="/products/57">57</a> <form action=\'https://x.org/orders/912\'>'
    assert learned().links(page) == expected


def test_a_location_teaches_the_kind_of_thing_that_its_path_names() -> None:
    ids = Ids()
    before, after = (answer(None, ("location", f"/orders/{number}/done"), status=303) for number in (57, 912))
    ids.learn("/checkout", b"", before, after)
    assert ids.target("/api/orders/57") == "/api/orders/912"
    assert ids.target("/checkout/57") == "/checkout/57"


@pytest.mark.parametrize(
    ("target", "body", "before", "after"),
    [
        ("/api/orders", b"", answer({"id": 57}, status=409), answer({"id": 912}, status=201)),
        ("/api/orders", b"", answer({"id": 57}), answer({"id": "nine"})),
        ("/api/orders", b"", answer({"id": 57}), answer({"number": 912})),
        ("/api/orders", b"", answer({"total_number": 57}), answer({"total_number": 58})),
        ("/api/orders", b"", answer({"items": [{"id": 57}]}), answer({"items": [{"id": 912}]})),
        ("/api/orders", b'{"id": 57}', answer({"id": 57}), answer({"id": 912})),
        ("/api/orders/57", b"", answer({"id": 57}), answer({"id": 912})),
        ("/", b"", answer({"id": 57}), answer({"id": 912})),
        ("/api/orders", b"", answer(None, ("location", "/a/57/b/1")), answer(None, ("location", "/a/912/b/2"))),
        ("/api/orders", b"", answer({"id": 57}), Answer(200, (("content-type", "application/json"),), b"{broken")),
    ],
)
def test_nothing_is_learned_from(target: str, body: bytes, before: Answer, after: Answer) -> None:
    ids = Ids()
    ids.learn(target, body, before, after)
    assert not ids.learned
    assert ids.target("/api/orders/57") == "/api/orders/57"


def test_whose_order_it_is_was_not_made_with_it() -> None:
    ids = Ids()
    ids.learn("/api/orders", b"", answer({"id": 57, "customer_id": 3}), answer({"id": 912, "customer_id": 8}))
    assert ids.target("/api/orders/57?customer_id=3") == "/api/orders/912?customer_id=3"
    assert ids.target("/api/customers/3") == "/api/customers/3"
    ids.lose("/api/orders/58/pay", b"", answer({"order_id": 57, "customer_id": 3}))
    assert not ids.names_lost("/api/customers/3", b"")


def test_an_order_that_a_checkout_made_is_known_by_its_location() -> None:
    ids = Ids()
    before, after = (answer({"order_id": at}, ("location", f"/orders/{at}"), status=201) for at in (57, 912))
    ids.learn("/checkout", b"", before, after)
    assert ids.target("/refunds?order_id=57") == "/refunds?order_id=912"


def test_what_an_answer_merely_repeats_does_not_change_what_is_known() -> None:
    ids = learned()
    ids.learn("/api/orders/57", b"", answer({"id": 57}), answer({"id": 999}))
    assert ids.target("/api/orders/57") == "/api/orders/912"


def test_what_only_the_first_system_made_is_known_to_be_lost_until_it_is_made() -> None:
    ids = Ids()
    made = answer({"id": 57}, ("location", "/api/orders/57"), status=201)
    ids.learn("/api/orders", b"", made, answer({"error": "closed"}, status=409))
    assert ids.names_lost("/api/orders/57", b"")
    assert ids.names_lost("/api/refunds", b'{"order_id": 57}')
    assert not ids.names_lost("/api/products/57", b"")
    assert not ids.names_lost("/api/orders", b"")
    ids.learn("/api/orders", b"", made, answer({"id": 912}, status=201))
    assert not ids.names_lost("/api/orders/57", b"")
    ids.lose("/api/orders", b"", made)
    assert ids.names_lost("/api/orders/57", b"")
    assert ids.target("/api/orders/57") == "/api/orders/57"


def test_a_number_that_is_given_out_again_is_the_newest() -> None:
    ids = learned()
    ids.learn("/api/orders", b"", answer({"id": 57}), answer({"id": 57}))
    assert ids.target("/api/orders/57") == "/api/orders/57"


def test_uuids_are_bridged_like_numbers_and_numbers_keep_their_type() -> None:
    ids = learned(*UUIDS)
    assert ids.target(f"/api/orders/{UUIDS[0]}") == f"/api/orders/{UUIDS[1]}"
    assert exact.render(learned().document(exact.parse(b'{"id":57}'), "/api/orders/57")) == b'{"id":912}'


def test_what_was_used_is_counted_by_what_it_is() -> None:
    ids = learned()
    ids.target("/api/orders/57", count=True)
    ids.target("/api/orders/57")
    assert (dict(ids.learned), dict(ids.used)) == ({"order": 1}, {"order": 1})


ON_A_BUSY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
SEGMENTS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-._%", min_size=1, max_size=8)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(0, 99) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "order_id", "total", "items", "x"]), inner)
    ),
    max_leaves=12,
)


@ON_A_BUSY_MACHINE
@given(st.lists(SEGMENTS, min_size=1, max_size=5), st.text("abc=&157", max_size=12))
def test_without_anything_learned_every_target_stays(segments: list[str], query: str) -> None:
    target = "/" + "/".join(segments) + (f"?{query}" if query else "")
    assert Ids().target(target) == target


@ON_A_BUSY_MACHINE
@given(st.lists(SEGMENTS.filter(lambda text: text != "57"), min_size=1, max_size=5))
def test_a_target_without_the_id_stays_whatever_it_is(segments: list[str]) -> None:
    target = "/" + "/".join(segments)
    assert learned().target(target) == target


@ON_A_BUSY_MACHINE
@given(DOCUMENTS, st.sampled_from(["/api/orders", "/api/orders/57", "/api/customers/57", "/"]))
def test_only_values_that_are_the_id_ever_change(document: Any, path: str) -> None:
    """Putting the recorded id back in the place of the live one gives the document that was there."""
    source = exact.parse(json.dumps(document).encode())
    found = learned().document(source, path)
    assert json.loads(exact.render(found).replace(b"912", b"57")) == json.loads(exact.render(source).replace(b"912", b"57"))


@ON_A_BUSY_MACHINE
@example({"link": "/"})
@given(DOCUMENTS)
def test_ids_of_another_kind_never_change_a_document(document: Any) -> None:
    ids = Ids()
    ids.learn("/api/gadgets", b"", answer({"id": 5}), answer({"id": 6}))
    source = exact.parse(json.dumps(document).encode())
    assert ids.document(source, "/api/orders/5") is source
