"""The short way of a log's path finds every secret that the long way finds."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.model import Config, Match, Route
from strangler.core.redact import logged
from strangler.core.redact.logged import LoggedPaths
from strangler.core.redact.overall import redactor_of
from strangler.core.template import parse_template

KEY = b"k" * 32


def config(*templates: str) -> Config:
    routes = [Route(at, path, match=Match(path=parse_template(path))) for at, path in enumerate(templates)]
    return Config(upstreams={}, routes=tuple(routes))


PLAIN = LoggedPaths(config("/orders/{id}"), KEY)
WITH_SECRET = LoggedPaths(config("/orders/{id}", "/reset/{token}/{id}"), KEY)

EMAIL, CARD, JWT = "ann@shop.example", "4111111111111111", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmVk"
SEGMENTS = st.one_of(
    st.sampled_from(
        [EMAIL, EMAIL.replace("@", "%40"), CARD, "5500-0000-0000-0004", JWT, urlsafe_b64encode(EMAIL.encode()).decode()]
    ),
    st.text("abcXYZ019._~-%@=;:", max_size=30),
    st.uuids().map(str),
    st.integers(0, 10**20).map(str),
    st.from_regex(r"[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}", fullmatch=True),
)


@settings(max_examples=500, deadline=None)
@given(st.lists(SEGMENTS, max_size=5))
def test_what_is_shown_as_it_came_holds_nothing_that_the_redactor_finds(segments: list[str]) -> None:
    path = "/" + "/".join(segments)
    assert PLAIN(path) == redactor_of(config("/orders/{id}"), KEY).target(path)


@pytest.mark.parametrize("secret", [EMAIL, EMAIL.replace("@", "%40"), CARD, "5500-0000-0000-0004", JWT])
def test_a_secret_is_a_token_wherever_it_stands(secret: str) -> None:
    for path in (f"/{secret}", f"/orders/{secret}/lines", f"/a/b/{secret}?x=1"):
        assert secret not in PLAIN(path)
        assert "%C2%AB" in PLAIN(path) or "[" in PLAIN(path), PLAIN(path)


def test_no_query_and_what_a_secret_parameter_takes_is_a_token() -> None:
    assert PLAIN("/orders/7?token=x") == "/orders/7"
    assert WITH_SECRET("/orders/7") == "/orders/7"
    shown = WITH_SECRET("/reset/0paque88/7")
    assert "0paque88" not in shown
    assert shown.endswith("/7")


def test_usual_paths_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = LoggedPaths(config("/reset/{token}"), KEY)
    monkeypatch.setattr(paths, "_clean", None)
    usual = ["/", "", "/shop/1", "/api/v2/customers/123456789/orders", "/static/js/application.min.js"]
    usual += [f"/things/{UUID(int=2**127)}/parts", f"/x/{'5f1d7f3e' * 3}/y", "/~ann/a_b-c"]
    assert [paths(path) for path in usual] == usual


def test_a_remembered_path_is_that_of_its_own_configuration() -> None:
    assert PLAIN("/reset/0paque88/7") == "/reset/0paque88/7" != WITH_SECRET("/reset/0paque88/7")
    assert logged._REMEMBERED < 1000
