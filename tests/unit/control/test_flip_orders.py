"""Flips, from the order to the journal: what is allowed, what is refused and in which words, and what is left afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from strangler.control.flipping.door import Answer, Outcome
from strangler.control.flipping.flip import TRIES, flip
from strangler.control.flipping.hold import hold, resume
from strangler.control.flipping.order import Effect, Order, Refused
from strangler.control.flipping.settlement import keep
from strangler.control.journal import Journal
from strangler.core import journal as core
from strangler.core.errors import DatabaseError, Refusal, StranglerError, UnreachableError, UsageError
from strangler.core.guard.verdict import Verdict
from strangler.core.journal import Entry, Kind
from tests.unit.control.flips import FAILED, FILE, Given, order, rollback


@pytest.fixture
def world(tmp_path: Path) -> Given:
    return Given(tmp_path)


UP = order("read", "canary 5%", reason="looks good")


class TestUp:
    def test_is_judged_written_taken_up_and_journalled(self, world: Given) -> None:
        done = flip(UP, world)
        assert (done.effect, [str(one) for one in done.flips]) == (Effect.LIVE, ["read: shadow → canary 5%"])
        assert [str(one) for one in world.judged] == ["read: shadow → canary 5%"]
        assert world.proxy.asked == [done.digest] == [world.read().revision]
        assert world.told() == ["read: shadow → canary 5% live"]
        entry = world.history()[0].entry
        assert (entry.actor, entry.reason, entry.forced, entry.verdict) == ("anna", "looks good", False, "pass")
        assert (entry.flip, entry.digest, entry.evidence[0]["words"]) == (done.flip, done.digest, "all agree")

    def test_touches_nothing_but_the_scalars(self, world: Given) -> None:
        flip(UP, world)
        old = "stage: shadow, weight: 25%}  # the first"
        assert world.path.read_text() == FILE.format(more="").replace(old, "stage: canary, weight: 5%}  # the first")

    def test_to_where_it_stands_is_nothing(self, world: Given) -> None:
        before = world.path.stat()
        assert flip(order("read", "shadow"), world).effect is Effect.NOTHING
        assert (world.path.stat(), world.told(), world.judged, world.proxy.asked) == (before, [], [], [])

    def test_a_group_flips_as_one(self, world: Given) -> None:
        done = flip(order("@carts", "canary 50%"), world)
        assert (world.places()["cart"], world.places()["pay"]) == ("canary 50%", "canary 50%")
        assert world.told() == ["cart: canary 25% → canary 50% live", "pay: canary 25% → canary 50% live"]
        assert {recorded.entry.flip for recorded in world.history()} == {done.flip}

    def test_what_nobody_serves_counts_at_the_next_start(self, world: Given) -> None:
        world.proxy.rest = Answer(Outcome.NOBODY)
        assert flip(UP, world).effect is Effect.LATER
        assert world.told() == ["read: shadow → canary 5% live"]

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            (order("raed", "canary"), "there is no route 'raed'"),
            (order("@cart", "canary"), "there is no group @cart"),
            (order("cart", "canary 50%"), "flips as one: say @carts"),
            (order("read", "shadow 5%"), "--weight belongs to a canary"),
            (order("read", "canary", force=True), "--force needs a --reason"),
            (order("read", "canary", force=True, reason=" "), "--force needs a --reason"),
            (rollback("read", force=True, reason="x"), "needs no --force"),
            (rollback("read", "canary 5%"), "for another weight"),
            (Order("read", "anna"), "say where to"),
        ],
    )
    def test_what_makes_no_sense_is_said(self, world: Given, wrong: Order, words: str) -> None:
        with pytest.raises(UsageError, match=words):
            flip(wrong, world)
        assert world.told() == []

    def test_a_file_with_problems_is_not_flipped(self, world: Given) -> None:
        world.path.write_text(world.path.read_text().replace("shadow", "shaddow"))
        with pytest.raises(UsageError, match="shaddow"):
            flip(UP, world)

    def test_nor_is_one_made(self, tmp_path: Path) -> None:
        world = Given(tmp_path)
        world.path.write_text(
            world.path.read_text().replace('defaults: {sticky: {by: "cookie:user"}}\n', "").replace("canary", "shadow")
        )
        with pytest.raises(UsageError, match=r"would make a file with problems:\n.*who stays together"):
            flip(UP, world)
        assert (world.told(), world.places()["read"]) == ([], "shadow")


class TestRefusals:
    def test_every_unmet_condition_is_said(self, world: Given) -> None:
        world.verdicts["read"] = FAILED
        before = world.path.read_bytes()
        with pytest.raises(Refused) as caught:
            flip(UP, world)
        assert str(caught.value).splitlines() == [
            "refused: read: shadow → canary 5%",
            "  read: parity: fail: GET 2xx: 90.00% of 1,000 agree",
            "  read: errors: not enough data: 3 of 10; 400 more samples needed, about 2 h at current traffic",
        ]
        assert (caught.value.exit_code, caught.value.judgements["read"]) == (3, FAILED)
        assert (world.path.read_bytes(), world.told(), world.proxy.asked) == (before, [], [])

    def test_a_group_passes_only_if_all_do(self, world: Given) -> None:
        world.verdicts["pay"] = FAILED
        with pytest.raises(Refused, match="pay: parity: fail"):
            flip(order("@carts", "canary 50%"), world)
        assert world.places()["cart"] == "canary 25%"

    def test_a_guard_that_says_nothing_lets_nobody_pass(self, world: Given) -> None:
        world.judge = lambda config, flips: {}  # type: ignore[method-assign]
        with pytest.raises(Refused, match="read: guard: not enough data"):
            flip(UP, world)

    def test_a_forced_flip_needs_no_verdict_and_writes_down_what_it_was(self, world: Given) -> None:
        world.verdicts["read"] = FAILED
        done = flip(order("read", "canary 5%", force=True, reason="the boss"), world)
        entry = world.history()[0].entry
        assert (done.effect, entry.forced, entry.verdict, entry.reason) == (Effect.LIVE, True, "fail", "the boss")
        assert entry.evidence[0]["verdict"] == "fail"

    def test_a_forced_flip_goes_on_without_a_guard(self, world: Given) -> None:
        def gone() -> None:
            raise DatabaseError("the store is gone")

        world.meanwhile = gone
        with pytest.raises(DatabaseError):
            flip(UP, world)
        flip(order("read", "canary 5%", force=True, reason="the boss"), world)
        assert world.history()[0].entry.verdict == "the store is gone"

    def test_writes_with_data_move_by_cutover_also_when_forced(self, world: Given) -> None:
        assert flip(order("write", "canary 50%"), world).effect is Effect.LIVE, "they stay with legacy there"
        with pytest.raises(Refused, match="ownership of orders: that is `strangler cutover write`"):
            flip(order("write", "modern", force=True, reason="now"), world)

    def test_a_dry_run_says_it_all_and_does_nothing(self, world: Given) -> None:
        world.verdicts["read"] = FAILED
        before = world.path.read_bytes()
        done = flip(order("read", "canary 5%", dry_run=True), world)
        assert (done.effect, done.judgements["read"].verdict, len(done.objections)) == (Effect.PLANNED, Verdict.FAIL, 2)
        assert (world.path.read_bytes(), world.told(), world.proxy.asked) == (before, [], [])

    def test_who_climbs_must_know_what_is_held(self, world: Given) -> None:
        (world.path.parent / "strangler.db").write_text("no database")
        with pytest.raises(DatabaseError, match="what is held is not known, so nothing climbs"):
            flip(UP, world)


class TestDown:
    def test_a_rollback_asks_nobody_and_holds(self, world: Given) -> None:
        done = flip(rollback("@carts", reason="slow"), world)
        assert (world.places()["cart"], world.places()["pay"], world.judged) == ("shadow", "shadow", [])
        assert done.held == ("cart", "pay")
        assert world.told() == ["cart: canary 25% → shadow live", "pay: canary 25% → shadow live"]
        assert {route: entry.reason for route, entry in core.holds(world.entries()).items()} == {"cart": "slow", "pay": "slow"}

    def test_a_flip_down_is_a_rollback_too(self, world: Given) -> None:
        assert flip(order("@carts", "canary 1%"), world).held == ("cart", "pay")

    @pytest.mark.parametrize(
        ("name", "to", "place"), [("write", "", "shadow"), ("write", "legacy", "legacy"), ("read", "", "legacy")]
    )
    def test_leads_to_where_legacy_serves(self, world: Given, name: str, to: str, place: str) -> None:
        flip(rollback(name, to), world)
        assert world.places()[name] == place

    def test_from_the_bottom_there_is_none(self, world: Given) -> None:
        with pytest.raises(Refusal, match="nothing to roll back"):
            flip(rollback("new"), world)

    def test_needs_no_store(self, world: Given) -> None:
        (world.path.parent / "strangler.db").write_text("no database")
        done = flip(rollback("write"), world)
        assert (done.effect, done.notes, world.places()["write"]) == (Effect.LIVE, (), "shadow")
        (world.path.parent / "strangler.db").unlink()
        assert world.told() == ["write: canary 5% → shadow live"], "journalled all the same"


class TestHolds:
    @pytest.mark.parametrize("force", [False, True])
    def test_nothing_climbs_across_one(self, world: Given, force: bool) -> None:
        flip(rollback("write", reason="drift"), world)
        with pytest.raises(Refused, match=r"write: held by anna since 20\d\d-.*, because: drift: `strangler resume write` first"):
            flip(order("write", "canary 1%", force=force, reason="anyway"), world)
        assert flip(rollback("write"), world).effect is Effect.LIVE, "down is always open"

    def test_resumed_it_climbs_again(self, world: Given) -> None:
        flip(rollback("write"), world)
        assert resume("write", "otto", "mended", world) == ("write",)
        assert flip(order("write", "canary 1%"), world).effect is Effect.LIVE

    def test_holds_are_set_and_ended_by_name_and_group_and_once(self, world: Given) -> None:
        assert hold("@carts", "otto", "holidays", world) == ("cart", "pay")
        assert hold("@carts", "otto", "holidays", world) == ()
        with pytest.raises(Refused, match=r"cart: held by otto.*holidays.*\n.*pay: held"):
            flip(order("@carts", "canary 50%"), world)
        assert resume("@carts", "otto", "", world) == ("cart", "pay")
        assert resume("@carts", "otto", "", world) == ()
        assert world.places()["cart"] == "canary 25%", "a hold touches no file"

    def test_one_that_the_store_knows_counts(self, world: Given) -> None:
        hold("read", "otto", "", world)
        keep(world, create=True)
        assert world.journal(world.config(world.path.read_bytes()), world.path).spooled() == []
        with pytest.raises(Refused, match="read: held by otto"):
            flip(UP, world)

    def test_one_that_is_set_while_the_guard_thinks_counts(self, world: Given) -> None:
        world.meanwhile = lambda: hold("read", "otto", "stop!", world)
        with pytest.raises(Refused, match="stop!"):
            flip(UP, world)

    def test_of_a_route_that_is_not_there_is_refused(self, world: Given) -> None:
        with pytest.raises(UsageError, match="no route 'raed'"):
            hold("raed", "otto", "", world)


def saved(world: Given, old: str, new: str) -> bool:
    """An editor saves."""
    text = world.path.read_text()
    assert old in text
    beside = world.path.with_name("editor.tmp")
    beside.write_text(text.replace(old, new, 1))
    beside.replace(world.path)
    return True


class TestOthers:
    def test_another_route_may_move_while_the_guard_thinks(self, world: Given) -> None:
        world.meanwhile = lambda: saved(
            world, "stage: canary, weight: 25%, group", "stage: canary, weight: 25%, fallback: off, group"
        )
        flip(UP, world)
        assert len(world.judged) == 1, "what it has said still holds"
        assert "fallback: off" in world.path.read_text()
        assert world.places()["read"] == "canary 5%"

    def test_the_guard_is_asked_again_about_a_route_that_was_changed(self, world: Given) -> None:
        changes = iter([("name: read", "fallback: off, name: read")])
        world.meanwhile = lambda: [saved(world, *change) for change in changes]
        flip(UP, world)
        assert len(world.judged) == 2
        assert world.told() == ["read: shadow → canary 5% live"]

    def test_who_finds_the_work_done_has_nothing_to_do(self, world: Given) -> None:
        world.meanwhile = lambda: saved(world, "stage: shadow, weight: 25%", "stage: canary, weight: 5%")
        assert flip(UP, world).effect is Effect.NOTHING

    def test_a_save_between_intention_and_rename_is_not_lost_and_the_flip_begins_anew(self, world: Given) -> None:
        real_add, saves = world.add, iter(["# kept", "# kept too"])

        def add(journal: Journal, entries: Iterable[Entry]) -> None:
            kept = list(entries)
            real_add(journal, kept)
            if any(entry.kind is Kind.INTENDED for entry in kept):
                for comment in saves:
                    saved(world, "routes:", f"{comment}\nroutes:")
                    break

        world.add = add  # type: ignore[method-assign]
        flip(UP, world)
        assert world.told() == [
            "read: shadow → canary 5% abandoned",
            "read: shadow → canary 5% abandoned",
            "read: shadow → canary 5% live",
        ]
        assert "# kept\n# kept too\n" in world.path.read_text().replace("routes:  ", "")

    def test_a_file_that_never_rests_is_given_up(self, world: Given) -> None:
        world.meanwhile = lambda: (
            saved(world, "fallback: off, name: read", "name: read")
            if "fallback" in world.path.read_text()
            else saved(world, "name: read", "fallback: off, name: read")
        )
        with pytest.raises(Refusal, match="being changed all the time"):
            flip(UP, world)
        assert (len(world.judged), world.told()) == (TRIES, [])


class TestTheRunningProxy:
    REFUSES = Answer(Outcome.REFUSED, "worker 1: no memory", 7)

    def test_what_it_refuses_is_taken_back(self, world: Given) -> None:
        before = world.path.read_bytes()
        world.proxy.answers = [self.REFUSES]
        with pytest.raises(Refused, match=r"worker 1: no memory\n.*what was served before goes on; the file is as it was"):
            flip(UP, world)
        assert (world.path.read_bytes(), world.told()) == (before, ["read: shadow → canary 5% abandoned"])
        assert world.proxy.asked[1] == world.read().revision, "it has seen that the file is good again"

    def test_what_others_have_changed_since_stays(self, world: Given) -> None:
        def take_up(real: Path, digest: str) -> Answer:
            if not world.proxy.asked:
                saved(world, "# kept", "# changed")
            return world.proxy.take_up(digest)

        world.proxy.answers = [self.REFUSES]
        world.take_up = take_up  # type: ignore[method-assign]
        with pytest.raises(Refused):
            flip(UP, world)
        assert "# changed" in world.path.read_text()
        assert (world.places()["read"], world.told()) == ("shadow", ["read: shadow → canary 5% abandoned"])

    def test_a_worker_that_is_late_is_named_and_the_file_stays_changed(self, world: Given) -> None:
        world.proxy.answers = [Answer(Outcome.LATE, "worker 2 has not answered", 7)]
        with pytest.raises(UnreachableError, match="not every worker of pid 7 decides by it yet: worker 2"):
            flip(UP, world)
        assert world.told() == ["read: shadow → canary 5% intended"]
        keep(world)
        assert world.told() == ["read: shadow → canary 5% live"]


class TestErrors:
    def test_a_journal_that_cannot_be_written_stops_the_way_up(self, world: Given) -> None:
        before = world.path.read_bytes()
        (world.path.parent / ".routes.yaml.journal").mkdir()
        with pytest.raises(DatabaseError):
            flip(UP, world)
        assert world.path.read_bytes() == before

    def test_and_not_the_way_down(self, world: Given) -> None:
        (world.path.parent / ".routes.yaml.journal").mkdir()
        (world.path.parent / "strangler.db").write_text("no database")
        done = flip(rollback("write"), world)
        assert (done.effect, world.places()["write"]) == (Effect.LIVE, "shadow")
        assert "the journal cannot be written" in done.notes[0]
        assert "journalled as soon as it can be" in done.notes[0]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: what is refused to others cannot be seen")
    def test_a_folder_that_may_not_be_written_is_said(self, world: Given) -> None:
        world.path.parent.chmod(0o500)
        try:
            with pytest.raises(StranglerError, match=r"may not be written|cannot be written"):
                flip(UP, world)
        finally:
            world.path.parent.chmod(0o700)

    def test_a_file_that_may_not_be_written_leaves_an_abandoned_intention_at_most(self, world: Given) -> None:
        world.path.chmod(0o444)
        with pytest.raises(UsageError, match="is read-only"):
            flip(UP, world)
        assert world.told() == []
