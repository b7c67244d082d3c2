"""What a worker counts of shadowed requests, and what is read of it while it lives and when it is dead."""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from strangler.control import totals
from strangler.control.cells import WIDTH, Region, new_arena
from strangler.control.gathering import witnessed
from strangler.control.gathering.pairs import unpack
from strangler.control.gathering.witness import MOST_VERSIONS, Witness
from strangler.control.gathering.witnessed import (
    ARM_CELLS,
    COMPARABLE,
    ERRORS,
    FAILURES,
    MICROSECONDS,
    SERVED,
    Witnessed,
    bucket,
    incarnation,
)
from strangler.control.tally import CELLS, CLASSES, FELL_BACK, UNANSWERED, Tally
from strangler.core.jsonpath import parse_pattern
from strangler.core.model import Adapt, AdaptResponse, Match, Route, Stage
from strangler.core.observation import Observation
from strangler.core.outcome import INTENDED, SKIPS
from strangler.core.template import parse_template
from tests.unit.control.given import DIFFERENT, EXCHANGE, PAIR

ROUTE = Route(0, "shop", Match(parse_template("/shop/{id}")))


class Courier:
    """Keeps what it is handed, as long as there is room."""

    def __init__(self) -> None:
        self.room = 100
        self.handed: list[tuple[str, bytes]] = []

    def hand(self, route: str, frame: bytes) -> bool:
        if len(self.handed) < self.room:
            self.handed.append((route, frame))
            return True
        return False


@pytest.fixture
def arena() -> Iterator[int]:
    descriptor = new_arena(3)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def courier() -> Courier:
    return Courier()


@pytest.fixture
def witness(arena: int, courier: Courier) -> Witness:
    region = Region(arena, 1)
    region.cells[region.scalar(totals.LIFE)] = 1
    return Witness(region, courier)  # type: ignore[arg-type]


def counted(arena: int) -> dict[str, int]:
    return {label: number for (_, label), number in witnessed.read(arena, 2).counts.items() if number}


def test_every_reason_has_a_cell() -> None:
    assert len(SKIPS) <= WIDTH
    assert ARM_CELLS <= WIDTH
    assert CELLS <= WIDTH


@pytest.mark.parametrize("reason", SKIPS)
def test_a_skipped_request_counts_by_its_reason(arena: int, witness: Witness, reason: str) -> None:
    witness.seen(ROUTE)
    witness.skipped(ROUTE, reason, "HEAD")
    assert counted(arena) == {"seen": 1, f"skip:{reason}": 1}
    meant = witnessed.read(arena, 2).arms
    assert meant == ({} if reason in INTENDED else {("shop", "legacy", "", "comparable HEAD"): [1]})


BIG = replace(PAIR.control, body=b"", size=9, digest=b"a" * 16)
OUTCOMES = {
    "equal": (PAIR, {"match": 1}),
    "the candidate failed": (replace(PAIR, candidate=Observation(0, failure="reset")), {"candidate_failed": 1}),
    "too large, and not equal": (replace(PAIR, control=BIG, candidate=replace(BIG, digest=b"b" * 16)), {"skip:body_cap": 1}),
    "too large, and equal": (replace(PAIR, control=BIG, candidate=BIG), {"match": 1}),
    "handed over": (DIFFERENT, {}),
}  # fmt: skip


@pytest.mark.parametrize(("pair", "expected"), OUTCOMES.values(), ids=OUTCOMES)
def test_a_pair_counts_once(arena: int, witness: Witness, courier: Courier, pair, expected) -> None:
    witness.seen(ROUTE)
    witness.paired(pair, ROUTE)
    assert counted(arena) == {"seen": 1, **expected}
    assert len(courier.handed) == (0 if expected else 1)


def test_equal_answers_count_as_their_pair_would(arena: int, witness: Witness, courier: Courier) -> None:
    first = PAIR.about, False, PAIR.control, PAIR.candidate
    assert not witness.alike(*first), "nothing like it has come yet: its pair finds where it counts"
    witness.paired(PAIR, ROUTE)
    before = witnessed.read(arena, 2)
    assert witness.alike(*first)
    assert witness.alike(PAIR.about, True, PAIR.control, PAIR.candidate)
    once, after = [], witnessed.read(arena, 2)
    for kind in ("pairs", "arms"):
        for key, cells in getattr(before, kind).items():
            once.append((sum(cells), sum(getattr(after, kind)[key])))
    assert all(late == 3 * early for early, late in once), once
    assert [list(cells) for cells in after.pairs.values()] == [[2, 1, 0, 0]]


