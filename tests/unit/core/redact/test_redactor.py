"""No planted secret comes out, in whatever writing; what was equal stays equal, and what was not does not become so."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from strangler.core.model import Redact
from strangler.core.redact import Redactor
from strangler.core.template import parse_template
from strangler.evidence.documents import document_of
from tests.unit.core.redact.planting import KEY, RULES, Planted, bodies, leaks

REDACTOR = Redactor(RULES, KEY)


@settings(max_examples=300, deadline=None)
@given(bodies())
def test_no_planted_secret_comes_out_of_a_body(planted: Planted) -> None:
    shown = REDACTOR.body(document_of(planted.kind, planted.body), 65536)
    assert leaks(shown.text, planted.secrets) == [], shown.text


@settings(max_examples=200, deadline=None)
@given(bodies())
def test_no_part_of_a_secret_is_left_where_a_body_is_cut(planted: Planted) -> None:
    document = document_of(planted.kind, planted.body)
    for most in range(0, len(planted.body), 7):
        shown = REDACTOR.body(document, most)
        assert len(shown.text) <= most + 10
        assert leaks(shown.text, frozenset(secret[:12] for secret in planted.secrets)) == [], shown.text


@settings(max_examples=300, deadline=None)
@given(bodies(), bodies())
def test_what_differs_still_differs_and_what_is_equal_still_is(one: Planted, other: Planted) -> None:
    ours, theirs = document_of(one.kind, one.body), document_of(other.kind, other.body)
    shown, again = REDACTOR.body(ours, 65536), Redactor(RULES, KEY).body(ours, 65536)
    assert shown == again
    assert (shown == REDACTOR.body(theirs, 65536)) == (ours.value == theirs.value and ours.content == theirs.content)


@settings(max_examples=200, deadline=None)
@given(bodies().filter(lambda planted: "json" in planted.kind or "xml" in planted.kind or "form" in planted.kind))
def test_a_redacted_body_can_be_read_as_what_it_was(planted: Planted) -> None:
    document = document_of(planted.kind, planted.body)
    shown = REDACTOR.body(document, 65536)
    assert document_of(planted.kind, shown.text.encode()).content is document.content


TOKEN = REDACTOR._scrubber.secret  # what a secret becomes
NESTED, QUOTE = '{"a": [1, "}"]}', 'a\\"b'
EMAIL, CARD, JWT = "ann@shop.example", "4111 1111 1111 1111", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmVk"


@pytest.mark.parametrize(
    ("template", "target", "shown"),
    [
        ("/reset/{token}/{id}", "/reset/0paque%2188/7", "/reset/{}/7"),
        ("/reset/{id}/token", "/reset/7/token", "/reset/7/token"),
        ("/share/{secret...}", "/share/0paque%2188/0paque%2188", "/share/{0}/{0}"),
        ("/{nickname}", "/0paque%2188?back=1", "/{}?back=1"),
        ("/reset/{token}", "http://h/reset/0paque%2188", "http://h/reset/{}"),
        ("/reset/{token}", "/reset", "/reset"),
        ("/reset/{token}", "/orders/17", "/orders/17"),
        ("/reset/{token}", "/%72eset/0paque%2188", "/%72eset/{}"),
    ],
)
def test_a_parameter_of_the_path_with_a_secret_name(template: str, target: str, shown: str) -> None:
    redactor = Redactor(RULES, KEY, [parse_template(template), parse_template("/orders/{id}")])
    assert redactor.target(target) == shown.format(TOKEN("0paque!88"))


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/orders/17?expand=lines", "/orders/17?expand=lines"),
        ("/u/ann%40shop.example/x", f"/u/{TOKEN(EMAIL)}/x"),
        ("/u?mail=ann%40shop.example&x=1", f"/u?mail={TOKEN(EMAIL)}&x=1"),
        ("/u?mail=ann@shop.example", f"/u?mail={TOKEN(EMAIL)}"),
        ("/u?access_token=s3cr3t&nickname=Bob", f"/u?access_token={TOKEN('s3cr3t')}&nickname={TOKEN('Bob')}"),
        ("/pay?card=4111+1111+1111+1111", f"/pay?card={TOKEN(CARD)}"),
        ("/x;jsessionid=ABC123?a", f"/x;jsessionid={TOKEN('ABC123')}?a"),
        ("/login?next=%2Fa%3Ftoken%3Dabc", f"/login?next=/a?token%3D{TOKEN('abc')}"),
        ("/api?%61pi_key=k1", f"/api?%61pi_key={TOKEN('k1')}"),
        ("http://ann:pw@shop.example/x", f"http://{TOKEN('ann:pw')}@shop.example/x"),
        ("*", "*"),
        ("/%ff?%fe=%fd&&=", "/%ff?%fe=%fd&&="),
    ],
)
def test_targets(target: str, shown: str) -> None:
    assert REDACTOR.target(target) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Accept: text/html", "text/html"),
        ("Cookie: sid=abc; theme=dark", f"sid={TOKEN('abc')}; theme={TOKEN('dark')}"),
        ("Cookie: abc", TOKEN("abc")),
        ("Set-Cookie: sid=abc; Path=/; Secure; Max-Age=60", f"sid={TOKEN('abc')}; Path=/; Secure; Max-Age=60"),
        ("Set-Cookie: path=abc; path=/", f"path={TOKEN('abc')}; path=/"),
        ("Authorization: Bearer abc", f"Bearer {TOKEN('abc')}"),
        ("Authorization: abc", TOKEN("abc")),
        ("Proxy-Authorization: Basic YTpi", f"Basic {TOKEN('YTpi')}"),
        ("X-Api-Key: k1", TOKEN("k1")),
        ("X-CSRF-Token: k1", TOKEN("k1")),
        ("X-Amz-Security-Token: k1", TOKEN("k1")),
        ("Location: /in?token=abc&x=1", f"/in?token={TOKEN('abc')}&x=1"),
        ("Referer: https://h/?m=ann%40shop.example", f"https://h/?m={TOKEN('ann%40shop.example')}"),
        ("From: ann@shop.example", TOKEN(EMAIL)),
        ("X-Note: Bearer abcdefgh1", f"Bearer {TOKEN('abcdefgh1')}"),
        ("X-User: v1.eyJpZCI6ImFubkBzaG9wLmV4YW1wbGUifQ.c2ln", f"v1.{TOKEN('eyJpZCI6ImFubkBzaG9wLmV4YW1wbGUifQ.c2ln')}"),
        ("X-Private: anything", TOKEN("anything")),
    ],
)
def test_headers(line: str, shown: str) -> None:
    redactor = Redactor(Redact(headers=("x-private",)), KEY)  # which leaves out cookies: they are secret all the same
    name, _, value = line.partition(": ")
    assert redactor.headers(((name.encode(), value.encode()),)) == [[name, shown]]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nothing here, 12 of 345", "nothing here, 12 of 345"),
        ("mail ann@shop.example.", f"mail {TOKEN(EMAIL)}."),
        ("not-a-mail@localhost and react@18.2.0", "not-a-mail@localhost and react@18.2.0"),
        ("jörg@größe.example", TOKEN("jörg@größe.example")),
        ("card 4111 1111 1111 1111, 4111 1111 1111 1112", f"card {TOKEN(CARD)}, 4111 1111 1111 1112"),
        ("ref 2024 4111-1111-1111-1111", f"ref 2024 {TOKEN('4111-1111-1111-1111')}"),
        ("3782 822463 10005", TOKEN("3782 822463 10005")),
        ("2024-01-05 12:30:00.4111111111111111", "2024-01-05 12:30:00.4111111111111111"),
        ("0000000000000000", "0000000000000000"),
        (f"jwt {JWT}!", f"jwt {TOKEN(JWT)}!"),
        (f"jwt v1_{JWT}.", f"jwt v1_{TOKEN(JWT)}."),
        ("password=abc&x=1", f"password={TOKEN('abc')}&x=1"),
        ('{"token": "a\\"b", "n": 1}', f'{{"token": "{TOKEN(QUOTE)}", "n": 1}}'),
        ('{\\"secret\\":\\"abc\\"}', f'{{\\"secret\\":\\"{TOKEN("abc")}\\"}}'),
        ('"secret": {"a": [1, "}"]}, "b": 2', f'"secret": {TOKEN(NESTED)}, "b": 2'),
        ("<p><password>abc</password>", f"<p><password>{TOKEN('abc')}</password>"),
        ('<input value="abc" name="csrf_token">', f'<input value="{TOKEN("abc")}" name="csrf_token">'),
        ("postgres://ann:pw@db/x", f"postgres://{TOKEN('ann:pw')}@db/x"),
        ("tokens_used=5 session_count=3", "tokens_used=5 session_count=3"),
    ],
)  # fmt: skip
def test_text(text: str, shown: str) -> None:
    assert REDACTOR.text(text) == shown


def test_the_same_secret_has_the_same_token_wherever_it_stands() -> None:
    token = TOKEN("ann@shop.example")
    assert token.startswith("[email:")
    places = [
        REDACTOR.target("/?password=ann@shop.example"),
        REDACTOR.header("cookie", "a=ann@shop.example"),
        REDACTOR.body(document_of("application/json", b'{"token":"ann@shop.example"}'), 99).text,
        REDACTOR.body(document_of("application/json", b'{"ann@shop.example":1}'), 99).text,
        REDACTOR.body(document_of("application/x-www-form-urlencoded", b"a=ann%40shop.example"), 99).text,
        REDACTOR.text("mail to ann@shop.example"),
    ]
    assert [place for place in places if token not in place] == []


def test_other_keys_make_other_tokens() -> None:
    assert Redactor(RULES, b"another key of the tests, longer").text("ann@shop.example") != TOKEN(EMAIL)


def test_a_key_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Redactor(RULES, b"short")


def test_what_a_route_does_not_detect_stays() -> None:
    redactor = Redactor(Redact(detect=("card",)), KEY)
    assert redactor.text(f"ann@shop.example {CARD}") == f"ann@shop.example {TOKEN(CARD)}"


def test_a_number_below_a_field_stays_apart_from_the_text_of_its_digits() -> None:
    shown = [REDACTOR.body(document_of("application/json", b'{"pin":%s}' % value), 99).text for value in (b"12", b'"12"')]
    assert shown[0] != shown[1]
    assert "12" not in shown[0].replace("[number:", "").partition(":")[0]
