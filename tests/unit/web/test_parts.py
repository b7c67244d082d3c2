"""Where a request comes from, whose a token is, sessions, and one look for all who ask."""

from __future__ import annotations

from dataclasses import replace
from threading import Event, Thread

import pytest

from strangler.control.standings import Overview, Proxy
from strangler.core.errors import DatabaseError
from strangler.core.model import User
from strangler.web.actors import OPERATOR, VIEWER, Actor, hash_of, holder_of, only_user
from strangler.web.answers import Json
from strangler.web.origins import from_elsewhere
from strangler.web.overview import FRESH, STALE, LastLook
from strangler.web.sessions import LASTS, Sessions

HOST = "127.0.0.1:8081"


@pytest.mark.parametrize(
    ("site", "origin", "elsewhere"),
    [
        (None, None, False),  # no browser
        ("same-origin", None, False),
        ("same-origin", "http://127.0.0.1:8081", False),
        ("none", None, False),  # typed by a person
        ("same-site", "http://127.0.0.1:8081", True),
        ("cross-site", None, True),
        ("", None, True),
        ("nonsense", None, True),
        (None, "http://127.0.0.1:8081", False),
        (None, "HTTP://127.0.0.1:8081", False),
        (None, "http://127.0.0.1:80", True),
        (None, "http://127.0.0.1:8081.evil.example", True),
        (None, "http://evil.example/127.0.0.1:8081", True),
        (None, "http://user@127.0.0.1:8081", True),
        (None, "null", True),
        (None, "", True),
        (None, "http://[", True),
        (None, "ftp://127.0.0.1:8081", True),
    ],
)
def test_where_a_request_comes_from(site: str | None, origin: str | None, elsewhere: bool) -> None:
    assert from_elsewhere(site, origin, HOST) is elsewhere


def test_no_origin_is_that_of_no_host() -> None:
    assert from_elsewhere(None, "null", "")


def test_whose_a_token_is() -> None:
    users = {"ops": User(hash_of("one")), "eve": User(hash_of("two"), VIEWER)}
    assert holder_of(hash_of("two"), users) == Actor("eve", VIEWER, hash_of("two"))
    assert holder_of(hash_of("three"), users) is None
    assert holder_of("", users) is None
    assert holder_of(hash_of("x"), only_user("x")) == Actor("admin", OPERATOR, hash_of("x"))


@pytest.mark.parametrize(("has", "needs", "may"), [
    (OPERATOR, OPERATOR, True), (OPERATOR, VIEWER, True), (VIEWER, VIEWER, True), (VIEWER, OPERATOR, False),
])  # fmt: skip
def test_roles(has: str, needs: str, may: bool) -> None:
    assert Actor("a", has, "").may(needs) is may


def test_sessions_end_by_themselves_and_the_oldest_give_way() -> None:
    sessions, actor = Sessions(), Actor("ops", OPERATOR, "sha256:1")
    sessions.begin("one", actor, 100.0)
    assert sessions.credential("one", 100.0 + LASTS - 1) == "sha256:1"
    assert sessions.credential("one", 100.0 + LASTS) == ""
    assert sessions.credential("two", 100.0) == ""
    for number in range(1000):
        sessions.begin(f"s{number}", actor, 200.0)
    assert sessions.credential("one", 200.0) == ""
    assert sessions.credential("s999", 200.0) == "sha256:1"


def test_the_name_of_a_session_is_not_kept() -> None:
    sessions = Sessions()
    sessions.begin("a-name", Actor("ops", OPERATOR, "sha256:1"), 0.0)
    assert "a-name" not in repr(sessions._open)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"a": float("inf"), "b": [float("nan"), 1.5], "c": (1,)}, b'{"a":null,"b":[null,1.5],"c":[1]}'),
        ({"a": "\ud800é</script>"}, b'{"a":"\\ud800\\u00e9</script>"}'),
    ],
)
def test_what_json_cannot_hold(said: object, text: bytes) -> None:
    assert Json(said).body == text


OVERVIEW = Overview(0.0, Proxy(), ())
GLANCE = replace(OVERVIEW, now=-1.0)


class Looks:
    """Somebody who looks as soon as he may, and a clock that stands still."""

    def __init__(self) -> None:
        self.now, self.number, self.fails = 1000.0, 0, False
        self.may = Event()
        self.may.set()
        self.last = LastLook(lambda: self.now)

    def look(self) -> Overview:
        assert self.may.wait(30)
        self.number += 1
        if self.fails:
            raise DatabaseError("gone")
        return replace(OVERVIEW, now=float(self.number))

    def ask(self, patience: float = 30.0) -> float:
        return self.last.latest(self.look, lambda: GLANCE, patience).now


def test_what_is_fresh_is_not_looked_at_again() -> None:
    looks = Looks()
    assert [looks.ask(), looks.ask()] == [1.0, 1.0]
    looks.now += FRESH / 2
    assert (looks.ask(), looks.number) == (1.0, 1)


def test_what_is_too_old_is_not_told() -> None:
    looks = Looks()
    looks.ask()
    looks.now += STALE
    assert looks.ask() == 2.0
    looks.now += STALE
    looks.may.clear()
    assert looks.ask(patience=0) == -1.0
    looks.may.set()


def test_who_asks_during_a_look_gets_the_one_before() -> None:
    looks = Looks()
    looks.ask()
    looks.now += FRESH
    looks.may.clear()
    assert [looks.ask(), looks.ask(), looks.ask()] == [1.0, 1.0, 1.0]
    looks.may.set()
    while looks.ask() != 2.0:
        pass
    assert looks.number == 2, "one look at a time"


def test_all_who_come_first_share_one_look() -> None:
    looks = Looks()
    looks.may.clear()
    said: list[float] = []
    threads = [Thread(target=lambda: said.append(looks.ask())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert looks.ask(patience=0) == -1.0
    looks.may.set()
    for thread in threads:
        thread.join()
    assert (said, looks.number) == ([1.0] * 8, 1)


def test_a_look_that_fails_is_heard_of_and_made_again() -> None:
    looks = Looks()
    looks.fails = True
    with pytest.raises(DatabaseError):
        looks.ask()
    looks.fails = False
    assert looks.ask() == 2.0
