"""The outbox as a part of the data process: it delivers, and says what is waited for."""

from __future__ import annotations

import threading

import pytest

import reconcile
from reconcile.jobs import parts
from reconcile.jobs.noticeboard import Noticeboard
from reconcile.jobs.process import run
from reconcile.jobs.sinks import figures
from reconcile.outbox import tables
from strangler.core.data_status import STALE, SinkFigures, decode
from tests.unit.reconcile.outbox_office import office

FILE = """
version: 1
databases: {{old: "{url}"}}
mappings: []
outbox:
  database: old
  sinks:
    - {{name: log, file: {{path: "{folder}/events.jsonl"}}}}
    - {{name: broken, custom: {{use: nothing}}}}
"""


@pytest.fixture
def place(fresh, tmp_path):
    with office(fresh("sqlite")) as found:
        found.file = tmp_path / "mappings.yaml"
        found.file.write_text(FILE.format(url=found.url, folder=tmp_path))
        found.plan_of_file = reconcile.load(found.file, {})
        yield found


def test_the_data_process_delivers_and_posts_what_is_waited_for(place, tmp_path):
    stop, said, document = threading.Event(), [], tmp_path / "data.json"
    place.write("a", "b")
    thread = threading.Thread(target=run, args=([str(place.file)], document, {}, stop, said.append))
    thread.start()
    try:
        place.until(lambda: document.exists() and sinks(document).get("log", SinkFigures()).delivered == 2)
        found = sinks(document)
        assert (found["log"].pending, found["log"].oldest) == (0, None)
        assert found["broken"].pending == 2
        place.until(lambda: any("no installed package has a sink 'nothing'" in words for words in said))
    finally:
        stop.set()
        thread.join()
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 2


def sinks(document):
    return decode(document.read_bytes()).sinks


def test_a_plan_without_an_outbox_has_nothing_to_do_but_wait(place):
    stop = threading.Event()
    stop.set()
    place.file.write_text(place.file.read_text().partition("outbox:")[0] + "outbox: {database: old}\n")
    plan = reconcile.load(place.file, {})
    parts.outbox(plan, stop, print)
    assert figures(plan) == {}


def test_what_cannot_be_asked_now_has_no_figures(place):
    with place.database.writing() as connection:
        tables.METADATA.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE outbox_events")
    assert figures(place.plan_of_file) == {}


def test_figures_of_a_file_grow_stale_as_its_mappings_do(tmp_path):
    now = [1_700_000_000.0]
    board = Noticeboard(tmp_path / "data.json", lambda: now[0])
    board.post("a.yaml", {}, {"log": SinkFigures(1, 2.0, 3, 4, {"failed": 5})})
    board.post("b.yaml", {}, {"bus": SinkFigures()})
    assert sinks(tmp_path / "data.json") == {"log": SinkFigures(1, 2.0, 3, 4, {"failed": 5}), "bus": SinkFigures()}
    now[0] += STALE + 1
    board.post("b.yaml", {}, {"bus": SinkFigures()})
    assert list(sinks(tmp_path / "data.json")) == ["bus"]
