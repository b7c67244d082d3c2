"""Anybody dies after any step of a cutover: then the old owner has the old table or the new owner the new one, all who can be
asked say the same, and no write ever went where the data is not owned.

What is checked between any two steps stands in `Run.check`; what whoever comes next does is `recovery.settle`, which may die too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strangler.control.cutover.driver import cutover
from strangler.control.cutover.order import Effect
from strangler.control.cutover.recovery import settle
from strangler.control.flipping.settlement import settle as settle_flips
from strangler.core import journal
from strangler.core.cutover import FORWARD, Record, Step, recovery, undo
from strangler.core.errors import StranglerError
from tests.unit.control.cutovers import NAMES, Killed, Run, given, lost, order

DEATHS: dict[str, Callable[[Run], None]] = {
    "control": lambda run: None,
    "control, and the hold has ended by then": lambda run: run.workers.expire(),
    "all, with the supervisor": lambda run: run.restart(),
}


def nothing(words: str) -> None: ...


def steps_of(folder: Path, back: bool) -> int:
    """How many steps it takes when nobody dies."""
    folder.mkdir()
    run = ready(folder, back)
    run.fate.left = -1
    assert cutover(order(back=back), run.hands).effect is Effect.DONE
    return run.fate.done


def ready(folder: Path, back: bool) -> Run:
    run = given(folder)
    if back:
        assert cutover(order(), run.hands).effect is Effect.DONE
    return run.again()


def dies(run: Run, after: int, back: bool) -> None:
    run.fate.left = after
    with pytest.raises(Killed):
        cutover(order(back=back), run.hands)


def is_settled(run: Run) -> str:
    """The side that everything names."""
    settle_flips(run.world)
    side = run.databases.owner()
    assert side, "both databases say the same"
    assert run.workers.hold is None, "no write waits"
    assert run.workers.writes() == side
    assert run.record.move is None
    assert run.record.moved == (frozenset(NAMES) if side == "new" else frozenset())
    assert run.workers.moved == run.record.moved, "no table has legacy answer instead of modern once it does not own the data"
    places = {run.world.places()[name] for name in ("read", "write")}
    assert len(places) == 1
    assert (places == {"modern"}) is (side == "new")
    assert {str(place) for name, place in journal.last_places(run.world.entries()).items()} <= places
    assert not journal.unsettled(run.world.entries())
    return side


@pytest.mark.parametrize("back", [False, True], ids=["forward", "back"])
@pytest.mark.parametrize("death", DEATHS)
def test_whoever_comes_next_settles_it(tmp_path: Path, death: str, back: bool) -> None:
    ends, steps = set(), steps_of(tmp_path / "whole", back)
    for after in range(steps):
        folder = tmp_path / str(after)
        folder.mkdir()
        run = ready(folder, back)
        dies(run, after, back)
        DEATHS[death](run)
        run.check()
        following = run.again()
        settle(following.hands, nothing)
        following.check()
        ends.add(is_settled(following))
    assert ends == {"old", "new"}, "some deaths came before the decision, and some after it"


@pytest.mark.parametrize("death", DEATHS)
def test_whoever_settles_it_may_die_as_well(tmp_path: Path, death: str) -> None:
    number = 0
    for after in range(0, steps_of(tmp_path / "whole", False), 4):
        for again in range(1, 60, 3):
            folder = tmp_path / str(number)
            number += 1
            folder.mkdir()
            run = ready(folder, False)
            dies(run, after, False)
            DEATHS[death](run)
            second = run.again(again)
            try:
                settle(second.hands, nothing)
            except Killed:
                DEATHS[death](second)
            else:
                break  # it takes fewer steps than that
            third = second.again()
            settle(third.hands, nothing)
            is_settled(third)


def test_writes_wait_from_the_first_moment_of_a_restart(tmp_path: Path) -> None:
    """As long as it is open, nobody who starts sends a write anywhere."""
    for after in range(steps_of(tmp_path / "whole", False)):
        folder = tmp_path / str(after)
        folder.mkdir()
        run = ready(folder, False)
        dies(run, after, False)
        run.restart()
        assert (run.workers.writes() == "") is (run.record.move is not None)


def test_a_database_that_is_away_is_waited_for_after_the_decision_and_not_before(tmp_path: Path) -> None:
    for after in range(0, steps_of(tmp_path / "whole", False), 2):
        folder = tmp_path / str(after)
        folder.mkdir()
        run = ready(folder, False)
        dies(run, after, False)
        run.restart()
        decided, following = run.record.decided, run.again()
        following.failures = {"revert": [lost()], "bump": [lost(), lost()]}
        settle(following.hands, nothing)
        assert is_settled(following) == ("new" if decided or run.record.moved else "old")
        assert len(following.failures["bump"]) == (0 if decided else 2)


def test_an_owner_that_moved_is_a_decision_whatever_the_record_says(tmp_path: Path) -> None:
    """The disk lost what was synced to it; the databases did not."""
    seen = 0
    for after in range(steps_of(tmp_path / "whole", False)):
        folder = tmp_path / str(after)
        folder.mkdir()
        run = ready(folder, False)
        dies(run, after, False)
        record = run.record
        if run.databases.moved and record.move is not None:
            seen += 1
            run.again().hands.write(Record(record.owners, record.move, decided=False))
            run.restart()
            following = run.again()
            settle(following.hands, nothing)
            assert is_settled(following) == "new"
    assert seen > 5


def test_nothing_is_open_and_a_hold_was_left(tmp_path: Path) -> None:
    run = ready(tmp_path, False)
    dies(run, 8, False)
    run.again().hands.write(Record())
    assert settle(run.again().hands, nothing) is None
    assert run.workers.hold is None


def test_a_record_that_was_lost_is_what_both_databases_say(tmp_path: Path) -> None:
    run = ready(tmp_path, True)
    (tmp_path / ".routes.yaml.cutover").unlink()
    run.restart()
    assert run.record.moved == frozenset()
    away = run.again()
    away.failures["owners"] = [lost()]
    said: list[str] = []
    settle(away.hands, said.append)
    assert said == ["it is not known who owns orders and lines, so it is taken for legacy's: the connection is gone"]
    settle(run.again().hands, said.append)
    assert (run.record.moved, run.workers.moved) == (frozenset(NAMES), frozenset(NAMES))
    assert len(said) == 2


def test_what_came_to_nothing_is_in_the_journal(tmp_path: Path) -> None:
    run = ready(tmp_path, False)
    dies(run, 10, False)
    done = settle(run.again().hands, nothing)
    assert done is not None
    assert [each.entry.reason for each in run.world.history()] == ["the cutover was cut off, and taken back"] * 2


def tables() -> Iterator[tuple[Step, tuple[Step, ...]]]:
    yield Step.PREPARE, ()
    for step in (Step.OPEN, Step.HOLD, Step.DRAIN, Step.CATCH_UP, Step.VERIFY, Step.KEEP):
        yield step, (Step.RELEASE, Step.CLOSE)
    yield Step.DECIDE, (Step.CLOSE, Step.RELEASE)
    for step in (Step.BUMP, Step.LIVE, Step.RELEASE, Step.CLOSE):
        yield step, ()


@pytest.mark.parametrize(("step", "undone"), tuple(tables()))
def test_what_a_failure_undoes(step: Step, undone: tuple[Step, ...]) -> None:
    assert undo(step) == undone


def test_every_step_has_its_undoing() -> None:
    assert [step for step, _ in tables()] == list(FORWARD)


def test_a_record_without_a_cutover_lets_go() -> None:
    assert recovery(Record()) == (Step.RELEASE,)


def test_a_settlement_that_is_already_under_way_is_left_alone(tmp_path: Path) -> None:
    run = ready(tmp_path, False)
    with run.hands.alone(), pytest.raises(StranglerError):
        settle(run.again().hands, nothing)
