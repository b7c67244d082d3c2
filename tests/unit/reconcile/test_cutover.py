"""The data's half of a cutover, on every dialect: there and back, with nothing lost and nothing moved by halves."""

import pytest
from sqlalchemy import text

import reconcile
from reconcile.capturing import install, known, origin
from reconcile.cutover.databases import Databases
from reconcile.cutover.values import Verified
from reconcile.cutover.verification import Time, verify
from reconcile.owning.ownership import Ownership
from reconcile.relaying.patience import Patience
from strangler.core.errors import Refusal
from tests.unit.reconcile.cutovers import NAMES, Killed, Movers, killed_before, soon
from tests.unit.reconcile.relaying import drain


@pytest.fixture
def movers(fresh, dialect, tmp_path):
    found = Movers(tmp_path, fresh(dialect), fresh(dialect))
    yield found
    found.close()


@pytest.fixture
def here(fresh, tmp_path):
    """For what no dialect does otherwise than the others."""
    found = Movers(tmp_path, fresh("sqlite"), fresh("sqlite"))
    yield found
    found.close()


def test_there_and_back_with_writes_on_either_side(movers):
    movers.write("UPDATE parent SET name = 'written on the old side' WHERE id = 1")
    assert movers.cut_over("new", "first") == {"parents": Ownership("new", 2), "children": Ownership("new", 2)}
    assert movers.agree()

    movers.write_new("INSERT INTO parents VALUES (4, 'born on the new side', 4)", "INSERT INTO children VALUES (4, 4, 'too')")
    movers.write_new("UPDATE parents SET name = 'written on the new side' WHERE id = 2", "DELETE FROM children WHERE id = 3")
    movers.quiesce()
    assert movers.agree()
    assert len(movers.parents) == 4

    assert movers.cut_over("old", "second") == {"parents": Ownership("old", 3), "children": Ownership("old", 3)}
    movers.write("UPDATE parent SET name = 'home' WHERE id = 4")
    movers.quiesce()
    assert movers.agree()


def test_a_marker_waits_for_all_that_was_written_before_it_and_for_nothing_else(movers):
    movers.write("UPDATE parent SET name = 'a' WHERE id = 1", "UPDATE child SET name = 'b' WHERE id = 1")
    with movers.data() as data, movers.relay() as relay:
        marker = data.mark()
        movers.write("UPDATE parent SET name = 'later' WHERE id = 2")
        assert data.waits_for(marker) == 2
        collect(movers)
        assert data.waits_for(marker) == 3  # they cannot be told apart any more: that is one too many, and never too few
        movers.write("UPDATE parent SET name = 'later still' WHERE id = 3")
        drain(relay)
        assert data.waits_for(marker) == 0


def test_a_change_that_came_while_its_key_was_being_applied_is_waited_for(movers):
    """Its key is applied, and waits anew with a new time: later than the marker."""
    with movers.data() as data, movers.relay() as relay:
        apply, marker = relay._apply, None

        def applying(*arguments):
            nonlocal marker
            found = apply(*arguments)
            movers.write("UPDATE parent SET name = 'second' WHERE id = 1")
            collect(movers)
            marker = data.mark()
            assert data.waits_for(marker) == 1
            return found

        movers.write("UPDATE parent SET name = 'first' WHERE id = 1")
        relay._apply = applying
        relay.step()
        relay._apply = apply
        assert movers.parents[0] == (1, "first", 1)
        assert data.waits_for(marker) == 1
        drain(relay)
        assert data.waits_for(marker) == 0
    assert movers.parents[0] == (1, "second", 1)


def collect(movers):
    """What another relay does that takes rows out of the outbox."""
    with movers.relay() as other:
        other._may = lambda *_: False
        other.step()


def test_nobody_is_waited_for_who_was_given_up(here):
    here.write("UPDATE parent SET grade = 'no number' WHERE id = 1")
    with here.data() as data, here.relay(patience=Patience(attempts=1)) as relay:
        marker = data.mark()
        drain(relay)
        with pytest.raises(Refusal, match="parents: 1 keys were given up: `strangler data dead list` shows them"):
            data.waits_for(marker)
        verified = data.verify(soon())
        assert (verified.ok, [line.split(":")[0] for line in verified.words]) == (False, ["parents"])


def test_a_marker_that_is_not_captured_is_refused(here):
    install.remove(here.plan, discard=True)
    with here.data() as data, pytest.raises(Refusal, match="database old has no outbox: `strangler data capture install`"):
        data.mark()


@pytest.mark.parametrize("side", ["old", "new"])
def test_verifying_compares_what_changed_and_nothing_else(movers, side):
    movers.write("UPDATE parent SET name = 'a' WHERE id = 1", "INSERT INTO child VALUES (9, 2, 'new')")
    movers.settle()
    with movers.data() as data:
        assert data.verify(soon()) == Verified(True, (), 2)
        assert data.verify(soon()) == Verified(True, (), 0)
        if side == "new":
            data.bump("new", "first")
            movers.write_new("UPDATE parents SET name = 'b' WHERE id = 1")
            movers.quiesce()
            assert data.verify(soon()) == Verified(True, (), 1)


def test_verifying_finds_a_row_that_was_changed_behind_the_relays_back(here):
    here.write("UPDATE parent SET name = 'a' WHERE id = 1")
    here.settle()
    with here.database("new") as new, new.writing() as connection:
        origin.mark(connection, new.dialect, "repair")  # so that it is not even noted as somebody's
        connection.execute(text("UPDATE parents SET name = 'b' WHERE id = 1"))
    with here.data() as data:
        verified = data.verify(soon())
    assert not verified.ok
    assert verified.words == (
        "parents: 1 rows differ (1…): `strangler data reconcile parents` shows them, `repair plan` mends them",
    )


