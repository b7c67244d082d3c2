"""Batches in, rows out: counts and causes add up, examples are linked, odd texts stop nothing."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from strangler.core.difference import Kind
from strangler.core.errors import DatabaseError, UsageError
from strangler.core.records import Batch, Cause
from strangler.store.rows import CountRow, Point
from strangler.store.store import Store
from strangler.store.text import digest
from tests.contract.store.conftest import Open
from tests.contract.store.given import MINUTE, NAME, NOW, PRICE, counted, example, stratum, with_examples


def test_counts_add_up(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    for _ in range(2):
        batch = Batch()
        batch.counts[MINUTE, stratum(), "match"] = [5, 2]
        batch.counts[MINUTE + 1, stratum(), "match"] = [1, 0]
        batch.counts[MINUTE, stratum(method="HEAD"), "mismatch"] = [1, 1]
        store.record(batch, run)
    assert store.counts() == [
        CountRow(stratum(), "match", 12, 4),
        CountRow(stratum(method="HEAD"), "mismatch", 2, 2),
    ]


def test_counts_are_asked_for_by_route_time_rules_and_version(store: Store) -> None:
    batch = Batch()
    batch.counts[MINUTE - 9, stratum("a"), "match"] = [1, 0]
    batch.counts[MINUTE, stratum("a"), "match"] = [2, 0]
    batch.counts[MINUTE, stratum("a", rules="new"), "match"] = [4, 0]
    batch.counts[MINUTE, stratum("a", version="v2"), "match"] = [8, 0]
    batch.counts[MINUTE, stratum("b"), "match"] = [16, 0]
    store.record(batch, store.begin_run(NOW, "1.0"))
    assert counted(store)["a", "match"][0] in (2, 3, 4, 8)  # several strata of the same route
    assert sum(row.count for row in store.counts()) == 31
    assert sum(row.count for row in store.counts(route="a")) == 15
    assert sum(row.count for row in store.counts(route="a", since=NOW)) == 14
    assert sum(row.count for row in store.counts(since=NOW + 59)) == 30
    assert sum(row.count for row in store.counts(route="a", rules="new")) == 4
    assert sum(row.count for row in store.counts(route="a", version="v1")) == 7
    assert store.counts(route="none") == []


def test_a_series_in_steps(store: Store) -> None:
    batch = Batch()
    for minute, count in ((0, 1), (4, 2), (5, 4), (12, 8)):
        batch.counts[MINUTE + minute, stratum(), "match"] = [count, 0]
    batch.counts[MINUTE + 12, stratum(), "mismatch"] = [1, 0]
    batch.counts[MINUTE, stratum("other"), "match"] = [100, 0]
    store.record(batch, store.begin_run(NOW, "1.0"))
    assert store.series("orders", NOW, 300) == [
        Point(NOW, {"match": 3}),
        Point(NOW + 300, {"match": 4}),
        Point(NOW + 600, {"match": 8, "mismatch": 1}),
    ]
    assert store.series(None, NOW, 3600) == [Point(NOW, {"match": 115, "mismatch": 1})]
    assert store.series("orders", NOW + 360, 60) == [Point(NOW + 720, {"match": 8, "mismatch": 1})]


def test_versions_of_a_route_the_last_seen_first(store: Store) -> None:
    batch = Batch()
    batch.counts[MINUTE, stratum(version="v1"), "match"] = [5, 0]
    batch.counts[MINUTE + 2, stratum(version="v1", method="HEAD"), "match"] = [5, 0]
    batch.counts[MINUTE + 3, stratum(version="v2"), "match"] = [1, 0]
    batch.counts[MINUTE + 3, stratum("other", version="v3"), "match"] = [1, 0]
    store.record(batch, store.begin_run(NOW, "1.0"))
    assert [(row.version, row.rules, row.count, row.first_seen, row.last_seen) for row in store.versions("orders")] == [
        ("v2", "abc", 1, NOW + 180, NOW + 180),
        ("v1", "abc", 10, NOW, NOW + 120),
    ]


def test_causes_are_ranked_and_remember_when_they_were_seen(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    store.record(Batch(causes={("orders", "abc", "v1", NAME): [2, NOW], ("orders", "abc", "v1", PRICE): [1, NOW]}), run)
    store.record(Batch(causes={("orders", "abc", "v1", PRICE): [4, NOW + 9], ("other", "abc", "v2", PRICE): [1, NOW]}), run)
    store.record(Batch(causes={("orders", "abc", "v1", PRICE): [1, NOW + 5]}), run)  # a batch that came late
    rows = store.causes()
    assert [(row.route, row.cause, row.count, row.first_seen, row.last_seen, row.state) for row in rows] == [
        ("orders", PRICE, 6, NOW, NOW + 9, "open"),
        ("orders", NAME, 2, NOW, NOW, "open"),
        ("other", PRICE, 1, NOW, NOW, "open"),
    ]
    assert [row.cause for row in store.causes(route="orders", limit=1)] == [PRICE]
    assert [row.route for row in store.causes(version="v2")] == ["other"]
    assert store.causes(rules="others") == []


def test_a_cause_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    store.record(with_examples(example(causes=(PRICE, NAME))), store.begin_run(NOW, "1.0"))
    for row in store.causes():
        assert len(row.id) == 8
        assert store.cause(row.id) == store.cause(row.id[:6]) == store.cause(row.id.upper()) == row


@pytest.mark.parametrize("id", ["", "zz", "%", "12345678g", "0x12"])
def test_an_id_of_nothing(store: Store, id: str) -> None:
    for ask in (store.cause, store.example, store.accept):
        with pytest.raises(UsageError, match="has an id that begins with"):
            ask(id)


def test_an_id_that_could_be_several(store: Store) -> None:
    causes = {("orders", "abc", "v1", Cause(f"$.a{number}", Kind.VALUE)): [1, NOW] for number in range(17)}
    store.record(Batch(causes=causes), store.begin_run(NOW, "1.0"))
    first = [row.id[0] for row in store.causes()]
    twice = next(digit for digit in first if first.count(digit) > 1)
    with pytest.raises(UsageError, match=rf"several causes have an id that begins with '{twice}': .*\({twice}\w+, {twice}"):
        store.cause(twice)


def test_two_causes_whose_digests_are_equal_have_different_ids(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strangler.store.recording.digest", lambda *parts: digest(*parts)[:1] + "0" * 7)
    run = store.begin_run(NOW, "1.0")
    for part in range(2):
        causes = {("orders", "abc", "v1", Cause(f"$.a{number}", Kind.VALUE)): [1, NOW] for number in range(part * 6, 12)}
        store.record(Batch(causes=causes), run)
    assert len({row.id for row in store.causes()}) == 12


def test_accepting_a_cause(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    store.record(with_examples(example()), run)
    id = store.causes()[0].id
    assert store.accept(id[:7]).state == "accepted"
    store.record(with_examples(example()), run)
    assert [(row.state, row.count) for row in store.causes()] == [("accepted", 2)]


def test_an_example_comes_back_as_it_was(store: Store) -> None:
    given = example(body='{"broken": "\ud800 \x00 é"}', causes=(PRICE, NAME), target="/ä\ud800\x00?q=1")
    store.record(with_examples(given), store.begin_run(NOW, "1.0"))
    (row,) = store.examples()
    assert row.example == given
    assert [store.cause(id).cause for id in row.causes] == [PRICE, NAME]
    assert store.example(row.id) == store.example(row.id[:5]) == row


def test_examples_by_route_and_cause_page_by_page(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    for number in range(6):
        causes = (PRICE, NAME) if number % 2 else (PRICE,)
        store.record(with_examples(example("ab"[number % 2], NOW + number, causes=causes)), run)
    assert [row.example.at - NOW for row in store.examples()] == [5, 4, 3, 2, 1, 0]
    assert [row.example.at - NOW for row in store.examples(route="a")] == [4, 2, 0]
    name = next(row.id for row in store.causes("b") if row.cause == NAME)
    assert [row.example.at - NOW for row in store.examples(cause_id=name)] == [5, 3, 1]
    first = store.examples(limit=4)
    assert [row.example.at - NOW for row in store.examples(limit=4, after_id=first[-1].id)] == [1, 0]
    assert [row.example.at - NOW for row in store.examples(cause_id=name, after_id=first[0].id)] == [3, 1]


def test_the_newest_example_of_each_of_many_causes(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    for number in range(4):
        store.record(with_examples(example("ab"[number % 2], NOW + number, causes=(PRICE, NAME)[: 1 + number // 2])), run)
    causes = [row.id for row in store.causes()]
    assert len(causes) == 4
    assert store.newest_examples(causes) == {id: store.examples(cause_id=id, limit=1)[0].id for id in causes}
    assert store.newest_examples([*causes[:1], "f" * 32]).keys() == {causes[0]}
    assert store.newest_examples([]) == {}


def test_following_examples(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    assert store.newest() == 0
    store.record(with_examples(example(at=NOW), example(at=NOW + 1)), run)
    newest = store.newest()
    assert store.examples_after(newest) == []
    store.record(with_examples(*(example(at=NOW + number) for number in range(2, 5))), run)
    assert [row.example.at - NOW for row in store.examples_after(newest, 2)] == [2, 3]
    assert [row.example.at - NOW for row in store.examples_after(0)] == [0, 1, 2, 3, 4]


def test_an_example_of_causes_that_nobody_counts(store: Store) -> None:
    store.record(Batch(examples=[example(causes=(PRICE, NAME, PRICE))]), store.begin_run(NOW, "1.0"))
    assert [row.causes for row in store.examples()] == [()]


ODD = ["\x00", "\ud800", "a\x00b\udfff", "é" * 5_000, "\U0001f600" * 400, "x" * 100_000, "'; DROP TABLE x; --", "%s %(a)s :b", ""]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_texts_are_kept_and_stop_nothing(store: Store, odd: str) -> None:
    run = store.begin_run(NOW, "1.0")
    cause, cousin = Cause(f"{odd}1", Kind.VALUE), Cause(f"{odd}2", Kind.VALUE, odd)
    for _ in range(2):
        batch = with_examples(example(causes=(cause, cousin), target=odd, request_id=odd))
        batch.counts[MINUTE, stratum(version=odd, method=odd), "match"] = [1, 0]
        batch.noise["orders", odd] = {"looked": 1}
        batch.arms[MINUTE, "orders", "shadow", odd, "legacy"] = [1]
        batch.settled[odd, "orders"] = batch.skips["orders", odd] = batch.worker_counts["orders", odd] = 1
        batch.alive = frozenset({odd})
        store.record(batch, run)
    assert counted(store) == {("orders", "match"): (2, 0)}
    assert [row.count for row in store.causes()] == [2, 2]
    assert [(len(row.causes), row.example.target) for row in store.examples()] == [(2, odd)] * 2
    assert [row.observed for row in store.noise()] == [{"looked": 2}]
    assert [row.cells for row in store.arms("orders")] == [(2,)]


def test_noise_is_added_at_any_depth(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    store.record(Batch(noise={("a", "$.x"): {"looked": 5, "kinds": {"uuid": 1}, "example": "old", "sure": False}}), run)
    store.record(
        Batch(noise={("a", "$.x"): {"looked": 2, "kinds": {"uuid": 1, "clock": 1}, "example": "new", "sure": True}}), run
    )
    store.record(Batch(noise={("b", "$.y"): {"looked": 1}}), run)
    assert [(row.route, row.pattern, row.observed) for row in store.noise()] == [
        ("a", "$.x", {"looked": 7, "kinds": {"uuid": 2, "clock": 1}, "example": "new", "sure": True}),
        ("b", "$.y", {"looked": 1}),
    ]
    assert [row.pattern for row in store.noise("b")] == ["$.y"]


def test_cells_of_arms_are_added_one_by_one(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    legacy = (MINUTE, "orders", "shadow", "v1", "legacy")
    store.record(Batch(arms={legacy: [1, 2, 3], (MINUTE, "orders", "shadow", "v1", "modern"): [9]}), run)
    store.record(Batch(arms={legacy: [1, 0, 0, 7], (MINUTE + 1, *legacy[1:]): [5]}), run)
    assert [(row.minute - MINUTE, row.side, row.cells) for row in store.arms("orders")] == [
        (0, "legacy", (2, 2, 3, 7)),
        (0, "modern", (9,)),
        (1, "legacy", (5,)),
    ]
    assert [row.minute for row in store.arms("orders", since=NOW + 60)] == [MINUTE + 1]


def test_a_batch_is_recorded_as_a_whole_or_not_at_all(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    batch = with_examples(example())
    batch.counts[MINUTE, stratum(), "match"] = [1, 0]
    batch.arms[MINUTE, "orders", "shadow", "v1", "legacy"] = [object()]  # type: ignore[list-item]
    with pytest.raises(TypeError):
        store.record(batch, run)
    assert (store.counts(), store.causes(), store.examples()) == ([], [], [])
    batch.arms.clear()
    store.record(batch, run)  # and numbers of the failed one are not remembered
    assert counted(store) == {("orders", "match"): (1, 0)}
    assert [row.count for row in store.causes()] == [1]


def test_a_run_that_is_not_there_is_an_error(open_store: Open) -> None:
    store = open_store()
    run = store.begin_run(NOW, "1.0")
    store._database.writing(lambda connection: connection.execute(text("DELETE FROM strangler_runs")))
    with pytest.raises(DatabaseError, match=r"its contents were exchanged: restart `strangler serve`$"):
        store.record(Batch(settled={("1", "a"): 1}), run)


def test_a_commit_that_was_not_heard_of_is_not_done_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection breaks just after the commit: the second try finds the first one's token."""
    run = store.begin_run(NOW, "1.0")
    broken = []
    commit = store._database.engine.dialect.do_commit

    def commit_and_break(connection: object) -> None:
        commit(connection)
        if not broken:
            broken.append(True)
            raise OperationalError("COMMIT", None, Exception("the connection is lost"), connection_invalidated=True)

    monkeypatch.setattr(store._database.engine.dialect, "do_commit", commit_and_break)
    store.record(Batch(counts={(MINUTE, stratum(), "match"): [1, 0]}), run)
    assert broken
    assert counted(store) == {("orders", "match"): (1, 0)}


def test_what_was_not_committed_is_not_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.begin_run(NOW, "1.0")
    batch = with_examples(example())
    batch.counts[MINUTE, stratum(), "match"] = [1, 0]

    def fail(_: object) -> None:
        raise OperationalError("COMMIT", None, Exception("no"))

    with monkeypatch.context() as broken:
        broken.setattr(store._database.engine.dialect, "do_commit", fail)
        with pytest.raises(DatabaseError, match=": no"):
            store.record(batch, run)
    store.record(batch, run)
    assert counted(store) == {("orders", "match"): (1, 0)}
    assert [len(row.causes) for row in store.examples()] == [1]
