"""What is kept how long: examples by age and size, one for each cause if there is room, counts for ever, old ones by the hour."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from strangler.core.difference import Kind
from strangler.core.model import Retention
from strangler.core.records import Batch, Cause, Example
from strangler.core.units import Bytes, Seconds
from strangler.store.retention import FINE
from strangler.store.store import Store
from tests.contract.store.given import MINUTE, NAME, NOW, PRICE, counted, example, stratum, with_examples

DAY = 86_400.0
MUCH = Bytes(2**40)


def incompressible(size: int, seed: int = 0) -> str:
    return random.Random(seed).randbytes(size // 2).hex()


def test_examples_go_when_they_are_old(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    store.record(with_examples(*(example(at=NOW - days * DAY) for days in range(5))), run)
    done = store.retain(Retention(Seconds(2.5 * DAY), MUCH), NOW)
    assert (done.aged, done.crowded_out) == (2, 0)
    assert sorted(NOW - row.example.at for row in store.examples()) == [0, DAY, 2 * DAY]
    assert [row.count for row in store.causes()] == [5]


def test_more_examples_than_go_at_once(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    store.record(with_examples(*(example(at=NOW - 9 * DAY) for _ in range(1_201)), example()), run)
    assert store.retain(Retention(Seconds(DAY), MUCH), NOW).aged == 1_201
    assert len(store.examples(limit=2_000)) == 1


def test_a_number_is_never_given_again(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    store.record(with_examples(example(at=0)), run)
    followed = store.newest()
    store.retain(Retention(Seconds(DAY), MUCH), NOW)
    store.record(with_examples(example()), run)
    assert len(store.examples_after(followed)) == 1


def crowd(store: Store, examples: list[Example]) -> int:
    """Record them, and give back how many bytes the store takes with half of them."""
    run = store.begin_run(NOW, "1.0")
    store.record(Batch(), run)
    empty = store.size()
    for start in range(0, len(examples), 50):
        store.record(with_examples(*examples[start : start + 50]), run)
    payloads = sum(len(str(each.control["body"])) for each in examples) // 2  # hexadecimal digits are packed two in a byte
    return empty + payloads // 2


def test_the_oldest_go_when_there_are_too_many(store: Store) -> None:
    limit = crowd(store, [example(at=NOW + number, body=incompressible(20_000, number)) for number in range(200)])
    done = store.retain(Retention(Seconds(DAY), Bytes(limit)), NOW)
    left = [row.example.at - NOW for row in store.examples(limit=300)]
    assert 40 < done.crowded_out < 160
    assert left == [float(number) for number in range(199, done.crowded_out - 1, -1)]
    assert store.size() == done.size <= limit
    assert store.retain(Retention(Seconds(DAY), Bytes(limit)), NOW).crowded_out == 0
    assert [row.count for row in store.causes()] == [200]


def test_the_newest_example_of_a_cause_is_the_last_to_go(store: Store) -> None:
    rare = [example(at=NOW + number, causes=(NAME,), body=incompressible(20_000, number)) for number in range(2)]
    both = example(at=NOW + 2, causes=(PRICE, Cause("$.rare", Kind.TYPE)), body=incompressible(20_000, 2))
    many = [example(at=NOW + number, body=incompressible(20_000, number)) for number in range(3, 200)]
    limit = crowd(store, [*rare, both, *many])
    store.retain(Retention(Seconds(DAY), Bytes(limit)), NOW)
    left = [row.example.at - NOW for row in store.examples(limit=300)]
    assert left[-2:] == [2, 1]
    assert left[-3] > 40
    for row in store.causes():
        assert store.examples(cause_id=row.id, limit=1)


def test_when_nothing_else_helps_even_the_last_of_a_cause_goes_but_no_count(store: Store) -> None:
    causes = [Cause(f"$.a{number}", Kind.VALUE) for number in range(100)]
    crowd(store, [example(causes=(cause,), body=incompressible(20_000, place)) for place, cause in enumerate(causes)])
    done = store.retain(Retention(Seconds(DAY), Bytes(1)), NOW)
    assert done.crowded_out == 100
    assert store.examples() == []
    assert sum(row.count for row in store.causes(limit=200)) == 100


def test_the_file_really_shrinks(tmp_path: Path) -> None:
    store = Store.open("sqlite:///store.db", tmp_path)
    crowd(store, [example(at=0, body=incompressible(20_000, number)) for number in range(500)])
    before = (tmp_path / "store.db").stat().st_size + (tmp_path / "store.db-wal").stat().st_size
    done = store.retain(Retention(Seconds(DAY), MUCH), NOW)
    after = (tmp_path / "store.db").stat().st_size
    assert before > 5_000_000
    assert done.size == after < 200_000
    assert (tmp_path / "store.db-wal").stat().st_size == 0
    store.close()


OLD = MINUTE - FINE
OLD_HOUR = OLD - OLD % 60


def test_old_counts_are_kept_by_the_hour(store: Store) -> None:
    minutes = [OLD_HOUR - 61, OLD_HOUR - 60, OLD_HOUR - 59, OLD_HOUR - 1, OLD_HOUR, OLD_HOUR + 1, MINUTE]
    batch = Batch()
    for minute in minutes:
        batch.counts[minute, stratum(), "match"] = [2, 1]
        batch.arms[minute, "orders", "shadow", "v1", "legacy"] = [1, minute]
    run = store.begin_run(NOW, "1.0")
    store.record(batch, run)
    for _ in range(2):
        store.retain(Retention(), NOW)
        starts = [OLD_HOUR - 120, OLD_HOUR - 60, OLD_HOUR, OLD_HOUR + 1, MINUTE]
        assert [(point.at / 60, point.outcomes["match"]) for point in store.series("orders", 0, 60)] == [
            (start, number) for start, number in zip(starts, (2, 6, 2, 2, 2), strict=True)
        ]
        assert [(row.minute, row.cells) for row in store.arms("orders")] == [
            (starts[0], (1, OLD_HOUR - 61)),
            (starts[1], (3, 3 * OLD_HOUR - 120)),
            *((start, (1, start)) for start in starts[2:]),
        ]
    assert counted(store) == {("orders", "match"): (14, 7)}
    store.record(batch, run)  # what comes late is added to its hour the next time
    store.retain(Retention(), NOW)
    assert counted(store) == {("orders", "match"): (28, 14)}
    assert len(store.series("orders", 0, 60)) == 5


@pytest.mark.parametrize("days", [3, 10])
def test_weeks_of_minutes_are_rolled_up_to_the_last(store: Store, days: int) -> None:
    batch = Batch()
    for minute in range(MINUTE - days * 1440, MINUTE, 7):
        batch.counts[minute, stratum(), "match"] = [1, 0]
        batch.arms[minute, "orders", "shadow", "v1", "modern"] = [1]
    store.record(batch, store.begin_run(NOW, "1.0"))
    store.retain(Retention(), NOW)
    assert counted(store)["orders", "match"][0] == len(batch.counts)
    old = [row for row in store.arms("orders") if row.minute < MINUTE - FINE]
    assert len(old) == (days - 2) * 24
    assert {row.minute % 60 for row in old} == {0}
    assert sum(row.cells[0] for row in store.arms("orders")) == len(batch.arms)
