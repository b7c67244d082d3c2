"""Edits of the file by hand: judged as flips are, written down, and never mistaken for what a flip has done. And what the
journal has missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from strangler.control.flipping import by_hand
from strangler.control.flipping.by_hand import Ruling
from strangler.control.flipping.flip import flip
from strangler.control.flipping.hold import hold, resume
from strangler.control.flipping.settlement import keep, settle
from strangler.core.errors import DatabaseError
from strangler.core.flip import Place, place_of
from strangler.core.journal import FILE
from tests.unit.control.flips import FAILED, Given, order, rollback


@pytest.fixture
def world(tmp_path: Path) -> Given:
    return Given(tmp_path)


def served(world: Given) -> dict[str, Place]:
    """What is served now, which is what the file has now."""
    return {route.name: place_of(route) for route in world.config(world.path.read_bytes()).routes}


def edited(world: Given, *changes: tuple[str, str]) -> None:
    text = world.path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    world.path.write_text(text)


def judged(world: Given, before: dict[str, Place]) -> Ruling:
    snapshot = world.read()
    return by_hand.judge(world, snapshot, world.config(snapshot.data), before)


CANARY = ("stage: shadow, weight: 25%", "stage: canary, weight: 5%")
SHADOW = ("stage: canary, weight: 5%", "stage: shadow, weight: 5%")


class TestChanges:
    def test_nothing_changed_is_nothing_to_say(self, world: Given) -> None:
        before = served(world)
        edited(world, ("# kept", "# changed"))
        assert (judged(world, before), world.told(), world.judged) == (Ruling(), [], [])

    def test_up_needs_the_guard(self, world: Given) -> None:
        before = served(world)
        edited(world, CANARY)
        assert judged(world, before) == Ruling()
        assert [str(one) for one in world.judged] == ["read: shadow → canary 5%"]
        assert world.told() == ["read: shadow → canary 5% live"]
        entry = world.history()[0].entry
        assert (entry.actor, entry.verdict, entry.digest) == (FILE, "pass", world.read().revision)

    def test_refused_every_unmet_condition_is_said_and_nothing_is_written(self, world: Given) -> None:
        before = served(world)
        world.verdicts["read"] = FAILED
        edited(world, CANARY)
        ruling = judged(world, before)
        assert ruling.refused[0] == f"{world.path}: an edit by hand is refused: read: shadow → canary 5%"
        assert ruling.refused[1] == "  read: parity: fail: GET 2xx: 90.00% of 1,000 agree"
        assert "`strangler flip`" in ruling.refused[-1]
        assert len(ruling.refused) == 4
        assert world.told() == []

    def test_trusted_it_needs_none(self, tmp_path: Path) -> None:
        world = Given(tmp_path, "reload: trusted")
        before = served(world)
        world.verdicts["read"] = FAILED
        edited(world, CANARY)
        assert (judged(world, before), world.judged) == (Ruling(), [])
        assert world.told() == ["read: shadow → canary 5% live"]

    def test_down_passes_whatever_is_broken(self, world: Given) -> None:
        before = served(world)
        (world.path.parent / "strangler.db").write_text("no database")
        edited(world, SHADOW)
        assert judged(world, before) == Ruling()
        (world.path.parent / "strangler.db").unlink()
        assert world.told() == ["write: canary 5% → shadow live"]

    def test_a_route_that_was_not_served_begins_at_legacy(self, world: Given) -> None:
        before = served(world)
        world.verdicts["more"] = FAILED
        edited(world, ("routes:  # kept\n", "routes:\n  - {name: more, match: {path: /more, methods: [GET]}, stage: modern}\n"))
        assert judged(world, before).refused[0].endswith("more: legacy → modern")
        edited(world, ("stage: modern", "stage: legacy"))
        assert judged(world, before) == Ruling()

    def test_writes_with_data_wait_for_their_cutover(self, tmp_path: Path) -> None:
        world = Given(tmp_path, "reload: trusted")
        before = served(world)
        edited(world, ("stage: canary, weight: 5%", "stage: modern, weight: 5%"))
        assert "strangler cutover write" in "\n".join(judged(world, before).refused)

    def test_a_guard_that_fails_refuses(self, world: Given) -> None:
        def gone() -> None:
            raise DatabaseError("the store is gone")

        before, world.meanwhile = served(world), gone
        edited(world, CANARY)
        assert "  guard: the store is gone" in judged(world, before).refused

    def test_a_journal_that_cannot_be_written_is_said(self, world: Given) -> None:
        before = served(world)
        (world.path.parent / ".routes.yaml.journal").mkdir()
        (world.path.parent / "strangler.db").write_text("no database")
        edited(world, SHADOW)
        ruling = judged(world, before)
        assert ruling.refused == ()
        assert "journalled as soon as it can be" in ruling.notes[0]


class TestHolds:
    @pytest.mark.parametrize("more", ["", "reload: trusted"])
    def test_none_is_crossed(self, tmp_path: Path, more: str) -> None:
        world = Given(tmp_path, more)
        before = served(world)
        hold("read", "otto", "not yet", world)
        edited(world, CANARY)
        assert "read: held by otto" in "\n".join(judged(world, before).refused)
        resume("read", "otto", "", world)
        assert judged(world, before) == Ruling()

    def test_what_is_not_known_is_taken_for_one(self, tmp_path: Path) -> None:
        world = Given(tmp_path, "reload: trusted")
        before = served(world)
        (world.path.parent / "strangler.db").write_text("no database")
        edited(world, CANARY)
        assert "what is held is not known" in "\n".join(judged(world, before).refused)


class TestFlips:
    def test_are_not_judged_again(self, world: Given) -> None:
        before = served(world)
        flip(order("read", "canary 5%"), world)
        asked = len(world.judged)
        assert (judged(world, before), len(world.judged)) == (Ruling(), asked)
        assert world.told() == ["read: shadow → canary 5% live"]

    def test_nor_when_the_store_has_taken_them(self, world: Given) -> None:
        before = served(world)
        flip(rollback("write"), world)
        keep(world, create=True)
        assert judged(world, before) == Ruling()
        assert len(world.history()) == 1

    def test_an_edit_that_rides_on_a_flip_is_judged(self, world: Given) -> None:
        """It is in the file that the flip has written, whose digest the journal has."""
        before = served(world)
        world.verdicts["write"] = FAILED
        edited(world, ("stage: canary, weight: 5%", "stage: canary, weight: 90%"))
        flip(order("read", "canary 5%"), world)
        assert judged(world, before).refused[0].endswith("refused: write: canary 5% → canary 90%")

    def test_back_up_by_hand_after_a_rollback_is_no_flip_of_ours(self, world: Given) -> None:
        flip(order("read", "canary 5%"), world)
        flip(rollback("read"), world)
        before = served(world)
        edited(world, (CANARY[0].replace("25", "5"), CANARY[1]))
        assert "held by anna" in "\n".join(judged(world, before).refused)

    def test_one_that_was_abandoned_counts_for_nothing(self, world: Given) -> None:
        before = served(world)
        real_put = world.put
        world.put = lambda snapshot, text, intend: (intend(b"x"), real_put(snapshot, 1 / 0, intend))[1]  # type: ignore
        with pytest.raises(ZeroDivisionError):
            flip(order("read", "canary 5%"), world)
        world.verdicts["read"] = FAILED
        edited(world, CANARY)
        assert judged(world, before).refused != ()

    def test_the_later_intention_counts_though_the_earlier_flip_was_live_after_it(self, world: Given) -> None:
        """Two flips of a route, close together: the first is acknowledged when the second has been written."""
        before, take_up = served(world), world.take_up

        def slow(real: Path, digest: str):  # type: ignore[no-untyped-def]
            world.take_up = take_up  # type: ignore[method-assign]
            flip(order("read", "canary 25%"), world)
            return take_up(real, digest)

        world.take_up = slow  # type: ignore[method-assign]
        flip(order("read", "canary 5%"), world)
        assert world.told() == ["read: shadow → canary 5% live", "read: canary 5% → canary 25% live"]
        world.verdicts["read"] = FAILED
        assert judged(world, before) == Ruling()


class TestWhatTheJournalHasMissed:
    def test_what_is_served_and_unknown_is_written_down_once(self, world: Given) -> None:
        config = world.config(world.path.read_bytes())
        keep(world, config, create=True)
        keep(world, config)
        assert world.told() == [
            "read: legacy → shadow live",
            "cart: legacy → canary 25% live",
            "pay: legacy → canary 25% live",
            "write: legacy → canary 5% live",
        ]
        assert {recorded.entry.actor for recorded in world.history()} == {FILE}

    def test_what_is_in_the_file_and_not_served_is_not(self, world: Given) -> None:
        config = world.config(world.path.read_bytes())
        keep(world, config, create=True)
        edited(world, CANARY)
        keep(world, config)
        assert "canary 5%" not in "".join(world.told()[:1])
        assert len(world.told()) == 4

    def test_a_rollback_that_could_not_be_written_down_is(self, world: Given) -> None:
        keep(world, world.config(world.path.read_bytes()), create=True)
        spool, store = world.path.parent / ".routes.yaml.journal", world.path.parent / "strangler.db"
        spool.rename(spool.with_name("kept"))
        spool.mkdir()
        store.rename(store.with_name("kept.db"))
        store.write_text("no database")
        assert flip(rollback("write"), world).notes != ()
        spool.rmdir()
        spool.with_name("kept").rename(spool)
        store.with_name("kept.db").rename(store)
        keep(world, world.config(world.path.read_bytes()))
        assert world.told()[-1] == "write: canary 5% → shadow live"

    def test_nothing_is_settled_while_a_flip_is_under_way(self, world: Given) -> None:
        real = world.read().real
        with world.under_way(real):
            assert settle(world, world.config(world.path.read_bytes())) == []
        assert len(settle(world, world.config(world.path.read_bytes()))) == 4
