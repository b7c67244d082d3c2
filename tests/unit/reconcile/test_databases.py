"""Opening databases and the two kinds of transactions, alike on every dialect."""

import ssl

import pytest
from sqlalchemy import Column, Integer, MetaData, create_engine, make_url, select, text

from reconcile.databases import mariadb, tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database, opened
from reconcile.mapping.model import Database as Address
from strangler.core.errors import DatabaseError

METADATA = MetaData()
THINGS = tables.table("strangler_things", METADATA, Column("name", tables.name(), primary_key=True), Column("n", Integer))


@pytest.fixture
def database(fresh, dialect):
    with opened({"x": Address(fresh(dialect))}, "x") as (found,):
        tables.ensure(found, METADATA)
        yield found


def rows(database: Database):
    with database.reading() as connection:
        return connection.execute(select(THINGS).order_by(THINGS.c.name)).all()


def test_what_is_written_is_there_when_the_transaction_has_ended(database, dialect):
    with database.writing() as connection:
        connection.execute(THINGS.insert(), [{"name": "a", "n": 1}, {"name": "A", "n": 2}, {"name": "a ", "n": 3}])
    assert rows(database) == [("A", 2), ("a", 1), ("a ", 3)] or (dialect == "postgresql" and len(rows(database)) == 3)
    assert database.dialect == dialect


def test_an_error_takes_everything_back_and_shows_no_values(database):
    twice = [{"name": "a", "n": 1}, {"name": "a", "n": 41_414}]
    with pytest.raises(DatabaseError) as raised, database.writing() as connection:
        connection.execute(THINGS.insert(), twice)
    assert rows(database) == []
    assert "41414" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_nothing_can_be_written_while_reading(database):
    with pytest.raises(DatabaseError), database.reading() as connection:
        connection.execute(THINGS.insert(), {"name": "a", "n": 1})
    assert rows(database) == []


def test_a_reader_sees_one_moment(database, dialect):
    if dialect == "sqlite":
        with database.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
        pytest.skip("in SQLite without WAL a reader keeps the writer out")
    with database.reading() as reader:
        assert reader.execute(select(THINGS)).all() == []
        with database.writing() as connection:
            connection.execute(THINGS.insert(), {"name": "a", "n": 1})
        assert reader.execute(select(THINGS)).all() == []
    assert rows(database) == [("a", 1)]


def test_a_writer_sees_what_was_committed_before_each_statement(database, dialect):
    if dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time: no other transaction can be open meanwhile")
    with database.writing() as first:
        assert first.execute(select(THINGS)).all() == []
        with database.writing() as second:
            second.execute(THINGS.insert(), {"name": "a", "n": 1})
        assert first.execute(select(THINGS)).all() == [("a", 1)]


def test_the_clock_goes_on_within_a_transaction(database):
    with database.reading() as connection:
        before = connection.execute(select(now(database))).scalar_one()
        moments = {connection.execute(select(now(database))).scalar_one() for _ in range(2000)}
    assert before <= min(moments)
    assert max(moments) > before
    assert 1_700_000_000_000_000 < before < 5_000_000_000_000_000


def test_a_session_is_in_utc_and_strict_whatever_the_server_says(database, dialect):
    statement = {"postgresql": "SHOW timezone", "mariadb": "SELECT @@time_zone", "sqlite": "SELECT 'UTC'"}[dialect]
    with database.reading() as connection:
        assert connection.execute(text(statement)).scalar_one() in ("UTC", "+00:00")


@pytest.mark.parametrize(("set_to", "found"), [("off", "on"), ("local", "local"), ("on", "on")])
def test_a_commit_in_postgresql_is_never_lost_in_a_crash_whatever_the_database_says(fresh, set_to, found):
    url = fresh("postgresql")
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {make_url(url).database} SET synchronous_commit = {set_to}"))
    engine.dispose()
    with opened({"old": Address(url)}, "old") as (database,), database.writing() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == found


def test_connecting_to_mariadb_reads_no_authorities_where_nobody_asks_for_tls(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: pytest.fail("read"))
    connection = object.__new__(mariadb._driver())
    plain = connection._create_ssl_ctx({})
    assert (plain.verify_mode, plain.check_hostname) == (ssl.CERT_NONE, False)
    with pytest.raises(pytest.fail.Exception):
        connection._create_ssl_ctx({"ca": "authority.pem"})
