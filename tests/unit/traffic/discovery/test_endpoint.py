"""What is told of an endpoint."""

from __future__ import annotations

import gzip
import json

from strangler.traffic.discovery.data import touched
from strangler.traffic.discovery.endpoint import Endpoint
from strangler.traffic.entry import Entry, Message
from tests.unit.traffic.discovery.given import discovered, entry


def only(*entries: Entry | str) -> Endpoint:
    (one,) = discovered(entries).endpoints
    return one


def asked(target: str, *headers: tuple[str, str]) -> Entry:
    return entry(f"GET {target} 200", request=Message((("host", "x"), *headers)))


def test_parameters_of_the_query_are_told_with_their_values_while_those_are_few() -> None:
    one = only(
        *(f"GET /list?page={number}&sort={'up' if number % 2 else 'down'} 200" for number in range(20)), "GET /list?sort=up 200"
    )
    page, sort = one.query
    assert (page.name, page.always, page.values) == ("page", False, ())
    assert (sort.name, sort.always, sort.values) == ("sort", True, ("down", "up"))


def test_how_people_ask_is_told() -> None:
    one = only(
        asked("/a"),
        asked("/a", ("cookie", "session=s3cr3t; theme=dark")),
        asked("/a", ("authorization", "Bearer s3cr3t")),
        asked("/a", ("authorization", "Basic s3cr3t")),
        asked("/a", ("authorization", "s3cr3t")),
    )
    assert one.auth == {"none": 1, "cookie": 1, "bearer": 1, "basic": 1, "other": 1}
    assert set(one.cookies) == {"session", "theme"}
    assert "s3cr3t" not in repr(one)
    assert only("GET /a 200").auth == {}  # a log has no headers, so nobody can tell


def test_safe_requests_with_effects_are_told() -> None:
    sets = entry("GET /a 200", response=Message((("set-cookie", "seen=1; path=/"),)))
    assert only(sets).effects == ("sets the cookie seen",)
    assert only("GET /out 303", "GET /out 302").effects == ("redirects, so it may do something first",)
    assert only("POST /a 303").effects == ()


def test_sizes_times_and_failures_are_told() -> None:
    said = [entry("GET /a 200", duration=number / 1000, response=Message(size=number)) for number in range(1, 101)]
    one = only(*said, entry("GET /a 502"), entry("GET /a 500"))
    assert one.sizes == (51, 96)
    assert one.seconds == (0.051, 0.096)
    assert (one.failed, one.classes) == (2, {"2xx": 100, "5xx": 2})


def test_a_request_that_came_again_says_whether_its_answer_is_stable() -> None:
    stable = only(*(entry("GET /a 200", {"a": 1, "b": [1]}) for _ in range(5)))
    assert stable.again == (4, 4, ())
    moving = only(*(entry("GET /a 200", {"at": number, "items": [{"id": 1, "n": number}]}) for number in range(3)))
    assert moving.again == (2, 0, ("$.at", "$.items[*].n"))
    others = only(*(entry("GET /a 200", {"for": n}, request=Message((("cookie", f"session={n}"),))) for n in range(4)))
    assert others.again == (0, 0, ()), "other people may get other answers"


def test_packed_answers_are_looked_into_and_a_bomb_is_not() -> None:
    def packed(text: bytes) -> Entry:
        headers = (("content-type", "application/json"), ("content-encoding", "gzip"))
        return entry("GET /a 200", response=Message(headers, gzip.compress(text), 1))

    document = json.dumps({"items": [{"order": {"id": 1}}]}).encode()
    assert only(packed(document)).holders == {"items", "order"}
    assert only(packed(b"[" + b"1," * 5_000_000 + b"1]")).holders == frozenset()


def test_mappings_are_guessed_from_names() -> None:
    found = discovered(["GET /api/orders/7 200", "GET /about 200", entry("GET /x 200", {"orderItems": [{"no": 1}], "a": 1})])
    names = {
        "orders": frozenset({"orders"}),
        "order_items": frozenset({"order_items", "order_line"}),
        "stock": frozenset({"stock"}),
    }
    told = {one.template.text: one.mappings for one in touched(found.endpoints, names)}
    assert told == {"/api/orders/{order_id}": ("orders",), "/about": (), "/x": ("order_items",)}
