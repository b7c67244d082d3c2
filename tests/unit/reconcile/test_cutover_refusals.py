"""What stands against a cutover: all of it at once, a line each, with what to do. And how it would go if nothing does."""

import pytest

import reconcile
from reconcile.capturing import install
from reconcile.cutover.data_side import DataSide
from reconcile.relaying.patience import Patience
from strangler.core.errors import UsageError
from tests.unit.reconcile.cutovers import BOTH_WAYS, Movers, await_nothing, soon
from tests.unit.reconcile.relaying import Families, drain

PARENTS_BACK = "    back: {columns: {name: name, grade: grade}}\n"


@pytest.fixture
def movers(fresh, tmp_path):
    found = Movers(tmp_path, fresh("sqlite"), fresh("sqlite"))
    found.settle()
    yield found
    found.close()


def against(movers, to="new", names=("parents",)):
    with movers.data(names) as data:
        return list(data.refusals(to))


def test_nothing_stands_against_what_is_in_step_either_way(movers):
    assert against(movers, names=("parents", "children")) == []
    movers.cut_over("new", "first")
    movers.quiesce()
    assert against(movers, "old", ("parents", "children")) == []
    assert against(movers, "new") == ["parents: its owner is new already (epoch 2): there is nothing to move"]


def test_the_way_back_is_open_before_the_relay_that_turns_round_has_beaten_there(movers):
    """Its last heartbeat on that side is of another time, or there never was one: here it ends before the owner moves."""
    with movers.data() as data:
        with movers.relaying():
            await_nothing(data, data.mark())
            assert data.verify(soon()).ok
        data.bump("new", "first")
    assert against(movers, "old") == []
    long_ago = "UPDATE strangler_owner SET changed_at = changed_at - 60000000 WHERE mapping = 'parents'"
    movers.run_all(movers.new, long_ago)
    assert against(movers, "old") == ["parents: nobody relays it: `strangler serve`, or `strangler data relay`"]


def test_everything_is_said_at_once(fresh, tmp_path):
    families = Families(tmp_path, fresh("sqlite"), fresh("sqlite"), BOTH_WAYS.replace(PARENTS_BACK, ""))
    install.remove(families.plan)
    with DataSide(families.plan, ("children", "parents")) as data:
        found = data.refusals("new")
    families.close()
    assert found == (
        "parents: what is written on the old side is not captured: `strangler data capture install parents`",
        "parents: it was never compared: `strangler data reconcile parents`",
        "parents: it is not two-way (it has no `back`): mend `back`, or write `one_way: accepted`",
        "children: what is written on the old side is not captured: `strangler data capture install children`",
        "children: it was never compared: `strangler data reconcile children`",
        "children: what is written on the new side is not captured: `strangler data capture install children --side new`, "
        "then `strangler data reconcile children`",
    )


NUMBERED = "CREATE SEQUENCE counts OWNED BY parents.id; ALTER TABLE parents ALTER id SET DEFAULT nextval('counts')"
BEHIND = "parents: the next id that public.counts gives is {}, and parents has 3 already: put it well ahead (`SELECT setval("


def test_a_sequence_that_would_give_a_key_again_is_put_ahead_first(fresh, tmp_path):
    movers = Movers(tmp_path, fresh("sqlite"), fresh("postgresql"))
    try:
        movers.run_all(movers.new, NUMBERED)
        for last, gives in (("1, false", 1), ("1", 2), ("2", 3)):
            movers.run_all(movers.new, f"SELECT setval('counts', {last})")
            assert [line.startswith(BEHIND.format(gives)) for line in against(movers) if " gives is " in line] == [True]
        for last in ("3", "4, false", "10003"):
            movers.run_all(movers.new, f"SELECT setval('counts', {last})")
            assert " gives is " not in "".join(against(movers))
        movers.run_all(movers.new, "SELECT setval('counts', 1); ALTER SEQUENCE counts INCREMENT BY -1 MINVALUE -100")
        assert " gives is " not in "".join(against(movers)), "what counts downwards meets nobody above"
    finally:
        movers.close()


def give_up(movers):
    movers.write("UPDATE parent SET grade = 'none' WHERE id = 1")
    with movers.relay(patience=Patience(attempts=1)) as relay:
        drain(relay)


def drift(movers):
    movers.write_new("UPDATE parents SET name = 'x' WHERE id = 1")
    reconcile.reconcile(movers.plan, "parents")


def drift_that_only_a_full_pass_found(movers):
    drift(movers)
    reconcile.reconcile(movers.plan, "parents", incremental=True)


