from __future__ import annotations

import pytest

from strangler.core import exact
from strangler.traffic.replay.jar import Jar
from tests.unit.traffic.replay.given import answer


def cookie(text: str) -> tuple[str, str]:
    return "set-cookie", text


def logged_in() -> Jar:
    jar = Jar()
    jar.learn(answer(None, cookie("session=recorded1; Path=/; HttpOnly")), answer(None, cookie("session=live12345; Path=/")))
    return jar


def test_the_recorded_session_is_the_live_one() -> None:
    jar = logged_in()
    assert jar.cookies("user=anna; session=recorded1", "/", {}) == "user=anna; session=live12345"
    assert dict(jar.used) == {"cookie session": 1}


def test_a_cookie_that_nobody_set_goes_out_as_it_was() -> None:
    assert Jar().cookies("user=anna; a=b=c", "/", {}) == "user=anna; a=b=c"


@pytest.mark.parametrize(
    "taken", ["session=; Max-Age=0; Path=/", "session=x; max-age=-1", "session=x; expires=Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_a_cookie_that_the_upstream_took_back_is_not_sent(taken: str) -> None:
    jar = logged_in()
    jar.learn(answer(), answer(None, cookie(taken)))
    assert jar.cookies("session=recorded1; user=anna", "/", {}) == "user=anna"


def test_a_cookie_that_only_the_live_upstream_knows_is_sent_where_it_belongs() -> None:
    jar = Jar()
    jar.learn(answer(), answer(None, cookie("lane=blue; Path=/api")))
    assert jar.cookies("user=anna", "/api/orders", {}) == "user=anna; lane=blue"
    assert jar.cookies("user=anna", "/apis", {}) == "user=anna"


def test_given_cookies_win_and_an_empty_one_leaves_it_out() -> None:
    jar = logged_in()
    given = {"session": "mine", "user": ""}
    assert jar.cookies("session=recorded1; user=[secret:0123456789ab]", "/", given) == "session=mine"


def test_a_token_of_an_answer_is_the_credential_of_later_requests() -> None:
    jar = Jar()
    jar.learn(answer({"access_token": "recorded-token"}), answer({"access_token": "live-token-2"}))
    assert jar.header("Authorization", "Bearer recorded-token") == "Bearer live-token-2"
    assert jar.header("X-Api-Token", "recorded-token") == "live-token-2"
    assert jar.header("User-Agent", "recorded-token") == "recorded-token"
    assert jar.fields("q=recorded-token&token=recorded-token") == "q=recorded-token&token=live-token-2"
    assert jar.document({"token": "recorded-token", "q": "recorded-token"}) == {"token": "live-token-2", "q": "recorded-token"}


def test_hidden_fields_and_metas_of_forms_are_learned_by_name() -> None:
    meta, hidden = '<meta name="csrf-token" content="{0}meta">', '<input type="hidden" name="csrf_token" value="{0}">'
    page = meta + "<form>" + hidden + '<input name="q" value="{0}q">'
    jar = Jar()
    jar.learn(answer(page.format("recorded/1+")), answer(page.format("live/22+")))
    assert jar.fields("csrf_token=recorded%2F1%2B&q=x") == "csrf_token=live/22%2B&q=x"
    assert jar.header("x-csrf-token", "recorded/1+meta") == "live/22+meta"
    assert jar.fields("token=recorded%2F1%2Bq") == "token=recorded%2F1%2Bq"


def test_forms_of_unequal_number_teach_nothing() -> None:
    one = '<input name="csrf_token" value="recorded1">'
    jar = Jar()
    jar.learn(answer(one + one.replace("1", "2")), answer(one.replace("recorded1", "live1234")))
    assert jar.fields("csrf_token=recorded1") == "csrf_token=recorded1"


def test_short_values_are_no_secrets() -> None:
    jar = Jar()
    jar.learn(answer({"token": "yes"}), answer({"token": "no"}))
    assert jar.fields("token=yes") == "token=yes"


def test_numbers_of_a_document_keep_their_digits() -> None:
    jar = Jar()
    jar.learn(answer({"token": "recorded-token"}), answer({"token": "live-token-2"}))
    assert exact.render(jar.document(exact.parse(b'{"a":1.10,"token":"recorded-token"}'))) == b'{"a":1.10,"token":"live-token-2"}'
