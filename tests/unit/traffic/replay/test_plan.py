from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strangler.config.load import read
from strangler.core.decide import Table
from strangler.core.model import Route
from strangler.traffic.entry import Entry, Message
from strangler.traffic.replay import tokens
from strangler.traffic.replay.plan import Aside, Plan, Wish
from strangler.traffic.replay.reasons import ASIDE
from tests.unit.traffic.replay.given import JSON, entry

FILE = b"""version: 1
upstreams: {legacy: {url: "http://127.0.0.1:1"}, modern: {url: "http://127.0.0.1:2"}}
routes:
  - {name: read-order, match: {path: "/api/orders/{id}", methods: [GET, HEAD]}, stage: shadow}
  - {name: orders, match: {path: /api/orders}, stage: shadow}
  - {name: old, match: {path: /old}}
  - {name: done, match: {path: /done}, stage: retired}
"""


def plan(**wish: object) -> Plan:
    config = read(FILE, {}, Path()).config
    assert config is not None
    return Plan(Table(config), replace(Wish(frozenset({"GET", "HEAD"})), **wish))  # type: ignore[arg-type]


def chosen(each: Entry, **wish: object) -> str:
    """The route's name, or the reason."""
    found = plan(**wish).choose(each)
    if isinstance(found, Route):
        return found.name
    assert found.reason in ASIDE
    return found.reason


def recorded(status: int | None = 200, response: Message | None = None, **changes: object) -> Entry:
    known = Message((JSON,), b"{}", 2) if response is None else response
    return replace(entry("GET", "/api/orders/7"), status=status, response=known, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("each", "told"),
    [
        (entry("GET", "/api/orders/7?a=b"), "read-order"),
        (entry("GET", "/done"), "done"),
        (entry("GET", "/old"), "stage"),
        (entry("GET", "/elsewhere"), "no_route"),
        (entry("GET", "//done"), "ambiguous_path"),
        (entry("POST", "/api/orders", {}), "method"),
        (entry("GET", "/api/orders/7", None, ("Upgrade", "websocket")), "upgrade"),
        (entry("GET", "/api/orders/7", None, ("X-Hub-Signature-256", "sha256=0")), "signed"),
        (recorded(101), "upgrade"),
        (recorded(304), "conditional"),
        (recorded(206), "conditional"),
        (recorded(None), "no_answer"),
        (recorded(502, failure="connect_failed"), "no_answer"),
        (recorded(response=Message((JSON,))), "no_body"),
        (recorded(204, Message()), "read-order"),
        (recorded(response=Message(size=0)), "read-order"),
        (recorded(response=Message((), None), method="HEAD"), "read-order"),
        (recorded(response=Message((("content-type", "text/event-stream; charset=utf-8"),), b"")), "stream"),
    ],
)
def test_an_entry_is_asked_by_its_route_or_put_aside(each: Entry, told: str) -> None:
    assert chosen(each) == told


def test_a_live_control_needs_no_recorded_answer() -> None:
    assert chosen(recorded(None), asks_control=True) == "read-order"
    assert chosen(recorded(response=Message()), asks_control=True) == "read-order"
    assert chosen(recorded(304), asks_control=True) == "conditional"


def test_named_routes_are_asked_at_any_stage_and_no_others() -> None:
    assert chosen(entry("GET", "/old"), routes=frozenset({"old"})) == "old"
    assert chosen(entry("GET", "/done"), routes=frozenset({"old"})) == "route"
    assert chosen(entry("GET", "/old"), staged=False) == "old"


def test_a_write_whose_body_is_not_known_is_not_sent() -> None:
    writes = frozenset({"POST", "DELETE"})
    unknown = replace(entry("POST", "/api/orders"), request=Message((JSON,)))
    assert chosen(unknown, methods=writes) == "request_body"
    assert chosen(replace(unknown, request=Message((JSON,), None, 0)), methods=writes) == "orders"
    assert chosen(replace(unknown, method="DELETE"), methods=writes) == "orders"
    assert chosen(entry("POST", "/api/orders", {}), methods=writes) == "orders"


def test_what_was_put_aside_for_its_stage_says_which_route() -> None:
    assert plan().choose(entry("GET", "/old")) == Aside("stage", "old")


TOKEN = "[secret:0123456789ab]"


@pytest.mark.parametrize(
    ("each", "lacking"),
    [
        (entry("GET", "/"), []),
        (entry("GET", f"/reset/{TOKEN}"), ["address"]),
        (entry("POST", "/login", f"password={TOKEN}"), ["body"]),
        (entry("GET", "/", None, ("Cookie", f"a=b; session={TOKEN}; user={TOKEN}")), ["cookie session", "cookie user"]),
        (entry("GET", "/", None, ("Authorization", f"Bearer {TOKEN}")), ["header authorization"]),
        (entry("GET", "/", None, ("X-Api-Key", TOKEN)), ["header x-api-key"]),
        (entry("GET", "/", None, ("Referer", f"/reset/{TOKEN}")), []),
        (entry("GET", "/?q=[secret:xyz]"), []),
    ],
)
def test_what_a_request_lacks_is_named(each: Entry, lacking: list[str]) -> None:
    assert tokens.missing(each) == lacking


def test_cookies_of_an_answer_are_not_compared_so_their_tokens_do_not_matter() -> None:
    assert not tokens.in_answer(Message((("Set-Cookie", f"session={TOKEN}"),), b"{}"))
    assert tokens.in_answer(Message((JSON,), f'{{"email": "{TOKEN}"}}'.encode()))
    assert tokens.in_answer(Message((("Location", f"/reset/{TOKEN}"),), b""))
