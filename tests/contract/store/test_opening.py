"""Opening a store: made where there is none, kept where there is one, refused where it cannot be understood."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from strangler.core.errors import DatabaseError
from strangler.store import schema
from strangler.store.database import Database, connect
from strangler.store.revision import current, known, scripts, step, upgrade
from strangler.store.store import Store
from tests.contract.store.conftest import Open
from tests.contract.store.given import MINUTE, NOW, counted, example, stratum, with_examples


def database_at(url: str) -> Database:
    database = connect(url, Path(), read_only=False)
    assert database
    return database


def differences(connection: Connection) -> list[object]:
    options = {"version_table": schema.VERSION_TABLE, "target_metadata": schema.metadata}
    return compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)


def test_every_revision_leads_to_the_tables_as_they_are_described(url: str) -> None:
    database = database_at(url)
    assert database.reading(current) is None
    for revision in known():
        database.writing(lambda connection, revision=revision: step(connection, revision))
        assert database.reading(current) == revision
    assert database.reading(differences) == []
    database.close()


def test_revisions_are_known_by_the_names_of_their_files() -> None:
    walked = ScriptDirectory.from_config(scripts()).walk_revisions()
    assert known() == tuple(script.revision for script in walked)[::-1]


def described(connection: Connection) -> dict[str, list[str]]:
    """What the database says of its tables and indexes, whatever the order of a table's constraints is."""
    if connection.dialect.name == "sqlite":
        made = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
        return {name: sorted(re.split(r"[\s,()]+", sql)) for name, sql in made}
    found = inspect(connection)
    listed = (found.get_unique_constraints, found.get_foreign_keys, found.get_indexes, found.get_check_constraints)
    asked = (found.get_columns, found.get_pk_constraint, *(lambda name, ask=ask: sorted(map(str, ask(name))) for ask in listed))
    return {name: [str(ask(name)) for ask in asked] for name in found.get_table_names()}


def empty(connection: Connection) -> None:
    schema.metadata.drop_all(connection)
    connection.execute(text(f"DROP TABLE {schema.VERSION_TABLE}"))


def test_a_new_store_is_made_as_all_the_steps_make_it(url: str) -> None:
    database, said = database_at(url), []
    for make in upgrade, step:
        database.writing(make)
        assert database.reading(current) == known()[-1]
        said.append(database.reading(described))
        database.writing(empty)
    database.close()
    assert said[0] == said[1]


def test_the_comparison_with_the_description_would_notice(url: str) -> None:
    database = database_at(url)
    database.writing(upgrade)
    database.writing(lambda connection: connection.execute(text("DROP TABLE strangler_noise")))
    assert database.reading(differences) != []
    database.close()


def test_a_step_that_fails_leaves_nothing(url: str) -> None:
    database = database_at(url)

    def fail(connection: Connection) -> None:
        upgrade(connection)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.writing(fail)
    assert database.reading(current) is None
    database.writing(upgrade)
    assert database.reading(differences) == []
    database.close()


def test_what_was_recorded_is_there_when_it_is_opened_again(open_store: Open) -> None:
    store = open_store()
    assert store.exists
    batch = with_examples(example())
    batch.counts[MINUTE, stratum(), "match"] = [3, 1]
    store.record(batch, store.begin_run(NOW, "1.0"))
    store.close()
    again = open_store()
    assert counted(again) == {("orders", "match"): (3, 1)}
    assert [row.example for row in again.examples()] == [example()]


def test_a_store_that_is_not_there_is_an_empty_one_to_a_reader(url: str, open_store: Open, tmp_path: Path) -> None:
    reader = open_store(read_only=True)
    assert not reader.exists
    assert (reader.causes(), reader.examples(), reader.counts(), reader.runs(), reader.ledgers()) == ([], [], [], [], {})
    assert list(tmp_path.iterdir()) == []
    open_store()
    assert open_store(read_only=True).exists


def test_a_reader_sees_what_a_writer_records(open_store: Open) -> None:
    writer, reader = open_store(), open_store(read_only=True)
    writer.record(with_examples(example()), writer.begin_run(NOW, "1.0"))
    assert len(reader.examples()) == 1


def test_a_reader_cannot_write(open_store: Open) -> None:
    open_store()
    reader = open_store(read_only=True)
    with pytest.raises(DatabaseError, match=r"read-?only"):
        reader.begin_run(NOW, "1.0")


