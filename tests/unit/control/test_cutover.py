"""One cutover: what it does in order, what stands against it, and what is taken back, and gone on with, when a step fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from strangler.config.file import NoRoomError
from strangler.control.cutover.driver import cutover
from strangler.control.cutover.order import Done, Effect, Told
from strangler.control.cutover.sides import Verdict
from strangler.control.flipping.flip import flip
from strangler.control.flipping.order import Refused
from strangler.control.journal import JournalError
from strangler.control.reader import read
from strangler.core.errors import Refusal, UsageError
from tests.unit.control.cutovers import FILE, NAMES, Run, given, lost, order, told
from tests.unit.control.flips import FAILED, rollback
from tests.unit.control.flips import order as flip_order


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return given(tmp_path)


def moved(run: Run) -> Run:
    """After a cutover."""
    assert cutover(order(), run.hands).effect is Effect.DONE
    return run.again()


def places(run: Run) -> set[str]:
    return {run.world.places()[name] for name in ("read", "write")}


class TestForward:
    def test_writes_and_data_go_over_in_order(self, run: Run) -> None:
        steps: list[Told] = []
        done = cutover(order(reason="noon"), run.hands, steps.append)
        shown = [str(each.step) for each in steps if each.seconds is not None]
        assert " ".join(shown) == "prepare open hold drain catch up verify keep decide bump live release close"
        assert (done.effect, run.databases.owner(), run.workers.writes()) == (Effect.DONE, "new", "new")
        assert (places(run), run.record.moved, run.record.move) == ({"modern"}, frozenset(NAMES), None)
        assert told(run) == ["read: canary 100% → modern live", "write: canary 100% → modern live"]
        assert run.world.history()[0].entry.reason == "cutover to the new side: noon"

    def test_and_come_back_the_same_way_without_a_guard(self, run: Run) -> None:
        back = moved(run)
        done = cutover(order(back=True), back.hands)
        assert (done.effect, back.databases.owner(), back.workers.writes()) == (Effect.DONE, "old", "old")
        assert (places(back), back.record.moved) == ({"shadow"}, frozenset())
        assert back.world.judged == []

    def test_reads_are_never_answered_by_what_is_not_owned_any_more(self, run: Run) -> None:
        back = moved(run)
        assert back.workers.moved == frozenset(NAMES), "`fallback: safe` does not go to legacy"

    def test_a_rehearsal_changes_nothing(self, run: Run) -> None:
        before = sorted((path.name, path.read_bytes()) for path in run.folder.iterdir())
        done = cutover(order(dry_run=True), run.hands)
        assert (done.effect, done.objections, done.rehearsal["estimated"]) == (Effect.PLANNED, (), 0.4)
        assert sorted((path.name, path.read_bytes()) for path in run.folder.iterdir()) == before


class TestRefusals:
    def refused(self, run: Run, **more: object) -> str:
        done = cutover(order(**more), run.hands)
        assert done.effect is Effect.REFUSED
        assert (run.workers.hold, run.record.move, run.databases.owner()) == (None, None, "old")
        return "\n".join(done.objections)

    def test_all_at_once(self, run: Run) -> None:
        run.folder.joinpath("routes.yaml").write_text(
            FILE.format(stage="shadow") + "  - {name: rest, match: {path: /rest}, data: [lines]}\n"
        )
        run.refusals = ["orders: 3 dead letters: `strangler data relay dead`"]
        run.world.verdicts["write"] = FAILED
        said = self.refused(run)
        assert said.count("stands at shadow") == 1, "a group says it once"
        for words in ("@orders: stands at shadow", "rest: it writes lines too", "dead letters", "write: parity: fail"):
            assert words in said

    def test_a_copy_of_writes(self, run: Run) -> None:
        path = run.folder / "routes.yaml"
        path.write_text(path.read_text().replace("path: /orders}", "path: /orders}, shadow: {methods: [GET, POST]}"))
        assert "copies POST" in self.refused(run)

    def test_a_hold_and_a_guard_that_only_force_overrides(self, run: Run) -> None:
        run.world.verdicts["read"] = FAILED
        assert "read: parity: fail" in self.refused(run)
        with pytest.raises(UsageError, match="needs a --reason"):
            cutover(order(force=True), run.hands)
        assert cutover(order(force=True, reason="known"), run.hands).effect is Effect.DONE

    def test_the_guard_is_asked_for_what_reads_alone(self, run: Run) -> None:
        path = run.folder / "routes.yaml"
        path.write_text(path.read_text().replace("{path: /orders}", "{path: /orders, methods: [POST, PUT]}"))
        run.world.verdicts["write"] = FAILED
        assert cutover(order(), run.hands).effect is Effect.DONE
        assert [flip.route for flip in run.world.judged] == ["read"]

    def test_a_group_that_only_writes_has_no_evidence(self, run: Run) -> None:
        path = run.folder / "routes.yaml"
        text = path.read_text().replace("[GET]}", "[PUT]}")
        path.write_text(text.replace("{path: /orders}", "{path: /orders, methods: [POST]}"))
        assert "no route of it reads" in self.refused(run)
        assert cutover(order(force=True, reason="tried by hand"), run.hands).effect is Effect.DONE

    def test_what_the_guard_said_is_in_the_journal(self, run: Run) -> None:
        cutover(order(), run.hands)
        assert [(each.entry.verdict, each.entry.route) for each in run.world.history()] == [("pass", "read"), ("pass", "write")]

    def test_force_does_not_override_the_data(self, run: Run) -> None:
        run.refusals = ["orders: 2 rows differ: `strangler data repair`"]
        assert "2 rows differ" in self.refused(run, force=True, reason="x")

    def test_nothing_to_move(self, run: Run) -> None:
        assert "orders and lines: the new side owns them already" in "".join(cutover(order(), moved(run).hands).objections)

    def test_the_way_back_before_any_cutover(self, run: Run) -> None:
        assert "orders and lines: the old side owns them already" in self.refused(run, back=True)

    def test_a_route_without_data(self, run: Run) -> None:
        done = cutover(type(order())("other", "anna"), run.hands)
        assert "`strangler flip` is what moves it" in done.objections[0]

    def test_a_relay_that_is_too_late_for_the_hold(self, run: Run) -> None:
        run.on_the_way = [3]
        assert "3 changes were on their way for longer than writes may wait (2 s, --hold)" in self.refused(run, hold=2.0)
        run.on_the_way = [3, 2, 0]
        assert cutover(order(), run.hands).effect is Effect.DONE

    def test_a_file_that_nobody_could_serve_afterwards(self, run: Run) -> None:
        run.failures["foresee"] = [Refusal("routes.yaml: no such certificate")]
        assert self.refused(run) == "routes.yaml: no such certificate"

    def test_somebody_else_is_at_it(self, run: Run) -> None:
        with run.again().hands.alone(), pytest.raises(Refusal, match="another cutover is under way"):
            cutover(order(), run.hands)


class TestTakenBack:
    """A step that fails before the decision: old owner, old table, nobody waits, and the reason is said and journalled."""

    def taken_back(self, run: Run, words: str) -> Done:
        done = cutover(order(hold=2.0), run.hands)
        assert done.effect is Effect.REVERTED, done
        assert words in done.why
        assert (run.databases.owner(), run.workers.writes(), run.workers.hold, run.record.move) == ("old", "old", None, None)
        assert places(run) == {"canary 100%"}
        assert [each.entry.reason for each in run.world.history()] == [f"cutover taken back at {done.why}"] * 2
        assert (done.held or 0.0) <= 2.0
        return done

    def test_a_worker_that_does_not_acknowledge(self, run: Run) -> None:
        run.late = [["worker 2"]] * 10_000
        self.taken_back(run, "worker 2 did not say in time that it holds the writes")

    def test_a_disk_that_is_full_before_anybody_waits(self, run: Run) -> None:
        run.failures["room"] = [Refusal("no space left")]
        self.taken_back(run, "open: no space left")

    def test_a_client_that_holds_an_upload_open(self, run: Run) -> None:
        run.at_work = [1]
        self.taken_back(run, "1 write did not end in time")

    def test_a_relay_that_does_not_catch_up(self, run: Run) -> None:
        run.waiting = [9]
        self.taken_back(run, "9 changes had not arrived")

    def test_a_dead_letter_on_the_way(self, run: Run) -> None:
        run.failures["waits_for"] = [Refusal("orders: a dead letter")]
        self.taken_back(run, "catch up: orders: a dead letter")

    def test_drift(self, run: Run) -> None:
        run.verdict = Verdict(False, ("orders 7: total differs",), 3)
        self.taken_back(run, "verify: orders 7: total differs")

    @pytest.mark.parametrize("what", ["mark", "waits_for", "verify"])
    def test_a_database_that_is_lost(self, run: Run, what: str) -> None:
        run.failures[what] = [lost()]
        self.taken_back(run, "the connection is gone")

    @pytest.mark.parametrize("what", ["mark", "waits_for", "verify", "keep"])
    def test_a_hold_that_has_ended_by_itself(self, run: Run, what: str) -> None:
        run.expires_at = what
        self.taken_back(run, "longer than the 2 s that writes may wait")

    def test_an_error_of_ours(self, run: Run) -> None:
        run.failures["verify"] = [ZeroDivisionError("nothing")]  # type: ignore[list-item]
        self.taken_back(run, "verify: ZeroDivisionError")

    def test_a_decision_that_cannot_be_written_is_withdrawn_before_a_write_goes(self, run: Run) -> None:
        run.failures["write decided"] = [Refusal("no room")]
        run.failures["write"] = []
        done = self.taken_back(run, "decide: no room")
        assert list(done.steps)[-2:] == ["close", "release"]
        assert run.databases.reverted == {done.token}


class TestAfterTheDecision:
    """There is no way back: it is tried until it is done, and writes wait."""

    def test_a_database_that_is_lost_and_comes_back(self, run: Run) -> None:
        run.failures["bump"] = [lost(), lost(), lost()]
        steps: list[Told] = []
        assert cutover(order(), run.hands, steps.append).effect is Effect.DONE
        assert [each.words for each in steps if "tried again" in each.words] == [
            "the connection is gone; it is tried again until it is done"
        ]
        assert (run.databases.owner(), run.workers.writes()) == ("new", "new")

    def test_a_record_that_cannot_be_closed(self, run: Run) -> None:
        run.failures["write"] = []
        real = run.hands.write
        refused = iter([True, True])

        def write(record):
            if record.move is None and next(refused, False):
                raise Refusal("no room")
            real(record)

        run.hands.write = write  # type: ignore[method-assign]
        assert cutover(order(), run.hands).effect is Effect.DONE
        assert run.record.move is None

    def test_a_disk_that_is_full_keeps_nobody_waiting(self, run: Run) -> None:
        """Neither the file nor the journal has room for more than is there."""
        full = iter(range(1000))

        def put(*_: object) -> None:
            next(full)
            raise NoRoomError("no space left")

        def add(*_: object) -> None:
            next(full)
            raise JournalError("no space left")

        run.world.put, run.world.add = put, add  # type: ignore[method-assign,assignment]
        done = cutover(order(), run.hands)
        assert (done.effect, places(run), run.workers.writes()) == (Effect.DONE, {"modern"}, "new")
        assert next(full) < 10, "it was not tried again and again"
        assert done.notes == ("no space left; it is journalled as soon as it can be",)

    def test_what_has_to_end_leaves_it_to_the_next(self, run: Run) -> None:
        run.failures["bump"] = [lost()]
        run.hands.pause = lambda seconds: False  # type: ignore[method-assign]
        done = cutover(order(), run.hands)
        assert (done.effect, run.record.decided, run.workers.writes()) == (Effect.UNSETTLED, True, "")


class TestOtherFlips:
    def test_none_of_the_group_while_it_is_open(self, run: Run) -> None:
        run.at_work = [1]
        seen: list[str] = []

        def meanwhile(seconds: float) -> bool:
            run.time += seconds
            if not seen:
                with pytest.raises(Refused, match="a cutover of @orders is under way") as refused:
                    flip(rollback("@orders"), run.again().world)
                seen.append(str(refused.value))
            return True

        run.hands.pause = meanwhile  # type: ignore[method-assign]
        assert cutover(order(hold=1.0), run.hands).effect is Effect.REVERTED
        assert seen

    def test_a_plain_rollback_after_it_is_the_way_back(self, run: Run) -> None:
        after = moved(run)
        with pytest.raises(Refused, match="strangler cutover @orders --back"):
            flip(rollback("@orders"), after.world)
        assert places(after) == {"modern"}

    def test_a_file_that_would_write_where_the_data_is_not_owned_is_not_served(self, run: Run) -> None:
        after = moved(run)
        path = run.folder / "routes.yaml"
        path.write_text(path.read_text().replace("stage: modern", "stage: shadow"))
        head, _ = read(path, {}, "", None, lambda config, flips: {})
        assert (head["is"], "write would write to legacy, and modern owns orders" in head["text"]) == ("problems", True)
        assert after.record.moved == frozenset(NAMES)

    def test_and_up_it_goes_like_any_other(self, run: Run) -> None:
        after = moved(run)
        flip(flip_order("@orders", "retired"), after.world)
        assert places(after) == {"retired"}