def cut_off(movers):
    with movers.database("new") as new, new.writing() as connection:
        connection.exec_driver_sql("UPDATE strangler_owner SET owner = 'new', epoch = 2 WHERE mapping = 'parents'")


def change_a_column(movers):
    movers.run_all(movers.old, "ALTER TABLE parent RENAME COLUMN grade TO rank")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (give_up, "parents: 1 keys were given up: `strangler data dead list parents`"),
        (drift, "parents: 1 rows differ: `strangler data repair plan parents`, then `strangler data reconcile parents`"),
        (
            lambda it: install.pause(it.plan, ["parents"]),
            "parents: capture is paused: `strangler data capture resume parents`, then",
        ),
        (
            lambda it: install.pause(it.plan, ["parents"], side="new"),
            "parents: capture on the new side is paused: `strangler data capture resume parents --side new`, then",
        ),
        (
            lambda it: (install.pause(it.plan), install.resume(it.plan)),
            "parents: not everything that changed is known (parent:id: capture was paused",
        ),
        (
            lambda it: it.run_all(it.old, "UPDATE strangler_relay SET beat_at = beat_at - 60000000"),
            "parents: nobody relays it: `strangler serve`, or `strangler data relay`",
        ),
        (
            cut_off,
            "parents: the old database says that the owner is old (epoch 1), the new one says new (epoch 2): a move was cut off",
        ),
        (change_a_column, "parents: "),
    ],
)
def test_each_in_words(movers, spoil, words):
    spoil(movers)
    assert [line for line in against(movers) if line.startswith(words)]


def test_what_has_no_way_back_moves_only_where_that_was_accepted(fresh, tmp_path):
    one_way = BOTH_WAYS.replace("    back: {columns: {parent: parent_id, name: name}}\n", "    one_way: accepted\n")
    movers = Movers(tmp_path, fresh("sqlite"), fresh("sqlite"), one_way)
    movers.settle()
    assert against(movers, names=("parents", "children")) == []
    movers.cut_over("new", "first")
    movers.write_new("UPDATE parents SET name = 'x' WHERE id = 1", "UPDATE children SET name = 'stays here' WHERE id = 1")
    movers.quiesce()
    assert movers.rows(movers.old, "parent")[0] == (1, "x", "1")
    assert movers.rows(movers.old, "child")[0] == (1, 1, "c1")
    with movers.database("new") as new, new.reading() as connection:
        count = "SELECT (SELECT count(*) FROM strangler_outbox) + (SELECT count(*) FROM strangler_pending)"
        left = connection.exec_driver_sql(count).scalar_one()
    assert left == 0
    with movers.relay() as relay:
        assert relay.step().troubles == {}
    (rests,) = reconcile.standings(movers.plan, ["children"])
    assert (rests.next, rests.status.why) == ("", "the new side owns it, and it has no way back: nothing is copied or compared")
    assert against(movers, "old", ("parents", "children")) == []
    movers.cut_over("old", "second")
    found = {each.mapping: each.known for each in reconcile.capture_status(movers.plan)}
    assert found == {"parents": True, "children": False}  # what the new side wrote meanwhile is not here
    movers.close()


def test_a_rehearsal_tells_how_long_writers_would_wait_and_writes_nothing(movers):
    movers.write("UPDATE parent SET name = 'x' WHERE id = 1")
    with movers.relaying(), movers.data() as data:
        found = data.rehearsal("new")
    assert found.lag is not None
    assert found.estimated > found.lag
    assert (found.waiting <= 1, found.to_verify) == (True, 1)
    with movers.data() as data:
        assert {owner.owner for says in data.owners().values() for owner in says} == {"old"}


def test_a_rehearsal_without_a_relay_says_that_nothing_arrives(movers, monkeypatch):
    monkeypatch.setattr("reconcile.cutover.rehearsing._LONGEST", 0.05)
    movers.write("UPDATE parent SET name = 'x' WHERE id = 1")
    with movers.data() as data:
        found = data.rehearsal("new")
    assert (found.lag, found.waiting, found.to_verify, found.estimated) == (None, 1, 1, None)
    assert found.document()["waiting"] == 1


def test_a_mapping_that_is_not_there_is_named(movers):
    with pytest.raises(UsageError, match="did you mean 'parents'"):
        DataSide(movers.plan, ("parent",))


def test_names_are_in_the_order_of_the_file(movers):
    with movers.data(("children", "parents")) as data:
        assert data.names == ("parents", "children")


def test_databases_that_are_not_there_are_a_line(movers, tmp_path):
    movers.file.write_text(movers.file.read_text("utf-8").replace("sqlite:///", "sqlite:///nowhere", 1), "utf-8")
    (first, *_) = against(movers)
    assert "database old: there is no file" in first