@pytest.mark.parametrize("relayed", [False, True], ids=["in the outbox", "noted by a relay"])
def test_verifying_looks_at_what_somebody_wrote_on_the_side_that_does_not_own(movers, relayed):
    movers.write_new("UPDATE parents SET name = 'rogue' WHERE id = 2")
    if relayed:
        movers.settle()
    with movers.data() as data:
        assert [line.split(" (")[0] for line in data.verify(soon()).words] == ["parents: 1 rows differ"]
        movers.write_new("UPDATE parents SET name = 'p2' WHERE id = 2")
        assert data.verify(soon()).ok


def test_verifying_ends_at_its_deadline_while_somebody_goes_on_writing(here):
    """The relay is not at work, so the row never comes to rest."""
    here.write("UPDATE parent SET name = 'a' WHERE id = 1")
    now, databases = 0.0, Databases(here.plan, NAMES)

    def sleep(seconds):
        nonlocal now
        now += seconds

    verified = verify(databases, Time(2.0, lambda: now, sleep))
    databases.close()
    assert verified == Verified(False, ("parents: the pass ended early: the time for it is over",), 0)
    assert 1.9 < now <= 2.0


def test_a_side_that_does_not_capture_yet_must_not_own(here):
    install.pause(here.plan, ["parents"], side="new")
    advice = "`strangler data capture install parents --side new`, then `strangler data reconcile parents`"
    with here.data() as data:
        because = "parents:id: capture is paused"
        assert data.verify(soon()).words == (f"parents: what is written on the new side is not known ({because}): {advice}",)


def test_what_nobody_saw_on_the_side_that_is_to_own_takes_a_full_pass(here):
    """A row that was written there while nothing captured it would differ for ever, since nobody looks at it again."""
    install.pause(here.plan, ["parents"], side="new")
    here.write_new("UPDATE parents SET name = 'unseen' WHERE id = 2")
    install.resume(here.plan, ["parents"], side="new")
    with here.data() as data:
        (words,) = data.verify(soon()).words
        assert "what is written on the new side is not known (parents:id: capture was paused" in words
        assert not reconcile.reconcile(here.plan, "parents").clean
        here.write_new("UPDATE parents SET name = 'p2' WHERE id = 2")
        here.compare()
        assert data.verify(soon()).ok


def test_after_a_move_what_changes_is_known_without_another_full_pass(here):
    here.cut_over("new", "first")
    assert [(each.mapping, each.known, each.why) for each in reconcile.capture_status(here.plan)] == [
        ("parents", True, ""),
        ("children", True, ""),
    ]
    with here.database("old") as old, old.reading() as connection:
        told = [known.knowledge(connection, old.dialect, mapping, "old").known for mapping in here.plan.mappings]
    assert told == [True, True], "what the relay writes there is captured, and whatever else"


def test_preparing_leaves_little_to_verify_and_finds_drift_before_anybody_is_held(here):
    here.write("UPDATE parent SET name = 'a' WHERE id = 1", "UPDATE parent SET name = 'b' WHERE id = 2")
    here.settle()
    here.write("UPDATE parent SET name = 'c' WHERE id = 3")  # which is still on its way, and is left
    with here.data() as data:
        assert data.prepare(soon(1.5)) == Verified(True, (), 3)
        here.settle()
        assert data.verify(soon()) == Verified(True, (), 1)


def test_a_relay_that_is_late_writes_nothing_on_the_side_that_owns_by_now(movers):
    """It read and claimed before the move, and applies after it."""
    movers.write("UPDATE parent SET name = 'too late' WHERE id = 1")
    with movers.data() as data, movers.relay() as relay:
        apply = relay._apply

        def applying(*arguments):
            data.bump("new", "first")
            return apply(*arguments)

        relay._apply = applying
        found = relay.step()
        assert "its owner is new (epoch 2)" in found.troubles["parents"]
        assert movers.parents[0] == (1, "p1", 1)
        relay._apply = apply
        movers.write_new("UPDATE parents SET name = 'p1 of the new side' WHERE id = 1")
        drain(relay)
    assert movers.rows(movers.old, "parent")[0] == (1, "p1 of the new side", "1")
    movers.compare()


def test_a_relay_turns_round_as_soon_as_both_databases_say_so(here):
    """It looks again sooner than at other troubles: a move takes a moment only."""
    now = 0.0
    with here.data(("children",)) as data, here.relay(clock=lambda: now) as relay:
        assert relay.step().troubles == {}
        with pytest.raises(Killed), killed_before(here.old.url, "UPDATE strangler_owner"):
            data.bump("new", "first")
        here.write_new("UPDATE children SET name = 'written on the new side' WHERE id = 1")
        drain(relay)
        assert "a move was cut off" in relay.step().troubles["children"]
        assert here.rows(here.old, "child")[0] == (1, 1, "c1")
        data.bump("new", "first")
        now += 0.25
        drain(relay)
        assert relay.step().troubles == {}
    assert here.rows(here.old, "child")[0] == (1, 1, "written on the new side")


def test_somebody_who_writes_past_the_hold_is_found(here):
    """Whoever looks at the clock is followed by a write, and by a relay that brings it over."""
    here.write("UPDATE parent SET name = 'first' WHERE id = 1")
    now, databases = 0.0, Databases(here.plan, NAMES)

    def clock():
        nonlocal now
        now += 0.05
        here.write(f"UPDATE parent SET name = 'at {now:.2f}' WHERE id = 1")
        here.settle()
        return now

    verified = verify(databases, Time(2.0, clock, lambda seconds: None))
    databases.close()
    assert not verified.ok
    (words,) = verified.words
    assert words.startswith("parents: ")
    assert "writing" in words
