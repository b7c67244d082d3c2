"""What to strangle first, and why; and the routes that are proposed."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from strangler.config.load import check, read
from strangler.core.match import Tree
from strangler.core.model import Stage
from strangler.core.request import Request
from strangler.core.target import canonical
from strangler.core.template import parse_template
from strangler.traffic.discovery.endpoint import Endpoint
from strangler.traffic.discovery.proposal import proposed, render
from strangler.traffic.discovery.ranking import rank
from strangler.traffic.discovery.survey import Discovery
from tests.unit.traffic.discovery.given import discovered


def made(name: str, requests: int = 1000, **more: Any) -> Endpoint:
    method, path = name.split(" ")
    return Endpoint(method, parse_template(path), requests, {method: requests}, more.pop("statuses", {200: requests}), **more)


BETTER = {
    "reads before writes": (made("GET /a", 60), made("POST /b", 9000)),
    "reads before reads with effects": (made("GET /a", 60), made("GET /b", 9000, effects=("sets the cookie x",))),
    "effects before writes": (made("GET /a", 60, effects=("sets the cookie x",)), made("PUT /b", 60)),
    "much traffic before little": (made("GET /a", 10_000), made("GET /b", 100)),
    "some traffic before hardly any": (made("GET /a", 60), made("GET /b", 3)),
    "stable answers before others": (made("GET /a", again=(50, 50, ())), made("GET /b", again=(50, 2, ("$.at",)))),
    "little data before much": (made("GET /a", mappings=("a",)), made("GET /b", mappings=("a", "b", "c"))),
    "what works before what fails": (made("GET /a"), made("GET /b", statuses={200: 950, 500: 50})),
    "open before closed": (made("GET /a"), made("GET /b", auth={"bearer": 1000})),
    "answers before connections that last": (made("GET /a", 60), made("GET /b", 9000, streams=True)),
}


@pytest.mark.parametrize("name", BETTER)
def test_the_order(name: str) -> None:
    better, worse = BETTER[name]
    for given in ((better, worse), (worse, better)):
        assert [one.endpoint for one in rank(given)] == [better, worse]


def test_reasons_are_told_in_words() -> None:
    (one,) = rank([made("GET /a", 7200, again=(50, 2, ("$.at",)), mappings=("orders",), statuses={200: 7128, 503: 72})], 3600.0)
    assert {reason.words for reason in one.reasons} == {
        "only reads, so it can be shadowed from the first day",
        "7,200 requests an hour, so proof takes an hour at best",
        "asked again, it answered otherwise (48 of 50): $.at",
        "by its names it reads orders (a guess)",
        "legacy fails 1.0 % of it today",
    }


def written(found: Discovery, stage: str = "legacy") -> str:
    return render(found, proposed(rank(found.endpoints)), legacy="http://h:1", modern="http://h:2", stage=stage, source="a.har")


def test_a_proposal_is_sound_and_in_order(tmp_path: Path) -> None:
    found = discovered(
        [*(f"GET /orders/{n} 200" for n in range(90)), "GET /orders/summary 200", "POST /orders 201", "PUT /orders/1 200",
         *("GET / 200", "GET /app.js 200", "GET /images/7.png 200", "GET /logout 303", "GET /ws 101",
           "GET /it's:here 200", "GET /caf%C3%A9 200")]
    )  # fmt: skip
    file = tmp_path / "routes.yaml"
    file.write_text(written(found, "shadow"), encoding="utf-8")
    outcome = check(file, {})
    assert outcome.problems == ()
    assert outcome.config
    routes = {route.name: route for route in outcome.config.routes}
    assert list(routes)[:2] == ["read-orders-summary", "read-orders-by-order-id"], "the special one stands above"
    assert routes["read-orders-by-order-id"].stage is Stage.SHADOW
    assert {name for name, route in routes.items() if route.stage is Stage.LEGACY} == {
        "write-orders", "write-orders-by-order-id", "read-logout", "read-ws",
    }  # fmt: skip
    assert routes["write-orders-by-order-id"].match.methods == {"PUT"}


def test_a_proposal_of_nothing_is_a_transparent_proxy() -> None:
    outcome = read(written(Discovery((), 0)).encode(), {}, Path())
    assert outcome.config
    assert outcome.config.routes == ()


@pytest.mark.parametrize("seed", range(25))
def test_whatever_was_found_every_route_takes_its_own_requests(seed: int) -> None:
    """Drawn applications: words and parameters at the same places, so that templates overlap in every way."""
    draw = Random(seed)
    templates = {
        "/"
        + "/".join(
            draw.choice(("a", "b", "{x}", r"{y:.+\.png}", "c")).replace("x}", f"x{n}}}").replace("y:", f"y{n}:")
            for n in range(draw.randint(1, 4))
        )
        for _ in range(12)
    }
    endpoints = [made(f"{draw.choice(('GET', 'GET', 'POST'))} {text}", draw.randint(1, 5000)) for text in sorted(templates)]
    text = render(Discovery(tuple(endpoints), 1), proposed(rank(endpoints)), legacy="http://h:1", modern="http://h:2")
    outcome = read(text.encode(), {}, Path())
    assert outcome.problems == ()
    assert outcome.config
    assert len(outcome.config.routes) == len(endpoints)
    tree = Tree(outcome.config.routes and [_Placed(route) for route in outcome.config.routes])
    for one in endpoints:
        path = "".join(f"/{_filled(part)}" for part in one.template.text[1:].split("/"))
        found = tree.first(Request(one.method, path, "", "", "", []), canonical(path).segments)
        assert found
        assert found.match.path == one.template


class _Placed:
    def __init__(self, route: Any) -> None:
        self.index, self.match, self.methods, self.predicates = route.index, route.match, route.match.methods, ()


def _filled(part: str) -> str:
    return part if not part.startswith("{") else "v.png" if "png" in part else "v"


def test_names_and_comments_of_strangers_are_only_that() -> None:
    found = discovered(
        ["GET /a%0Aroutes:%20[] 200", "GET /x'%22y 200", "GET /%E2%80%A8z 200", "GET /$%7BHOME%7D 200", "GET /- 200"]
    )
    text = written(found)
    routes = yaml.safe_load(text)["routes"]
    assert {route["match"]["path"] for route in routes} <= {"/x'\"y", "/-", "/a\nroutes: []"}
    assert all(
        line.lstrip().startswith(("#", "-", "match", "stage", "routes", "version", "upstreams", "legacy", "modern", ""))
        for line in text.splitlines()
    )
