"""Both sides compared on every pair of databases and by every strategy: planted differences are found, and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import reconcile
from reconcile.comparing import selftest
from reconcile.comparing.compare import Options
from reconcile.comparing.recheck import Patience
from reconcile.comparing.strategy import Facts, Strategy, choose, possible
from reconcile.databases.pair import opened_pair
from reconcile.reports.report import Verdict
from strangler.core.errors import UsageError
from tests.databases import DIALECTS

ROWS = 1500
AT_ONCE = Patience(settle=0.0, pause=0.0)
COLUMNS = "{id: id, name: name, amount: amount, at: at}"
TYPES = {
    "sqlite": "name VARCHAR(40), amount NUMERIC(12, 2), at TIMESTAMP",
    "postgresql": "name varchar(40), amount numeric(12, 2), at timestamp",
    "mariadb": "name varchar(40), amount numeric(12, 2), at datetime(6)",
}
KEYS = {
    "integer": dict.fromkeys(DIALECTS, "id bigint PRIMARY KEY"),
    "text": dict.fromkeys(DIALECTS, "id varchar(40) PRIMARY KEY"),
}


class Place:
    """Two databases with the same table, and the mapping between them."""

    def __init__(self, fresh: Callable[[str], str], folder: Any, old: str, new: str, key: str) -> None:
        self.urls = fresh(old), fresh(new)
        self.spell = int if key == "integer" else (lambda number: f"{'KkÉé-'[number % 5]}{number:05d}")
        for url, dialect, name in zip(self.urls, (old, new), ("thing", "things"), strict=True):
            self.run(url, f"CREATE TABLE {name} ({KEYS[key][dialect]}, {TYPES[dialect]})")
        self.fill("thing", self.urls[0])
        self.fill("things", self.urls[1])
        self.file = folder / "mappings.yaml"
        self.file.write_text(
            f"version: 1\ndatabases: {{old: '{self.urls[0]}', new: '{self.urls[1]}'}}\nmappings:\n"
            "  - name: things\n    from: {database: old, table: thing, key: id}\n"
            f"    to: {{database: new, table: things, key: id}}\n    columns: {COLUMNS}\n",
            "utf-8",
        )

    @property
    def plan(self) -> Any:
        return reconcile.load(self.file, {})

    def fill(self, name: str, url: str) -> None:
        rows = [
            {
                "id": self.spell(number),
                "name": None if number % 50 == 0 else f"näme {number % 97}",
                "amount": f"{number * 37 % 1000}.{number % 100:02d}",
                "at": f"2024-01-01 {number % 24:02d}:00:00.{number:06d}",
            }
            for number in range(1, ROWS + 1)
        ]
        self.run(url, f"INSERT INTO {name} (id, name, amount, at) VALUES (:id, :name, :amount, :at)", rows)

    def new(self, sql: str, *numbers: int, **values: Any) -> None:
        self.run(self.urls[1], sql, [{"id": self.spell(number), **values} for number in numbers])

    @staticmethod
    def run(url: str, sql: str, rows: list[dict[str, Any]] | None = None) -> None:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://").replace("mariadb://", "mysql+pymysql://"))
        with engine.begin() as connection:
            connection.execute(text(sql), rows)
        engine.dispose()

    def compare(self, **options: Any) -> Any:
        return reconcile.reconcile(self.plan, "things", patience=AT_ONCE, **{"record": False, **options})


def found(report: Any) -> dict[Any, tuple[str, tuple[str, ...]]]:
    return {each.key[0]: (each.kind.value, each.columns) for each in report.differences}


@pytest.mark.parametrize(("old", "new", "key"), list(product(DIALECTS, DIALECTS, KEYS)))
def test_every_pair_of_databases_by_every_strategy(fresh, tmp_path, old, new, key):
    place = Place(fresh, tmp_path, old, new, key)
    ways = [way for way in Strategy if _is_clean(place, way)]
    assert Strategy.ROWS in ways
    assert (Strategy.SUMS in ways, Strategy.HASHES in ways) == (True, (old, new, key) == ("postgresql", "postgresql", "integer"))
    assert (Strategy.JOINED in ways) == ((old, new) == ("sqlite", "sqlite"))
    place.new("UPDATE things SET name = NULL WHERE id = :id", 7)
    place.new("UPDATE things SET name = '' WHERE id = :id", 50)
    place.new("UPDATE things SET amount = amount + 0.01 WHERE id = :id", 8, ROWS)
    place.new("DELETE FROM things WHERE id = :id", 1, 700, 701)
    place.new("INSERT INTO things (id, name, amount, at) VALUES (:id, 'x', 1, '2024-01-01 00:00:00')", 0, ROWS + 100)
    expected = {
        7: ("changed", ("name",)),
        50: ("changed", ("name",)),
        8: ("changed", ("amount",)),
        ROWS: ("changed", ("amount",)),
    }
    expected |= {1: ("missing", ()), 700: ("missing", ()), 701: ("missing", ()), 0: ("extra", ()), ROWS + 100: ("extra", ())}
    for way in ways:
        report = place.compare(strategy=way.value, chunk_rows=400)
        assert found(report) == {place.spell(number): each for number, each in expected.items()}, way
        assert (report.verdict, report.exit_code, report.covered) == (Verdict.DRIFT, 3, True)


def _is_clean(place: Place, way: Strategy) -> bool:
    """Whether this way can be gone; if so, it must find nothing yet."""
    try:
        report = place.compare(strategy=way.value, chunk_rows=400)
    except UsageError:
        return False
    assert (report.verdict, report.old_rows, report.new_rows, report.strategy) == (Verdict.CLEAN, ROWS, ROWS, way)
    return True


@pytest.mark.parametrize(
    ("facts", "first"),
    [
        (Facts(("postgresql", "postgresql"), spelled=True, alike=True, unique=True, served=True), "records"),
        (Facts(("postgresql", "postgresql"), spelled=True, unique=True, served=True), "hashes"),
        (Facts(("postgresql", "mariadb"), spelled=True, unique=True, served=True), "text"),
        (Facts(("sqlite", "sqlite"), spelled=True, alike=True, unique=True, served=True), "text"),
        (Facts(("sqlite", "sqlite"), spelled=True, unique=True, served=True, joinable=True), "joined"),
        (Facts(("mariadb", "mariadb"), spelled=True, unique=True, served=True), "sums"),  # both would cut a long text alike
        (Facts(("postgresql", "postgresql"), spelled=True, alike=True, unique=True), "sums"),  # no index in a shared order
        (Facts(("postgresql", "postgresql"), alike=True, spelled=True, served=True), "rows"),  # a key may stand twice
        (Facts(("postgresql", "mariadb"), unique=True, served=True), "rows"),  # what only Python can tell
    ],
)
def test_the_cheapest_strategy_that_can_tell_is_chosen(facts, first):
    assert choose(facts) == first
    assert Strategy.ROWS in possible(facts)
    with pytest.raises(UsageError, match="cannot be compared by 'magic': choose"):
        choose(facts, "magic")


@pytest.mark.parametrize("way", ["joined", "text", "sums", "rows"])
@pytest.mark.parametrize(("rows", "chunk"), [(0, 4), (1, 1), (4, 4), (5, 4), (400, 1), (400, 133)])
def test_chunks_cover_all_keys_whatever_their_size(world, way, rows, chunk):
    table = "(id INTEGER PRIMARY KEY, value TEXT);"
    mapping = "{name: things, from: {database: old, table: thing, key: id}, to: {database: new, table: things, key: id}, "
    world.create(f"CREATE TABLE thing {table}", f"CREATE TABLE things {table}", f"{mapping} columns: {{id: id, value: value}}}}")
    edges = [-(2**63), -1, 2**62 - 1, 2**62, 2**62 + 1, 2**63 - 2, 2**63 - 1]
    numbers = [*edges, *range(10, 10 + rows)]
    world.old("INSERT INTO thing VALUES (?, 'v')", [(number,) for number in numbers])
    world.new("INSERT INTO things VALUES (?, 'v')", [(number,) for number in numbers])
    report = world.reconcile(chunk_rows=chunk, strategy=way)
    assert (report.clean, report.old_rows, report.new_rows) == (True, len(numbers), len(numbers))
    world.new("UPDATE things SET value = 'x' WHERE id IN (9223372036854775807, -9223372036854775808, 4611686018427387904)")
    assert sorted(each.key[0] for each in world.reconcile(chunk_rows=chunk, strategy=way).differences) == [
        edges[0],
        edges[3],
        edges[-1],
    ]


def test_texts_that_are_written_differently_but_mean_the_same_are_named_and_can_be_accepted(numbered):
    numbered.backfill()
    numbered.new("UPDATE things SET value = value || '  ' WHERE id = 3")
    report = numbered.reconcile()
    assert (report.verdict, report.standings, report.drifted) == (Verdict.DRIFT, {"normalisation": 1}, 1)
    accepted = numbered.reconcile(accept_normalisation=True)
    assert (accepted.verdict, accepted.standings, accepted.drifted) == (Verdict.CLEAN, {"normalisation": 1}, 0)
    numbered.new("UPDATE things SET value = 'other' WHERE id = 4")
    assert numbered.reconcile(accept_normalisation=True).drifted == 1


def test_passes_are_remembered_and_touch_no_row(numbered):
    numbered.backfill()
    before = numbered.new("SELECT * FROM things"), numbered.old("SELECT name FROM sqlite_master")
    assert reconcile.passes(numbered.plan, "things") == []
    numbered.reconcile(record=True)
    numbered.new("UPDATE things SET value = 'secret' WHERE id = 3")
    numbered.reconcile(record=True)
    drifted, clean = reconcile.passes(numbered.plan, "things")
    assert (clean.verdict, clean.full, clean.counts["changed"]) == (Verdict.CLEAN, True, 0)
    assert (drifted.verdict, drifted.counts["changed"], drifted.counts["columns"]) == (Verdict.DRIFT, 1, {"value": 1})
    assert drifted.ended_at >= drifted.started_at >= clean.ended_at
    assert "secret" not in str(drifted)
    numbered.new("UPDATE things SET value = 'value 3' WHERE id = 3")
    assert (numbered.new("SELECT * FROM things"), numbered.old("SELECT name FROM sqlite_master")) == before


def test_a_pass_that_cannot_be_recorded_is_made_all_the_same(numbered):
    numbered.backfill()
    numbered.new("CREATE TABLE strangler_pass (something TEXT)")
    report = numbered.reconcile(record=True)
    assert report.clean
    assert any("could not be recorded" in note for note in report.notes)


class Killed(BaseException):
    """As if the process were gone."""


def test_a_pass_that_was_killed_goes_on_where_it_was_and_forgets_nothing(numbered, monkeypatch):
    from reconcile.comparing import compare

    numbered.backfill()
    numbered.new("UPDATE things SET value = 'x' WHERE id IN (2, 9)")
    monkeypatch.setattr(compare, "_CHECKPOINT_SECONDS", 0.0)

    def kill(progress):
        if progress.rows >= 6:
            raise Killed

    with pytest.raises(Killed):
        numbered.reconcile(record=True, chunk_rows=2, on_progress=kill)
    seen = []
    report = numbered.reconcile(record=True, resume=True, chunk_rows=2, on_progress=lambda progress: seen.append(progress.rows))
    assert seen[0] >= 6  # it did not begin anew
    assert [each.key for each in report.differences] == [(2,), (9,)]
    assert (report.covered, report.old_rows, report.new_rows) == (True, 10, 10)
    assert len(reconcile.passes(numbered.plan, "things")) == 1


def test_who_went_on_with_a_pass_stops_whoever_was_at_it(numbered, monkeypatch):
    from reconcile.comparing import compare

    numbered.backfill()
    monkeypatch.setattr(compare, "_CHECKPOINT_SECONDS", 0.0)
    others = []

    def meddle(progress):
        if progress.rows >= 4 and not others:
            others.append(None)
            others.append(numbered.reconcile(record=True, resume=True, chunk_rows=2))

    report = numbered.reconcile(record=True, chunk_rows=2, on_progress=meddle)
    assert others[1].clean
    assert (report.verdict, report.failure) == (Verdict.CANNOT_SAY, "another process has gone on with this pass")


def test_only_some_keys_can_be_checked(numbered):
    numbered.backfill()
    numbered.new("UPDATE things SET value = 'x' WHERE id IN (2, 9)")
    report = numbered.reconcile(keys=[(1,), ("2",), (77,)])
    assert ([each.key for each in report.differences], report.full, report.verdict) == ([(2,)], False, Verdict.DRIFT)
    assert numbered.reconcile(keys=[(1,), (3,)]).clean


@pytest.mark.parametrize(
    "pair", [("sqlite", "sqlite"), ("postgresql", "postgresql"), ("postgresql", "mariadb"), ("sqlite", "mariadb")]
)
def test_the_self_test_finds_what_it_planted_and_leaves_nothing_behind(fresh, tmp_path, pair):
    place = Place(fresh, tmp_path, *pair, "integer")
    place.new("UPDATE things SET name = 'drift of old' WHERE id = :id", 7)
    with opened_pair(place.plan, "things") as opened:
        result = selftest.run(opened, Options(), "token")
    assert result.passed, str(result)
    assert {plant.kind.value for plant in result.planted} == {"missing", "extra", "changed"}
    assert {plant.column for plant in result.planted} >= {"name", "amount", "at"}
    with opened_pair(place.plan, "things") as opened, opened.target.database.reading() as connection:
        from sqlalchemy import inspect

        assert inspect(connection).get_table_names() == ["things"]
    assert found(place.compare(selftest=True)) == {7: ("changed", ("name",))}


@pytest.mark.parametrize("broken", ["blind", "noisy"])
def test_the_self_test_fails_where_comparing_is_broken(numbered, monkeypatch, broken):
    from reconcile.comparing.tally import Tally

    numbered.backfill()
    original = Tally.add

    def add(self, pair, finding):
        if broken == "noisy" or finding.standing is not None:
            original(self, pair, finding)
        if broken == "noisy" and len(self.differences) == 2:
            original(self, pair, type(finding)((5,), finding.outcome, finding.wanted, None))

    monkeypatch.setattr(Tally, "add", add)
    report = numbered.reconcile(selftest=True)
    assert (report.verdict, report.exit_code) == (Verdict.CANNOT_SAY, 5)
    assert "self-test failed" in report.failure


def test_a_rate_is_kept(numbered):
    from reconcile.comparing.compare import compare

    numbered.backfill()
    clock, waits = [0.0], []

    def wait(seconds):
        waits.append(seconds)
        clock[0] += seconds

    options = Options(rows=2, rate=2.0, patience=AT_ONCE, clock=lambda: clock[0], wait=wait)
    with opened_pair(numbered.plan, "things") as pair:
        assert compare(pair, options, lambda progress: None).clean
    assert sum(waits) == pytest.approx(5.0)


def test_a_database_that_is_gone_says_nothing(numbered):
    numbered.backfill()
    with sqlite3.connect(numbered.folder / "new.db") as connection:
        connection.execute("ALTER TABLE things RENAME COLUMN value TO other")
    with pytest.raises(Exception, match="value"):
        numbered.reconcile()
