"""Recent requests: they come back as they were, and only the newest are kept."""

from __future__ import annotations

from strangler.core.model import Retention
from strangler.core.recent import Place, Recent
from strangler.core.records import Batch
from strangler.store import requests
from strangler.store.store import Store
from tests.contract.store.given import NOW

FULL = Recent(
    NOW, 2.5, "GET", "/a?q=\u00fc", "shop.example", {"cookie:beta": "[secret:0123456789ab]", "header:x": None},
    "a", "legacy", "modern", Place("cookie:user", "a", 0.123),
)  # fmt: skip
BARE = Recent(NOW + 1, 1.0, "POST", "/" + "x" * 3999, "")


def test_requests_come_back_as_they_were(store: Store) -> None:
    run = store.begin_run(NOW, "1")
    store.record(Batch(requests=[FULL, BARE]), run)
    store.record(Batch(), run)
    assert store.requests() == [FULL, BARE]
    assert store.requests(since=NOW + 1) == [BARE]
    assert store.requests(limit=1) == [BARE]


def test_a_text_that_no_database_keeps_is_kept_as_it_can_be(store: Store) -> None:
    store.record(Batch(requests=[Recent(NOW, 1.0, "GET", "/a\0b", "h\ud800")]), store.begin_run(NOW, "1"))
    assert [(one.target, one.host) for one in store.requests()] == [("/a\ufffdb", "h\ufffd")]


def test_what_is_old_goes(store: Store) -> None:
    store.record(Batch(requests=[FULL, BARE]), store.begin_run(NOW, "1"))
    store.retain(Retention(), NOW + requests.OLDEST + 0.5)
    assert store.requests() == [BARE]


def test_what_is_too_much_goes_the_oldest_first(store: Store) -> None:
    store.record(Batch(requests=[FULL] * 5 + [BARE]), store.begin_run(NOW, "1"))
    gone = store._database.writing(lambda connection: requests.forget(connection, NOW, most=2))
    assert (gone, store.requests()) == (4, [FULL, BARE])
