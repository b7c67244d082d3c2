"""The commands as typed: what they print, what they exit with, and that all who read can say it as JSON."""

from __future__ import annotations

import json

import click
import pytest
from sqlalchemy import create_engine, update

import reconcile
from reconcile.cli import data, main
from reconcile.databases.database import opened
from reconcile.owning.ownership import set_owner
from reconcile.relaying import pending
from reconcile.relaying.tables import DEAD, PENDING

pytestmark = pytest.mark.usefixtures("numbered")


@pytest.fixture
def type_(capsys: pytest.CaptureFixture[str], numbered, monkeypatch: pytest.MonkeyPatch):
    """Type a command where the file is; its exit code, what it printed, and its errors."""
    monkeypatch.chdir(numbered.folder)

    def type_(*words: str) -> tuple[int, str, str]:
        code = main(list(words))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return type_


def commands(group: click.Group, *above: str):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield (*above, name), command


WRITES = {("capture", "install"), ("capture", "pause"), ("capture", "resume"), ("capture", "remove"), ("dead", "retry")}
WRITES |= {("dead", "skip"), ("repair", "prune"), ("resume",)}


@pytest.mark.parametrize(("words", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands(data)])
def test_every_command_says_what_it_does_and_reads_as_json(words, command):
    options = {option for parameter in command.params for option in parameter.opts}
    assert command.help
    assert {"-c", "--config"} <= options
    assert ("--json" in options) == (words not in WRITES)


def test_from_nothing_to_clean_each_step_is_named_by_status(type_):
    def next_step() -> str:
        code, out, _ = type_("status", "--json")
        (found,) = json.loads(out)["mappings"]
        assert code == (0 if found["state"] == "clean" else 3)
        return str(found["next"])

    assert "`capture install things`" in next_step()
    assert type_("capture", "install")[0] == 0
    assert "`backfill things`" in next_step()
    assert type_("backfill")[:2] == (0, "things: 10 inserted, 0 updated, 0 deleted, 0 unchanged\n")
    assert "nobody relays" in next_step()
    assert type_("relay", "--until-idle")[0] == 0
    assert "never compared" in next_step()
    code, out, _ = type_("capture", "status")
    next_line = "Next: `python -m reconcile backfill`, then `python -m reconcile reconcile`"
    assert (code, out.splitlines()[-1].split(";")[0]) == (3, next_line)
    assert type_("reconcile")[0] == 0
    assert next_step() == ""
    assert type_("capture", "status")[0] == 0
    code, out, _ = type_("status")
    assert (code, out.splitlines()[-1]) == (0, "nothing to do: all are clean, and their changes are followed")


def test_a_backfill_waits_for_what_is_behind_as_the_command_says(type_, numbered):
    code, _, err = type_("backfill", "--behind", "nwe", "SELECT 0", "1")
    assert (code, err) == (2, "Error: --behind: 'nwe' is not one of `databases` in mappings.yaml: old, new\n")
    code, _, err = type_("backfill", "--behind", "new", "SELECT 'x'", "1")
    assert (code, "gives no number" in err) == (2, True)
    assert type_("backfill", "--behind", "new", "SELECT 0", "1", "--rate", "0")[:2][0] == 0


def test_a_relay_says_once_what_it_waits_for(type_, numbered):
    type_("capture", "install")
    type_("relay", "--until-idle")
    numbered.new("CREATE TRIGGER refuse BEFORE INSERT ON things WHEN new.id = 77 BEGIN SELECT raise(ABORT, 'no'); END")
    numbered.old("INSERT INTO thing VALUES (77, 'refused')")
    assert type_("relay", "--once")[2] == "things [77]: cannot be written, and is tried again later and later\n"
    with opened(numbered.plan.databases, "old") as (old,), old.writing() as connection:
        connection.execute(update(PENDING).values(attempts=99, due_at=0))
    assert type_("relay", "--once")[2] == "things [77]: given up: `python -m reconcile dead list` says why\n"


def test_drift_is_planned_repaired_and_taken_back(type_, numbered):
    type_("backfill")
    numbered.new("UPDATE things SET value = 'wrong' WHERE id IN (3, 4)")
    code, report, _ = type_("reconcile", "--json")
    assert code == 3
    (numbered.folder / "report.json").write_text(report)
    code, out, _ = type_("repair", "plan", "--report", "report.json", "-o", "plan.json", "--json")
    assert (code, json.loads(out)["file"]) == (0, "plan.json")
    assert numbered.new("SELECT value FROM things WHERE id = 3") == [("wrong",)]
    assert type_("repair", "apply", "plan.json")[0] == 3, "two rows of ten are more than 5 %"
    assert type_("repair", "apply", "plan.json", "--max-share", "20%")[0] == 0
    assert numbered.drift() == []
    assert type_("repair", "undo", json.loads(out)["id"])[0] == 0
    assert numbered.new("SELECT value FROM things WHERE id = 3") == [("wrong",)]
    (entry,) = json.loads(type_("repair", "list", "--json")[1])
    assert (entry["applied"], entry["undone"]) == (0, 2)


