from __future__ import annotations

from strangler.traffic.replay.bridge import Bridge, Given
from tests.unit.traffic.replay.given import answer, entry

SIGNED_IN = ("set-cookie", "session=recorded1"), ("set-cookie", "session=live12345")


def test_a_session_from_login_to_the_order_that_was_placed() -> None:
    bridge = Bridge(Given())
    bridge.learn(entry("POST", "/login", "email=a"), "anna", *(answer(None, each, status=303) for each in SIGNED_IN))
    placed = entry("POST", "/api/orders", {"product_id": 57}, ("cookie", "session=recorded1"))
    sent = bridge.request(placed, "anna")
    assert sent.request.first("cookie") == "session=live12345"
    assert sent.request.body == placed.request.body
    bridge.learn(placed, "anna", answer({"id": 57}, status=201), answer({"id": 912}, status=201))
    paid = bridge.request(entry("PUT", "/api/orders/57", {"order_id": 57, "product_id": 57}), "bert")
    assert paid.target == "/api/orders/912"
    assert paid.request.body == b'{"order_id":912,"product_id":57}'
    assert dict(bridge.used) == {"cookie session": 1, "id of order": 2}


def test_nobody_gets_the_cookies_of_another_client() -> None:
    bridge = Bridge(Given())
    bridge.learn(entry("POST", "/login", "email=a"), "anna", *(answer(None, each) for each in SIGNED_IN))
    assert bridge.request(entry("GET", "/", None, ("cookie", "session=other")), "bert").request.first("cookie") == "session=other"


def test_a_safe_request_teaches_no_ids() -> None:
    bridge = Bridge(Given())
    bridge.learn(entry("GET", "/api/orders/new"), "anna", answer({"id": 57}), answer({"id": 912}))
    assert bridge.request(entry("GET", "/api/orders/57"), "anna").target == "/api/orders/57"


def test_the_recorded_answer_speaks_of_the_live_order() -> None:
    bridge = Bridge(Given())
    placed = entry("POST", "/api/orders", {})
    ours, theirs = (answer({"id": number}, ("location", f"/api/orders/{number}"), status=201) for number in (57, 912))
    assert bridge.answer(placed, ours) is ours
    bridge.learn(placed, "anna", ours, theirs)
    assert bridge.answer(placed, ours).headers == theirs.headers
    assert bridge.answer(placed, ours).body == b'{"id":912}'


def test_an_answer_that_names_the_recorded_order_where_the_live_one_belongs_does_not_agree() -> None:
    """The rewriting goes one way: what the candidate answers is never changed, so a wrong id cannot be made right."""
    bridge = Bridge(Given())
    placed = entry("POST", "/api/orders", {})
    bridge.learn(placed, "anna", answer({"id": 57}), answer({"id": 912}))
    wrong = answer({"id": 57})
    assert bridge.answer(entry("GET", "/api/orders/57"), answer({"id": 57})).body != wrong.body


def test_given_headers_replace_those_of_the_recording() -> None:
    bridge = Bridge(Given((("Authorization", "Bearer mine"),), {}))
    sent = bridge.request(entry("GET", "/", None, ("authorization", "Bearer [secret:0123456789ab]"), ("accept", "*/*")), "anna")
    assert sent.request.headers == (("accept", "*/*"), ("Authorization", "Bearer mine"))


def test_forms_get_the_live_ids_and_tokens() -> None:
    bridge = Bridge(Given())
    page = '<input type="hidden" name="csrf_token" value="{}">'
    bridge.learn(entry("GET", "/orders/new"), "anna", answer(page.format("recorded1")), answer(page.format("live12345")))
    bridge.learn(entry("POST", "/orders", "a=b"), "anna", answer({"id": 57}), answer({"id": 912}))
    sent = bridge.request(entry("POST", "/orders/57/pay", "csrf_token=recorded1&order_id=57&amount=57"), "anna")
    assert sent.target == "/orders/912/pay"
    assert sent.request.body == b"csrf_token=live12345&order_id=912&amount=57"


def test_a_body_that_is_packed_or_of_another_kind_is_sent_as_it_was() -> None:
    bridge = Bridge(Given())
    bridge.learn(entry("POST", "/orders", "a=b"), "anna", answer({"id": 57}), answer({"id": 912}))
    packed = entry("PUT", "/orders/57", {"id": 57}, ("content-encoding", "gzip"))
    assert bridge.request(packed, "anna").request.body == packed.request.body