@pytest.mark.parametrize(
    "candidate",
    [DIFFERENT.candidate, replace(PAIR.candidate, status=500), replace(PAIR.candidate, headers=()), replace(BIG, size=3)],
)
def test_answers_that_are_not_equal_for_sure_are_left_to_the_pair(arena: int, witness: Witness, candidate) -> None:
    witness.paired(PAIR, ROUTE)
    before = witnessed.read(arena, 2)
    assert not witness.alike(PAIR.about, False, PAIR.control, candidate)
    assert witnessed.read(arena, 2) == before


def test_a_translated_answer_is_left_to_the_pair(arena: int, witness: Witness) -> None:
    rename = {parse_pattern("$.a"): parse_pattern("$.b")}
    witness.paired(PAIR, replace(ROUTE, adapt=Adapt(response=AdaptResponse(rename=rename))))
    assert not witness.alike(PAIR.about, False, PAIR.control, PAIR.candidate)


def test_a_pair_that_needs_a_look_is_handed_on_whole(witness: Witness, courier: Courier) -> None:
    witness.use(3)
    witness.paired(DIFFERENT, ROUTE)
    [(route, frame)] = courier.handed
    assert route == "shop"
    assert b'"revision":3' in frame
    assert unpack(frame[frame.index(b"}") + 1 :]) == DIFFERENT


def test_what_cannot_be_handed_on_is_counted(arena: int, witness: Witness, courier: Courier) -> None:
    courier.room = 1
    for _ in range(3):
        witness.seen(ROUTE)
        witness.paired(DIFFERENT, ROUTE)
    assert counted(arena) == {"seen": 3, "queue": 2}


@pytest.mark.parametrize("pair", [PAIR, DIFFERENT, replace(PAIR, candidate=Observation(0, failure="reset"))])
def test_noise_is_no_part_of_the_ledger(arena: int, witness: Witness, courier: Courier, pair) -> None:
    witness.paired(replace(pair, again=True), ROUTE)
    assert counted(arena) == {}
    assert witnessed.read(arena, 2).arms == {}
    assert [route for route, _ in courier.handed] == ([""] if pair is DIFFERENT else [])


def test_equal_bytes_of_a_translated_answer_need_a_look(arena: int, witness: Witness, courier: Courier) -> None:
    rename = {parse_pattern("$.a"): parse_pattern("$.b")}
    witness.paired(PAIR, replace(ROUTE, adapt=Adapt(response=AdaptResponse(rename=rename))))
    assert len(courier.handed) == 1


def test_strata_and_arms_are_told_apart(arena: int, witness: Witness) -> None:
    for pair in (PAIR, replace(PAIR, repeated=True), replace(PAIR, method="HEAD")):
        witness.paired(pair, ROUTE)
    witness.paired(replace(PAIR, candidate=Observation(0, failure="reset", duration=0.5)), ROUTE)
    found = witnessed.read(arena, 2)
    strata = {tuple(stratum)[5:]: cells for stratum, cells in found.pairs.items()}
    assert strata == {("GET", "2xx"): [1, 1, 1, 0], ("HEAD", "2xx"): [1, 0, 0, 0]}
    [stratum] = [stratum for stratum in found.pairs if stratum.method == "GET"]
    assert stratum[:5] == ("shop", "shadow", "legacy", "0123456789ab", "b1")
    legacy, modern = (found.arms["shop", "shadow", "b1", side] for side in ("legacy", "modern"))
    assert (legacy[bucket(0.002)], legacy[MICROSECONDS], legacy[FAILURES]) == (4, 8000, 0)
    assert (modern[bucket(0.004)], modern[FAILURES]) == (3, 1)


def test_a_5xx_is_an_answer_and_an_error(arena: int, witness: Witness) -> None:
    for status in (499, 500, 599):
        witness.paired(replace(PAIR, candidate=replace(PAIR.candidate, status=status)), ROUTE)
    legacy, modern = (witnessed.read(arena, 2).arms["shop", "shadow", "b1", side] for side in ("legacy", "modern"))
    assert (sum(legacy[:MICROSECONDS]), legacy[FAILURES], legacy[ERRORS]) == (3, 0, 0)
    assert (sum(modern[:MICROSECONDS]), modern[FAILURES], modern[ERRORS]) == (3, 0, 2)


