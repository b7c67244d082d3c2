"""What becomes of findings and counters in a batch."""

from collections import Counter
from dataclasses import replace

from strangler.control.frames import Frames, encode
from strangler.control.gathering import batches
from strangler.control.gathering.batches import MOST_EXAMPLES, Readings
from strangler.control.gathering.findings import pack, unpack
from strangler.control.gathering.ration import EVERY, FIRST, Ration
from strangler.control.gathering.witnessed import ARM_CELLS, Witnessed
from strangler.core.difference import Kind
from strangler.core.outcome import Outcome
from strangler.core.records import Batch, Cause, Example, Stratum
from strangler.evidence.finding import Finding

STRATUM = Stratum("shop", "shadow", "legacy", "0123456789ab", "b1", "GET", "2xx")
PRICE, NAME = Cause("$.price", Kind.TYPE, "number as text"), Cause("$.name", Kind.MISSING)
EXAMPLE = Example(
    "shop", STRATUM, Outcome.MISMATCH, 90.5, "id", "GET", "/shop/1", {"headers": [["a", "b"]]}, {"status": 200}, {"status": 200},
    ({"path": "$.price", "kind": "type"},), (PRICE,),
)  # fmt: skip
MISMATCH = Finding(STRATUM, 90.5, True, Outcome.MISMATCH, causes=(PRICE, NAME), ignored=(("ignore $.at", 2),), example=EXAMPLE)


def test_a_finding_travels_whole() -> None:
    for finding in (
        MISMATCH,
        Finding(STRATUM, 1.0, skipped="undecodable", detail="gzip"),
        replace(MISMATCH, noise={"$.a": {"seen": 1}}),
    ):
        [(head, _)] = Frames().feed(encode({"finding": pack(finding)}))
        assert unpack(head["finding"]) == finding


def test_a_mismatch_counts_everywhere_it_should() -> None:
    batch = Batch()
    batches.settle(batch, "1.1", MISMATCH)
    batches.settle(batch, "1.1", replace(MISMATCH, repeated=False, at=100.0, example=None, causes=(PRICE,)))
    assert batch.counts == {(1, STRATUM, "mismatch"): [2, 1]}
    assert batch.outcomes == {("shop", "mismatch"): 2}
    assert batch.settled == {("1.1", "shop"): 2}
    key = ("shop", "0123456789ab", "b1")
    assert batch.causes == {(*key, PRICE): [2, 100.0], (*key, NAME): [1, 90.5]}
    assert batch.examples == [EXAMPLE]


def test_everything_that_control_settles_is_settled_once() -> None:
    batch = Batch()
    batches.settle(batch, "1.1", MISMATCH)
    batches.settle(batch, "1.1", Finding(STRATUM, 1.0, skipped="undecodable"))
    batches.skip(batch, "1.1", "shop", "compare_timeout")
    batches.lose(batch, "1.1", "shop", 4)
    assert batch.skips == {("shop", "undecodable"): 1, ("shop", "compare_timeout"): 1}
    assert batch.lost == {("shop", "control"): 4}
    everything = [*batch.outcomes.values(), *batch.skips.values(), *batch.lost.values()]
    assert batch.settled == {("1.1", "shop"): sum(everything)} == {("1.1", "shop"): 7}


def test_what_was_learned_of_noise_adds_up() -> None:
    batch = Batch()
    for _ in range(2):
        batches.learn(batch, replace(MISMATCH, again=True, noise={"$.at": {"seen": 1, "kinds": {"clock": 1}}}))
    assert batch.noise == {("shop", "$.at"): {"seen": 2, "kinds": {"clock": 2}}}
    assert not batch.settled


def test_examples_are_bounded_while_the_store_is_away() -> None:
    batch = Batch()
    for _ in range(MOST_EXAMPLES + 10):
        batches.settle(batch, "1.1", MISMATCH)
    assert len(batch.examples) == MOST_EXAMPLES
    assert batch.settled == {("1.1", "shop"): MOST_EXAMPLES + 10}


