"""The journal: entries come back as they were, once each, and none is ever changed."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from strangler.core.flip import Place
from strangler.core.journal import Entry, Kind
from strangler.core.model import Stage
from strangler.core.units import Share
from strangler.store.database import Database
from strangler.store.store import Store
from tests.contract.store.conftest import Open
from tests.contract.store.given import NOW

SHADOW, CANARY = Place(Stage.SHADOW), Place(Stage.CANARY, Share(0.05))


def entry(number: int, route: str = "orders", **more: Any) -> Entry:
    words: dict[str, Any] = {"kind": Kind.INTENDED, "flip": f"f{number}", "before": SHADOW, "after": CANARY, **more}
    return Entry(id=f"id-{number}", at=NOW + number, actor="anna", route=route, **words)


FULL = entry(
    1, reason="enough seen", forced=True, verdict="fail", evidence=({"condition": "parity", "more": 12},), digest="ab" * 32
)


@pytest.mark.parametrize(
    "one",
    [
        FULL,
        entry(2),
        entry(3, kind=Kind.HOLD),
        entry(4, after=Place(Stage.CANARY, Share(1 / 3))),
        entry(5, reason="é\U0001f600\n" * 400),
    ],
)
def test_an_entry_comes_back_as_it_was(store: Store, one: Entry) -> None:
    store.append([one])
    assert store.journal() == [one]


def test_an_entry_that_is_handed_in_again_is_there_once_and_as_it_was(store: Store) -> None:
    store.append([entry(1)])
    store.append([replace(entry(1), actor="somebody else"), entry(2), entry(2)])
    assert [(one.id, one.actor) for one in store.journal()] == [("id-1", "anna"), ("id-2", "anna")]


def test_entries_are_asked_for_by_route_time_and_number(store: Store) -> None:
    store.append([entry(3), entry(1), entry(2, route="carts"), entry(4)])
    asked = [{}, {"route": "orders"}, {"since": NOW + 3}, {"limit": 2}, {"route": "orders", "since": NOW + 2, "limit": 1}]
    found = [[one.id[3:] for one in store.journal(**how)] for how in asked]  # type: ignore[arg-type]
    assert found == [["1", "2", "3", "4"], ["1", "3", "4"], ["3", "4"], ["3", "4"], ["4"]]


def test_what_cannot_be_kept_in_a_text_is_replaced(store: Store) -> None:
    store.append([entry(1, reason="a\x00b\udfff")])
    assert store.journal()[0].reason == "a\ufffdb\ufffd"


def test_nothing_is_no_trouble(store: Store) -> None:
    store.append([])
    assert store.journal() == []


def test_a_store_that_is_not_there_has_an_empty_journal(open_store: Open) -> None:
    assert open_store(read_only=True).journal() == []


def test_several_who_hand_in_the_same_entries_at_once_leave_one_of_each(open_store: Open) -> None:
    entries = [entry(number) for number in range(40)]
    stores = [open_store() for _ in range(4)]
    threads = [threading.Thread(target=store.append, args=(entries,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stores[0].journal() == entries


def test_what_must_not_be_lost_is_synced_and_the_rest_is_not(open_store: Open) -> None:
    """SQLite only: 1 is NORMAL, 2 is FULL."""
    database: Database = open_store()._database
    if database.path is None:
        pytest.skip("only SQLite is told when to sync: PostgreSQL syncs every commit")

    def level(durable: bool) -> Any:
        return database.writing(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar(), durable=durable)

    assert [level(durable) for durable in (False, True, False)] == [1, 2, 1]