def test_whatever_becomes_of_a_pair_it_was_meant_to_be_compared(arena: int, witness: Witness, courier: Courier) -> None:
    courier.room = 1
    for pair in (PAIR, DIFFERENT, DIFFERENT, replace(PAIR, candidate=Observation(0, failure="reset"))):
        witness.paired(pair, ROUTE)
    witness.paired(replace(PAIR, method="HEAD", control=BIG, candidate=replace(BIG, digest=b"b" * 16)), ROUTE)
    witness.skipped(replace(ROUTE, stage=Stage.SHADOW), "budget", "HEAD")
    assert {arm[3]: cells for arm, cells in witnessed.read(arena, 2).arms.items() if arm[3].startswith(COMPARABLE)} == {
        "comparable GET": [4],
        "comparable HEAD": [2],
    }


def test_what_upstreams_served_is_read_with_it(arena: int) -> None:
    tally = Tally(Region(arena, 1))
    tally.observe(EXCHANGE)
    tally.observe(EXCHANGE._replace(fell_back=True))
    tally.observe(EXCHANGE._replace(upstream="modern", reason="upstream_reset", status=502))
    found = witnessed.read(arena, 2).arms
    legacy, modern = (found["shop", "legacy", "", f"{SERVED}{name}"] for name in ("legacy", "modern"))
    assert (legacy[CLASSES.index("2xx")], legacy[UNANSWERED], legacy[FELL_BACK], len(legacy)) == (2, 0, 1, CELLS)
    assert (modern[CLASSES.index("5xx")], modern[UNANSWERED], modern[FELL_BACK]) == (1, 1, 0)


def test_no_answer_makes_up_rows_without_end(arena: int, witness: Witness) -> None:
    for number in range(3 * MOST_VERSIONS):
        witness.paired(replace(PAIR, version=f"build {number}"), ROUTE)
    witness.paired(replace(PAIR, version="é\0" * 400, method="X" * 400), ROUTE)
    versions = {stratum.version for stratum in witnessed.read(arena, 2).pairs}
    assert len(versions) <= MOST_VERSIONS
    assert {"build 0", "other"} <= versions
    assert counted(arena)["match"] == 3 * MOST_VERSIONS + 1


def test_the_longest_stratum_fits(arena: int, witness: Witness) -> None:
    long = replace(PAIR, route="r" * 100, stage="retired", version="v" * 99, method="M" * 99, control_side="modern")
    witness.paired(long, replace(ROUTE, name="r" * 100))
    [stratum] = witnessed.read(arena, 2).pairs
    assert stratum == ("r" * 100, "retired", "modern", "0123456789ab", "v" * 64, "M" * 32, "2xx")


def test_an_error_of_ours_is_still_an_end(arena: int, witness: Witness, courier: Courier) -> None:
    witness.seen(ROUTE)
    with pytest.raises(TypeError):
        witness.paired(replace(DIFFERENT, headers=None), ROUTE)  # type: ignore[arg-type]
    assert counted(arena) == {"seen": 1, "skip:engine_error": 1}


def test_the_dead_are_told_apart_from_the_living(arena: int, witness: Witness) -> None:
    witness.seen(ROUTE)
    witness.paired(PAIR, ROUTE)
    witness.seen(ROUTE)
    assert witnessed.read(arena, 2).alive == {incarnation(1, 1)}
    totals.bury(arena, 1)
    found = witnessed.read(arena, 2)
    assert found.alive == frozenset()
    assert {label: number for (_, label), number in found.counts.items() if number} == {"dead:seen": 2, "dead:match": 1}
    region = Region(arena, 1)
    region.cells[region.scalar(totals.LIFE)] = 2
    Witness(region, Courier()).seen(ROUTE)  # type: ignore[arg-type]
    assert counted(arena) == {"dead:seen": 2, "dead:match": 1, "seen": 1}
    assert witnessed.read(arena, 2).alive == {incarnation(1, 2)}
    assert sum(cells[0] for cells in witnessed.read(arena, 2).pairs.values()) == 1


def test_nothing_is_found_where_nothing_was_counted(arena: int) -> None:
    assert witnessed.read(arena, 2) == Witnessed()
