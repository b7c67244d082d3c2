"""Where stores are opened: an SQLite file, and a PostgreSQL database, new for each test.

PostgreSQL is taken from the environment: STRANGLER_TEST_POSTGRESQL is the address of a database whose user may make others,
such as ``postgresql+psycopg://me@localhost/postgres``. Without it, a server is started from what is installed (initdb and
pg_ctl). Without either the tests are skipped, on a laptop; with CI set they fail.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import pytest
from sqlalchemy import create_engine, make_url, text

from strangler.store.store import Store
from tests.servers.postgresql import VARIABLE, Server, serving

Open = Callable[..., Store]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serving() as server:
        if server is None:
            why = f"no PostgreSQL: install it, or set {VARIABLE}"
            pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address at which there is nothing yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{request.getfixturevalue('tmp_path')}/store.db"
    else:
        yield from fresh_database(request.getfixturevalue("server"))


@pytest.fixture
def postgresql(server: Server) -> Iterator[str]:
    """The same for what SQLite has not."""
    yield from fresh_database(server)


@pytest.fixture
def open_store(url: str, tmp_path: Path) -> Iterator[Open]:
    """Opens stores at `url`, closed after the test."""
    stores: list[Store] = []

    def open_one(**options: object) -> Store:
        stores.append(Store.open(url, tmp_path, **options))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store: Open) -> Store:
    return open_store()


def fresh_database(server: Server) -> Iterator[str]:
    name = f"strangler_{token_hex(6)}"
    administer(server, f"CREATE DATABASE {name}")
    yield make_url(server.url).set(database=name).render_as_string(hide_password=False)
    administer(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def administer(server: Server, statement: str) -> None:
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