def at_revision(url: str, revision: str) -> None:
    database = database_at(url)
    statement = text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{revision}'")
    database.writing(lambda connection: connection.execute(statement))
    database.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_store_is_refused(url: str, open_store: Open, read_only: bool) -> None:
    open_store()
    at_revision(url, "9999")
    with pytest.raises(DatabaseError, match=r"written by a newer Strangler \(its tables are at 9999, .*upgrade Strangler"):
        open_store(read_only=read_only)


def test_an_older_store_is_not_read_before_it_is_updated(url: str, open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store()
    monkeypatch.setattr("strangler.store.store.known", lambda: [*known(), "9999"])
    with pytest.raises(DatabaseError, match="start `strangler serve` once to update it"):
        open_store(read_only=True)


def open_and_record(url: str) -> int:
    store = Store.open(url)
    run = store.begin_run(NOW, "1.0")
    for _ in range(10):
        batch = with_examples(example())
        batch.counts[MINUTE, stratum(), "match"] = [1, 0]
        store.record(batch, run)
    store.close()
    return run.number


def test_several_processes_open_and_record_at_once(url: str, open_store: Open) -> None:
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        runs = list(pool.map(open_and_record, [url] * 4))
    store = open_store()
    assert len(set(runs)) == 1
    assert counted(store) == {("orders", "match"): (40, 0)}
    assert [row.count for row in store.causes()] == [40]
    assert len({row.id for row in store.examples()}) == 40


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = Store.open("sqlite:///evidence.db", tmp_path)
    store.begin_run(NOW, "1.0")
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["evidence.db", "evidence.db-shm", "evidence.db-wal"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    store.close()


def test_odd_characters_in_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "a?b%20c#d é"
    folder.mkdir()
    Store.open("sqlite:///x?.db".replace("?", "%3F"), folder).close()
    assert len(list(folder.iterdir())) == 1


REFUSED = {
    "sqlite:///no/folder.db": r"store sqlite:///no/folder.db cannot be opened: .*No such file or directory; check `store:`$",
    "sqlite:///text.db": r"store sqlite:///text.db: file is not a database: check `store:`$",
    "sqlite:///.": r"store sqlite:///.: unable to open database file: check `store:`$",
    "sqlite:///:memory:": "would be gone with the process: write sqlite:///FILE",
    "sqlite://": "would be gone with the process: write sqlite:///FILE",
    "sqlite:///file:x.db": "would be gone with the process: write sqlite:///FILE",
    "oracle://me:hunter2@host/x": r"store oracle://me:\*\*\*@host/x is of no kind that is known here",
    "postgresql+asyncpg://me:hunter2@host/x": r"that driver is not used here: write postgresql\+psycopg://",
    "postgresql://me:hunter2@127.0.0.1:1/x": r"store postgresql://me:\*\*\*@127.0.0.1:1/x: connection .*: check that",
    "postgresql://me@127.0.0.1:1/x?password=hunter2": "store postgresql://me@127.0.0.1:1/x: connection",
    "postgresql://me:hunter2@host:port/x": "its address cannot be read",
    "nonsense": "its address cannot be read",
}


@pytest.mark.parametrize(("address", "message"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_cannot_be_opened_says_why_on_one_line_without_a_password(tmp_path: Path, address: str, message: str) -> None:
    (tmp_path / "text.db").write_text("This is text, and quite enough of it to be taken for a database file. " * 20)
    with pytest.raises(DatabaseError, match=message) as caught:
        Store.open(address, tmp_path, patience=0.2)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["text.db"]


def test_a_missing_driver_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(DatabaseError, match=r"needs a driver: pip install 'strangler\[postgresql\]'"):
        Store.open("postgresql+psycopg://me@host/x", tmp_path)


def test_an_address_may_say_in_which_schema(postgresql: str) -> None:
    database = database_at(postgresql)
    database.writing(lambda connection: connection.execute(text("CREATE SCHEMA ours")))
    joint = "&" if "?" in postgresql else "?"
    Store.open(f"{postgresql}{joint}options=-csearch_path%3Dours").close()
    tables = text("SELECT count(*) FROM pg_tables WHERE schemaname = 'ours'")
    assert database.reading(lambda connection: connection.scalar(tables)) == len(schema.metadata.tables) + 1
    database.close()