def test_a_plan_without_rows_leaves_no_file(type_, numbered):
    type_("backfill")
    code, out, _ = type_("repair", "plan", "--json")
    assert (code, json.loads(out)["file"]) == (0, None)
    assert list(numbered.folder.glob("repair-*.json")) == []


def test_what_is_printed_for_the_dba_is_not_run(type_, numbered):
    code, out, _ = type_("capture", "install", "--print-sql")
    assert code == 0
    assert "CREATE TRIGGER" in out
    assert numbered.old("SELECT name FROM sqlite_master WHERE name LIKE 'strangler%'") == []


def test_what_is_removed_leaves_nothing(type_, numbered):
    type_("capture", "install")
    assert type_("capture", "pause")[:2] == (0, "paused thing:id\n")
    assert type_("capture", "resume")[:2] == (0, "resumed thing:id\n")
    assert type_("capture", "remove")[0] == 0
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    assert numbered.old(triggers) == []
    assert type_("capture", "remove")[:2] == (0, "there is nothing to remove\n")


def bury(world, key: int, error: str) -> None:
    """A key that was given up."""
    engine = create_engine(f"sqlite:///{world.folder}/old.db")
    with engine.begin() as connection:
        pending.enqueue(connection, "things", [(key,)])
        connection.execute(update(PENDING).values(state=DEAD, error=error))
    engine.dispose()


def test_a_dead_letter_is_listed_shown_and_let_go_for_a_reason(type_, numbered):
    type_("capture", "install")
    type_("backfill")
    type_("relay", "--until-idle")
    bury(numbered, 3, "it would not go")
    code, out, _ = type_("dead", "list", "--json")
    assert (code, [(each["key"], each["error"]) for each in json.loads(out)]) == (3, [("[3]", "it would not go")])
    assert "it would not go" in type_("dead", "show", "things", "3")[1]
    assert json.loads(type_("status", "--json")[1])["mappings"][0]["state"] == "drift"
    assert type_("dead", "skip", "things", "3")[0] == 2, "it needs a reason"
    assert type_("dead", "skip", "things", "3", "--reason", "known")[0] == 0
    assert type_("dead", "list")[:2] == (0, "no dead letters\n")
    assert type_("dead", "show", "things", "3")[0] == 2


def test_a_dead_letter_is_tried_again(type_, numbered):
    type_("capture", "install")
    type_("backfill")
    type_("relay", "--until-idle")
    bury(numbered, 3, "it would not go")
    assert type_("dead", "retry", "things", "3")[:2] == (0, "things: 1 to be tried again by the next relay\n")
    assert type_("relay", "--until-idle")[0] == 0
    assert type_("dead", "list")[0] == 0


def test_the_owner_is_shown_and_not_moved(type_):
    first = {"owner": "old", "epoch": 1}
    assert json.loads(type_("owner", "--json")[1]) == [{"mapping": "things", **first, "said": {"old": first, "new": first}}]
    code, _, err = type_("owner", "things", "--set", "new")
    assert code == 3
    assert "strangler cutover" in err


def test_a_move_that_was_cut_off_is_shown_and_finished(type_, numbered):
    set_owner(numbered.plan, "things", "new")
    numbered.old("UPDATE strangler_owner SET owner = 'old', epoch = 1")
    code, out, _ = type_("owner", "--json")
    said = {"old": {"owner": "old", "epoch": 1}, "new": {"owner": "new", "epoch": 2}}
    assert (code, json.loads(out)) == (3, [{"mapping": "things", "owner": None, "epoch": None, "said": said}])
    code, out, _ = type_("owner")
    assert (code, out.splitlines()[-1].split(":")[0]) == (3, "things")
    assert "the old database says old (epoch 1), the new one says new (epoch 2)" in out
    code, out, _ = type_("owner", "things", "--set", "new")
    assert (code, out.split()[-3:]) == (0, ["things", "new", "2"])


def test_capture_is_installed_on_the_side_that_is_to_own(type_, numbered):
    code, out, _ = type_("capture", "install", "things", "--side", "new")
    assert (code, out.splitlines()[-1]) == (0, "installed things:id in database new")
    assert type_("capture", "status")[0] == 3, "the owner's side is not captured"


def test_a_page_is_written_beside_the_text(type_, numbered):
    type_("backfill")
    code, out, err = type_("reconcile", "--html", "page.html")
    assert (code, err) == (0, "written: page.html\n")
    assert out.startswith("things: clean")
    assert "Both sides are equal" in (numbered.folder / "page.html").read_text("utf-8")


def test_a_relay_without_capture_says_what_is_missing(type_):
    code, _, err = type_("relay", "--until-idle")
    assert code == 3
    assert "install capture" in err or "capture install" in err


def test_a_database_that_cannot_be_read_exits_5_and_status_still_answers(type_, numbered):
    (numbered.folder / "old.db").unlink()
    assert type_("reconcile")[0] == 5
    code, out, _ = type_("status", "--json")
    (found,) = json.loads(out)["mappings"]
    assert (code, found["state"]) == (3, "unknown")
    assert "there is no file" in found["next"]


def test_standings_write_nothing(numbered):
    def content() -> list[bytes]:
        return [(numbered.folder / name).read_bytes() for name in ("old.db", "new.db")]

    before = content()
    reconcile.standings(numbered.plan)
    assert content() == before
