"""Which segments become parameters, and which stay the words they are."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from strangler.traffic.discovery.survey import (
    CATCH_ALL,
    FAILED,
    INVALID,
    NOT_ALLOWED,
    NOT_FOUND,
    PREFLIGHT,
    REFUSED,
    SLASH,
    UNREADABLE,
)
from tests.unit.traffic.discovery.given import aside, discovered, entry, names

DETAIL = {"id": 1, "total": 2, "status": "new", "customer": {"id": 1}}
LIST = {"items": [], "page": 1, "size": 20}
SLUGS = [
    f"{one}-{two}-{number}" for number, (one, two) in enumerate((a, b) for a in ("blue", "red", "old") for b in "abcdefghij")
]
PAGES = [
    f"{verb}-{noun}" for verb in ("show", "edit", "list", "print") for noun in ("order", "invoice", "stock", "customer", "tax")
]

CASES: dict[str, tuple[list[str], list[str]]] = {
    "a number is a parameter, however seldom": (["GET /orders/42 200"], ["GET /orders/{order_id}"]),
    "a word beside numbers stays": (
        [f"GET /orders/{number} 200" for number in range(9)] + ["GET /orders/summary 200"],
        ["GET /orders/summary", "GET /orders/{order_id}"],
    ),
    "kinds of values share one parameter": (
        ["GET /orders/7 200", "GET /orders/3b241101-e2bb-4255-8caf-4136c566a962 200", "GET /orders/3f2a9c11 200"],
        ["GET /orders/{order_id}"],
    ),
    "parameters are called after the word before them, and differ": (
        ["GET /customers/7/orders/8 200", "GET /categories/9 200", "GET /x/1/2 200", "GET /1 200"],
        ["GET /customers/{customer_id}/orders/{order_id}", "GET /categories/{category_id}", "GET /x/{x_id}/{x_id_2}",
         "GET /{id}"],
    ),
    "a date is called so": (["GET /reports/2024-01-31 200"], ["GET /reports/{date}"]),
    "few words stay, even if they behave alike": (
        ["GET /en/products 200", "GET /de/products 200", "GET /fr/products 200"],
        ["GET /de/products", "GET /en/products", "GET /fr/products"],
    ),
    "versions stay": ([f"GET /api/v{n}/orders 200" for n in range(1, 9)], [f"GET /api/v{n}/orders" for n in range(1, 9)]),
    "numbered names are values": (
        ["GET /articles/BO-0012 200", "GET /articles/KI-0003 200", "GET /articles/TO-0120 200"],
        ["GET /articles/{article_id}"],
    ),
    "many slugs that come and go are values": ([f"GET /blog/{slug} 200" for slug in SLUGS], ["GET /blog/{blog_id}"]),
    "as many words that come again and again are not": (
        [f"GET /app/{page} 200" for page in PAGES for _ in range(5)],
        [f"GET /app/{page}" for page in PAGES],
    ),
    "pages at the top stay": ([f"GET /{word} 200" for word in ("about", "terms-of-use", "privacy-policy", "contact-us")],
        ["GET /about", "GET /contact-us", "GET /privacy-policy", "GET /terms-of-use"]),
    "numbered pictures keep their extension": (
        [f"GET /images/{number}.png 200" for number in range(5)],
        [r"GET /images/{image_file:.+\.png}"],
    ),
    "assets are one endpoint": (
        [f"GET /static/{file} 200" for file in ("app.3f2a9c11.js", "css/shop.css", "fonts/a/b.woff2", "x.map")],
        ["GET /static/{rest...}"],
    ),
    "one file is itself": (["GET /favicon.ico 200", "GET /robots.txt 200"], ["GET /favicon.ico", "GET /robots.txt"]),
    "a script is a page": (
        [f"GET /shop/{page}.php?id={number} 200" for page in ("cart", "list", "show", "login") for number in range(9)],
        [f"GET /shop/{page}.php" for page in ("cart", "list", "login", "show")],
    ),
    "HEAD belongs to GET": (["HEAD /a 200", "GET /a 200"], ["GET /a"]),
    "names of users who have the same pages are one parameter": (
        [f"GET /users/{'abcdefghijklmnopqrstuvwxyz'[n]}nna/{page} 200" for n in range(24) for page in ("settings", "posts")],
        ["GET /users/{user_id}/posts", "GET /users/{user_id}/settings"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_templates(name: str) -> None:
    traffic, wanted = CASES[name]
    assert sorted(names(discovered(traffic))) == sorted(wanted)


def test_words_whose_answers_have_the_same_members_are_values_though_they_are_few() -> None:
    said = [
        entry(f"GET /categories/{name} 200", {"name": name, "products": 3, "first": []})
        for name in ("books", "toys", "music", "tea")
    ]
    said.append(entry("GET /categories/export 200", {"format": "csv", "url": "/x", "rows": 7, "of": 1}))
    assert names(discovered(said)) == ["GET /categories/export", "GET /categories/{category_id}"]


def test_words_whose_answers_have_other_members_stay_however_many_they_are() -> None:
    said = [
        entry(f"GET /api/{'abcdefghijklmnopqrstuvwxyz'[n]}things 200", {f"{letter}{n}": 1 for letter in "abcd"})
        for n in range(26)
        for _ in range(2)
    ]
    assert len(names(discovered(said))) == 26


def drawn(seed: int, number: int, asked: Callable[[Random, Callable[[int], str]], str], *others: str) -> list[str]:
    """Requests for words of which some are asked for much more than others, among other requests."""
    draw = Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=7)) for _ in range(400)]
    said = [asked(draw, lambda most: words[int(most * draw.random() ** 3)]) for _ in range(number)] + [
        each for each in others for _ in range(20)
    ]
    draw.shuffle(said)
    return said


def test_pages_among_slugs_stay() -> None:
    said = drawn(1, 600, lambda draw, word: f"GET /{word(400)}-{word(400)}-{word(400)} 200", "GET /about 200", "GET /feed 200")
    assert names(discovered(said)) == ["GET /about", "GET /feed", "GET /{id}"]


def test_what_goes_on_alike_is_one_parameter_after_the_other() -> None:
    def asked(draw: Random, word: Callable[[int], str]) -> str:
        return f"GET /{word(120)}/{word(300)}/{draw.choice(('issues', 'pulls', f'issues/{draw.randint(1, 500)}'))} 200"

    found = discovered(drawn(2, 4000, asked, "GET /login 200", "POST /login 302", "GET /about 200"))
    wanted = ["GET /about", "GET /login", "POST /login", "GET /{id}/{id_2}/issues", "GET /{id}/{id_2}/issues/{issue_id}"]
    assert names(found) == [*wanted, "GET /{id}/{id_2}/pulls"]


def test_collections_stay_apart_though_they_are_alike() -> None:
    kinds = [
        f"{one}{other}" for one in ("order", "stock", "user", "tax", "mail", "price") for other in ("s", "types", "logs", "rules")
    ]

    def asked(draw: Random, word: Callable[[int], str]) -> str:
        return f"GET /api/{draw.choice(kinds)}{draw.choice(('', f'/{draw.randint(1, 900)}', '/1/history'))} 200"

    assert len(names(discovered(drawn(3, 2000, asked)))) == 3 * len(kinds)
    assert len(names(discovered(drawn(3, 60, asked)))) > len(kinds), "not even if hardly anything was asked for twice"


def test_many_words_that_may_be_values_are_told() -> None:
    found = discovered(drawn(4, 3000, lambda draw, word: f"GET /users/{word(80)} 200"))
    assert found.crowds == (("/users/", 80),)
    assert discovered(["GET /a 200", "GET /b 200"]).crowds == ()


def test_a_number_that_everybody_has_is_no_parameter() -> None:
    everybody = [entry("GET /api/2/orders 200", client=f"c{number % 9}") for number in range(60)]
    assert names(discovered(everybody)) == ["GET /api/2/orders"]
    alone = [entry("GET /api/2/orders 200", client="c1") for _ in range(60)]
    assert names(discovered(alone)) == ["GET /api/{api_id}/orders"]


ASIDE = {
    NOT_FOUND: ["GET /wp-login.php 404", "GET /.env 404", "POST /xmlrpc.php 410"],
    REFUSED: ["GET /admin 403", "GET /manager/html 401"],
    NOT_ALLOWED: ["DELETE / 405", "TRACE / 405", "POST / 405"],
    INVALID: ["GET /x 400", "POST /y 429"],
    FAILED: ["GET /down 502", "GET /broken 500", "GET /gone 503"],
    PREFLIGHT: ["OPTIONS / 204", "OPTIONS /nothing 404"],
    UNREADABLE: ["GET /a//b 200", "GET /a/%2e%2e/b 200", "GET /a%2fb 200", "GET /a;v=1 200", "GET /%00 200", "GET /../x 200"],
}


@pytest.mark.parametrize("reason", ASIDE)
def test_what_is_no_endpoint_is_put_aside_with_the_reason(reason: str) -> None:
    found = discovered(["GET / 200", *ASIDE[reason]])
    assert names(found) == ["GET /"]
    assert aside(found) == {reason: len(ASIDE[reason])}


def test_a_thousand_probes_make_no_endpoint_and_spoil_none() -> None:
    draw = Random(3)
    words = ["".join(draw.choices("abcdefgh", k=7)) for _ in range(1000)]
    found = discovered(
        ["GET /about 200", *(f"GET /orders/{n} 200" for n in range(9)), *(f"GET /{word}.php 404" for word in words)]
    )
    assert names(found) == ["GET /about", "GET /orders/{order_id}"]
    assert aside(found) == {NOT_FOUND: 1000}


def test_what_an_endpoint_does_not_find_is_its_own() -> None:
    found = discovered(["GET /orders/1 200", "GET /orders/2 404", "GET /orders/x 404", "POST /orders/1 405"])
    (one,) = found.endpoints
    assert (one.requests, one.statuses) == (3, {200: 1, 404: 2})
    assert aside(found) == {NOT_ALLOWED: 1}


def test_a_path_that_is_sent_on_to_its_twin_is_none() -> None:
    found = discovered(["GET /orders 200", "GET /orders/ 301", "GET /shop/ 200", "GET /shop 308"])
    assert names(found) == ["GET /orders", "GET /shop/"]
    assert aside(found) == {SLASH: 2}


def test_what_is_answered_to_anything_is_none() -> None:
    page = {"size": 4321}
    shell = [entry(f"GET /{word} 200", response=entry("GET / 200").response.__class__(**page)) for word in "abcdefghijkl"]
    found = discovered([*shell, entry("GET / 200", response=shell[0].response), "GET /api/orders 200"])
    assert names(found) == ["GET /", "GET /api/orders"]
    assert aside(found) == {CATCH_ALL: 12}


def test_every_request_is_somewhere() -> None:
    strange = ["GET /a{b} 200", "GET /*/x 200", "GET /:id 200", "GET /%7Bname%7D/x 200", "GET /a%0Ab 200", "GET /%25x 200"]
    found = discovered(["GET / 200", *strange, *(each for reason in ASIDE for each in ASIDE[reason])])
    assert sum(one.requests for one in found.endpoints) + sum(aside(found).values()) == found.requests


def test_memory_is_bounded_and_what_had_no_room_is_counted() -> None:
    draw = Random(1)
    survey_of = (
        f"GET /{draw.choice('abc')}/{''.join(draw.choices('abcdefghij', k=5))}/{n % 7}x{'yz'[n % 2]} 200" for n in range(20_000)
    )
    found = discovered(survey_of, most_places=500)
    assert found.folded > 0
    assert len(found.endpoints) < 500
    assert sum(one.requests for one in found.endpoints) + sum(aside(found).values()) == 20_000
