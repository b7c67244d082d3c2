"""Laws: an application drawn at random, traffic on it with noise among it, and the same application found again."""

from __future__ import annotations

import string
from collections.abc import Callable
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.template import parse_template
from strangler.traffic.discovery.endpoint import structure
from strangler.traffic.entry import Entry
from tests.unit.traffic.discovery.given import aside, discovered

VALUES: dict[str, Callable[[Random], str]] = {
    "number": lambda draw: str(draw.randrange(10**6)),
    "uuid": lambda draw: str(UUID(int=draw.getrandbits(128))),
    "hex": lambda draw: f"{draw.getrandbits(96):024x}a1",
    "date": lambda draw: f"20{draw.randrange(10, 30)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}",
    "code": lambda draw: f"{draw.choice(('AB', 'CD'))}-{draw.randrange(10**4):04d}",
    "slug": lambda draw: f"{_word(draw)}-{_word(draw)}-{draw.randrange(99)}",
}


def _word(draw: Random) -> str:
    return "".join(draw.choices(string.ascii_lowercase, k=draw.randint(3, 9)))


def application(draw: Random) -> dict[str, list[str]]:
    """Templates with what stands at each place: a word, or the kind of its values. No word where a slug may stand."""
    found: dict[str, list[str]] = {}
    heads = [["api", _word(draw)] for _ in range(draw.randint(2, 6))] + [[_word(draw)] for _ in range(2)]
    for head in heads:
        kind = draw.choice(list(VALUES))
        for tail in (
            [],
            [kind],
            [kind, _word(draw)],
            [kind, _word(draw), "number"],
            [] if kind in ("slug", "code") else [_word(draw)],
        ):
            if draw.random() < 0.7 or not tail:
                places = [*head, *tail]
                found["/" + "/".join(f"{{p{n}}}" if place in VALUES else place for n, place in enumerate(places))] = places
    return found


@pytest.mark.parametrize("seed", range(40))
def test_an_application_is_found_again(seed: int) -> None:
    draw = Random(seed)
    templates = application(draw)
    said = []
    for places in templates.values():
        method = draw.choice(("GET", "GET", "POST"))
        for _ in range(60):
            path = "/".join(VALUES[place](draw) if place in VALUES else place for place in places)
            said.append(f"{method} /{path} {draw.choice((200, 200, 200, 422))}")
    noise = [f"GET /{_word(draw)}/{_word(draw)}.php 404" for _ in range(300)] + [
        f"POST /api/{_word(draw)} 405" for _ in range(50)
    ]
    mixed = said + noise
    draw.shuffle(mixed)
    found = discovered(mixed)
    assert {structure(one.template) for one in found.endpoints} == {structure(parse_template(text)) for text in templates}
    assert sum(one.requests for one in found.endpoints) >= len(said)


PIECES = ["a", "b", "7", "", ".", "..", "%2f", "%", "{x}", "*", ":y", "\x00", "é", "a.png", "?q=1", ";"]
TARGETS = st.one_of(
    st.text(max_size=40).map(lambda text: f"/{text}"),
    st.lists(st.sampled_from(PIECES), max_size=8).map(lambda pieces: "/" + "/".join(pieces)),
)
METHODS = st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "BREW"])
STATUSES = st.sampled_from([101, 200, 204, 301, 304, 400, 404, 422, 500])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(METHODS, TARGETS, STATUSES), max_size=40))
def test_whatever_is_asked_every_request_is_counted_once(asked: list[tuple[str, str, int]]) -> None:
    entries = [Entry(method, target, status=status) for method, target, status in asked]
    found = discovered(entries)
    assert found.requests == len(entries)
    assert sum(one.requests for one in found.endpoints) + sum(aside(found).values()) == len(entries)
    for one in found.endpoints:
        assert parse_template(one.template.text) == one.template
