"""Ledgers over runs: what control was told is kept in the transaction of the outcomes, and a new run closes the last one."""

from __future__ import annotations

from strangler.core.ledger import Ledger
from strangler.core.records import Batch
from strangler.store.store import Store
from tests.contract.store.given import NOW, stratum


def test_workers_numbers_replace_and_controls_add(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    for seen in (10, 25):
        batch = Batch(worker_counts={("orders", "seen"): seen, ("orders", "match"): seen - 5, ("orders", "queue"): 1})
        batch.alive = frozenset({"w1"})
        batch.settled["w1", "orders"] = 2
        batch.outcomes["orders", "mismatch"] = 1
        batch.skips["orders", "undecodable"] = 1
        store.record(batch, run)
        assert store.ledger().closes
    assert store.ledger() == Ledger(25, {"match": 20, "mismatch": 2}, {"undecodable": 2}, {"queue": 1})
    assert store.settled(run) == {("w1", "orders"): 4}


def test_what_the_dead_left_is_told_from_what_is_in_flight(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    batch = Batch(worker_counts={("orders", "seen"): 4, ("orders", "dead:seen"): 6, ("orders", "dead:match"): 1})
    batch.alive = frozenset({"w2"})
    batch.settled = {("w1", "orders"): 3, ("w2", "orders"): 1}
    batch.outcomes["orders", "ignored"] = 3
    batch.lost["orders", "control"] = 1
    store.record(batch, run)
    ledger = store.ledger("orders", run)
    assert ledger == Ledger(10, {"match": 1, "ignored": 3}, {}, {"control": 1, "worker": 2}, in_flight=3)
    assert ledger.closes


def handed_over(seen: int) -> Batch:
    return Batch(worker_counts={("orders", "seen"): seen}, alive=frozenset({"w1"}))


def test_a_new_run_closes_the_one_before_but_not_that_of_another_instance(store: Store) -> None:
    first, other = store.begin_run(NOW, "1.0", "here"), store.begin_run(NOW, "1.0", "there")
    store.record(handed_over(3), first)
    store.record(handed_over(4), other)
    assert store.ledger(run=first).in_flight == 3
    second = store.begin_run(NOW + 60, "1.1", "here")
    store.record(handed_over(1), second)
    assert store.ledger(run=first) == Ledger(3, lost={"worker": 3})
    assert store.ledger(run=other).in_flight == 4
    assert store.ledger() == Ledger(8, lost={"worker": 3}, in_flight=5)
    assert [(run.number, run.ended) for run in store.runs()] == [
        (second.number, None),
        (other.number, None),
        (first.number, NOW + 60),
    ]


def test_what_an_older_run_still_settles_is_lost_no_more(store: Store) -> None:
    first = store.begin_run(NOW, "1.0")
    store.record(handed_over(3), first)
    store.begin_run(NOW + 60, "1.0")
    store.record(Batch(settled={("w1", "orders"): 2}, outcomes={("orders", "match"): 2}), first)
    assert store.ledger() == Ledger(3, {"match": 2}, lost={"worker": 1})
    assert store.ledger().closes


def test_control_starts_anew_in_the_same_run(store: Store) -> None:
    run = store.begin_run(NOW + 0.123456789, "1.0", "here")
    store.record(Batch(settled={("w1", "orders"): 2}, outcomes={("orders", "match"): 2}, snapshot=b"\x00\xffread up to 7"), run)
    store.record(Batch(settled={("w1", "orders"): 1}, outcomes={("orders", "match"): 1}), run)
    again = store.begin_run(NOW + 0.123456789, "1.0", "here")
    assert again == run
    assert store.settled(again) == {("w1", "orders"): 3}
    assert store.snapshot(again) == b"\x00\xffread up to 7"


def test_control_of_a_run_that_is_taken_over_starts_anew(store: Store) -> None:
    first = store.begin_run(NOW, "1.0")
    second = store.begin_run(NOW + 60, "1.1")
    assert store.begin_run(NOW, "1.0").ended == NOW + 60
    assert {run.number: run.ended for run in store.runs()} == {first.number: NOW + 60, second.number: None}


def test_a_clock_that_was_set_back(store: Store) -> None:
    first = store.begin_run(NOW, "1.0")
    store.record(handed_over(3), first)
    store.begin_run(NOW - 3600, "1.0")
    assert store.ledger() == Ledger(3, lost={"worker": 3})


def test_a_run_goes_on_after_its_end(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    store.end_run(run, NOW + 9)
    assert store.begin_run(NOW, "1.0") == run


def test_the_end_of_a_run(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    store.record(handed_over(2), run)
    store.end_run(run, NOW + 9)
    assert store.ledger() == Ledger(2, lost={"worker": 2})
    assert store.runs()[0].ended == NOW + 9


def test_ledgers_by_route(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    batch = Batch(worker_counts={("a", "seen"): 1, ("b", "seen"): 2, ("b", "skip:sample"): 2}, alive=frozenset({"w1"}))
    batch.counts[1, stratum("c"), "match"] = [1, 0]
    store.record(batch, run)
    assert store.ledgers() == {"a": Ledger(1, in_flight=1), "b": Ledger(2, skipped={"sample": 2})}
    assert store.ledger("b") == Ledger(2, skipped={"sample": 2})
    assert store.ledger("none") == Ledger()
