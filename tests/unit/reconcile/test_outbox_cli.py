"""`outbox` on the command line: a database, a file and a person."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from reconcile.cli.main import main
from reconcile.outbox import rounds

FILE = """
version: 1
databases: {{old: "sqlite:///{folder}/old.db"}}
mappings: []
outbox:
  database: old
  sinks:
    - {{name: log, file: {{path: "{folder}/events.jsonl"}}}}
"""


class Desk:
    """Somebody at a terminal."""

    def __init__(self, folder, capsys):
        self.folder, self._capsys = folder, capsys
        (folder / "old.db").touch()
        self.file = folder / "mappings.yaml"
        self.file.write_text(FILE.format(folder=folder))

    def run(self, *words):
        """Exit code, and what was said."""
        command, *others = words
        code = main(["outbox", command, *others, "-c", str(self.file)])
        return code, self._capsys.readouterr()

    def json(self, *words):
        code, said = self.run(*words, "--json")
        return code, json.loads(said.out)

    def sql(self, statement, *values):
        with closing(sqlite3.connect(self.folder / "old.db")) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def write(self, *keys, headers=None):
        for key in keys:
            statement = 'INSERT INTO outbox_events (type, "key", payload, headers) VALUES (?, ?, ?, ?)'
            self.sql(statement, "order.placed", key, "{}", headers)

    @property
    def delivered(self):
        return [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]


@pytest.fixture
def desk(tmp_path, capsys):
    found = Desk(tmp_path, capsys)
    assert found.run("init")[0] == 0
    return found


@pytest.fixture
def stuck(desk):
    """One dead letter, with one event behind it."""
    desk.write("a", headers="{")
    desk.write("a", "b")
    assert desk.run("relay", "--until-idle")[0] == 0
    return desk


def test_the_table_is_made_once_and_can_be_shown_first(tmp_path, capsys):
    desk = Desk(tmp_path, capsys)
    code, said = desk.run("init", "--print-sql")
    assert code == 0
    assert "CREATE TABLE" in said.out
    assert desk.sql("SELECT count(*) FROM sqlite_master") == [(0,)]
    assert desk.run("init")[1].out == "outbox_events: made in database old\n"
    assert desk.run("init")[1].out == "outbox_events: is there already in database old\n"


def test_events_are_delivered_until_nothing_is_under_way(desk):
    desk.write("a", "b", "a")
    code, said = desk.run("relay", "--until-idle")
    assert (code, said.out) == (0, "0 not taken over; log 3 delivered, 0 pending\n")
    assert sorted(event["subject"] for event in desk.delivered) == ["a", "a", "b"]
    assert desk.json("relay", "--until-idle")[1]["sinks"][0]["counts"]["delivered"] == 3


def test_how_it_stands(desk):
    code, said = desk.run("status")
    assert code == 3
    assert "log: no relay is at work: `python -m reconcile outbox relay`" in said.out
    desk.write("a")
    desk.run("relay", "--until-idle")
    code, said = desk.run("status")
    assert code == 0
    assert "nothing to do: every sink is served" in said.out
    code, found = desk.json("status")
    assert (code, found["well"], found["waiting"], found["sinks"][0]["state"]) == (0, True, 0, "running")


def test_what_could_not_be_delivered(stuck):
    code, said = stuck.run("dead")
    assert code == 3
    assert "its headers are no JSON object" in said.out
    assert "`python -m reconcile outbox retry SINK NUMBER`" in said.out
    code, (letter,) = stuck.json("dead", "log")
    assert (letter["number"], letter["sink"], letter["key"], letter["held"]) == (1, "log", "a", 1)
    assert stuck.run("status")[0] == 3


def test_a_dead_letter_is_sent_again(stuck):
    stuck.sql("UPDATE strangler_event SET headers = NULL")
    assert stuck.run("retry", "log", "1")[1].out == "log: 1 to be tried again by the next relay\n"
    stuck.run("relay", "--until-idle")
    assert [event["subject"] for event in stuck.delivered] == ["b", "a", "a"]
    assert stuck.run("dead")[0] == 0


def test_a_dead_letter_is_let_go(stuck):
    code, said = stuck.run("skip", "log", "1", "--reason", "a test order")
    assert code == 0
    assert said.out.startswith("log 1 (order.placed, outbox_events:1): let go; 1 behind it go on")
    stuck.run("relay", "--until-idle")
    assert [event["subject"] for event in stuck.delivered] == ["b", "a"]
    code, (kept,) = stuck.json("dead", "--skipped")
    assert (code, kept["reason"], kept["number"]) == (0, "a test order", 1)
    assert kept["actor"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("retry", "log"), "say which"),
        (("retry", "log", "1", "--all"), "say which"),
        (("retry", "lag", "--all"), "has no sink 'lag'"),
        (("skip", "log", "2", "--reason", "x"), "no dead letter 2"),
        (("replay", "log"), "say which"),
        (("replay", "log", "--all", "--key", "a"), "say which"),
        (("replay", "log", "--since", "yesterday"), "neither a moment"),
        (("prune", "--keep", "soon"), "--keep"),
        (("prune", "--sink", "log"), "is one of the sinks"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(stuck, words, says):
    code, said = stuck.run(*words)
    assert code == 2
    assert says in said.err
    assert "Traceback" not in said.err


def test_the_past_is_sent_again(desk):
    desk.write("a", "b")
    desk.run("relay", "--until-idle")
    assert desk.run("replay", "log", "--all", "--dry-run")[1].out == "log: 2 would be sent again\n"
    assert desk.run("replay", "log", "--since", "1h", "--key", "b")[1].out == "log: 1 to be sent again\n"
    desk.run("relay", "--until-idle")
    assert [event["subject"] for event in desk.delivered] == ["a", "b", "b"]
    assert desk.delivered[1]["id"] == desk.delivered[2]["id"]


def test_what_every_sink_had_is_forgotten(desk):
    desk.write("a", "b")
    desk.run("relay", "--until-idle")
    assert desk.run("prune")[1].out == "0 events forgotten\n"
    assert desk.run("prune", "--keep", "0s")[1].out == "2 events forgotten\n"


def test_a_sink_that_cannot_be_opened_is_an_error_of_its_own(desk, monkeypatch):
    monkeypatch.setattr(rounds, "EVERY", 0.01)
    desk.file.write_text(desk.file.read_text().replace("file: {", "custom: {use: nothing}}\n    - {name: other, file: {"))
    desk.write("a")
    code, said = desk.run("relay", "--until-idle")
    assert code == 6
    assert "no installed package has a sink 'nothing'" in said.err
    assert len(desk.delivered) == 1


def test_a_file_without_an_outbox_says_what_to_write(desk):
    desk.file.write_text(desk.file.read_text().partition("outbox:")[0])
    for words in (("status",), ("init",), ("relay", "--until-idle"), ("dead",), ("check",)):
        code, said = desk.run(*words)
        assert code == 2, words
        assert "outbox" in said.err


def test_its_problems_are_listed(desk):
    code, said = desk.run("check")
    assert (code, said.out) == (0, f"{desk.file}: its outbox has no problems\n")
    desk.sql("DROP TABLE outbox_events")
    code, problems = desk.json("check")
    assert code == 2
    assert [problem["path"].partition(".")[0] for problem in problems] == ["outbox"]