def test_what_waits_long_for_the_store_is_counted_by_the_hour() -> None:
    batch = Batch()
    for minute in range(59, 180):
        batches.settle(batch, "1.1", replace(MISMATCH, at=60.0 * minute))
    batches.fold(batch)
    assert batch.counts == {(start, STRATUM, "mismatch"): [number, number] for start, number in ((0, 1), (60, 60), (120, 60))}


def witnessed(match: int, repeated: int, failed: int, arm: int = 0) -> Witnessed:
    arms = {("shop", "shadow", "b1", "modern"): [arm] + [0] * (ARM_CELLS - 1)} if arm else {}
    return Witnessed(
        {("shop", "seen"): match, ("shop", "queue"): 0}, frozenset({"1.1"}), {STRATUM: [match, repeated, failed, 0]}, arms
    )  # type: ignore[arg-type]


def test_of_the_counters_only_what_is_new_counts() -> None:
    readings = Readings()
    first, second = Batch(), Batch()
    readings.read(first, witnessed(5, 2, 0, arm=3), now=61.0)
    readings.read(second, witnessed(6, 2, 1, arm=3), now=121.0)
    assert first.counts == {(1, STRATUM, "match"): [7, 2]}
    assert second.counts == {(2, STRATUM, "match"): [1, 0], (2, STRATUM, "candidate_failed"): [1, 0]}
    assert first.arms == {(1, "shop", "shadow", "b1", "modern"): [3] + [0] * (ARM_CELLS - 1)}
    assert second.arms == {}
    assert first.worker_counts == {("shop", "seen"): 5, ("shop", "dead:seen"): 0}
    assert first.alive == frozenset({"1.1"})


def test_a_control_that_is_started_anew_reads_on_where_the_last_one_was() -> None:
    readings, batch = Readings(), Batch()
    readings.read(batch, witnessed(5, 2, 0, arm=3), now=61.0)
    after = Batch()
    Readings(batch.snapshot).read(after, witnessed(6, 2, 0, arm=4), now=62.0)
    assert after.counts == {(1, STRATUM, "match"): [1, 0]}
    assert after.arms[1, "shop", "shadow", "b1", "modern"][0] == 1
    nothing = Batch()
    Readings(after.snapshot).read(nothing, witnessed(6, 2, 0, arm=4), now=63.0)
    assert (nothing.counts, nothing.arms, nothing.snapshot) == ({}, {}, b"")


def test_control_that_agrees_with_itself_is_evidence_about_noise_too() -> None:
    readings, first, second, third = Readings(), Batch(), Batch(), Batch()
    readings.read(first, Witnessed(again=Counter(shop=3)), now=61.0)
    batches.learn(second, replace(MISMATCH, again=True, noise={"": {"looked": 1, "different": 0, "kinds": {}, "money": 0}}))
    readings.read(second, Witnessed(again=Counter(shop=5)), now=62.0)
    Readings(second.snapshot).read(third, Witnessed(again=Counter(shop=5)), now=63.0)
    assert first.noise["shop", ""]["looked"] == 3
    assert second.noise["shop", ""]["looked"] == 3
    assert third.noise == {}


def test_findings_and_counters_of_one_stratum_add_up() -> None:
    batch = Batch()
    batches.settle(batch, "1.1", replace(MISMATCH, outcome=Outcome.MATCH, causes=(), example=None))
    Readings().read(batch, witnessed(5, 2, 0), now=61.0)
    assert batch.counts == {(1, STRATUM, "match"): [8, 3]}


def test_examples_are_rationed_by_cause_and_rules() -> None:
    ration = Ration()
    assert [ration.wants("shop", "r1", PRICE, 1.0) for _ in range(FIRST + 2)] == [True] * FIRST + [False] * 2
    assert ration.wants("shop", "r1", NAME, 1.0)
    assert ration.wants("shop", "r2", PRICE, 1.0)
    assert not ration.wants("shop", "r1", PRICE, EVERY)
    assert [ration.wants("shop", "r1", PRICE, EVERY + 1.0) for _ in range(2)] == [True, False]
