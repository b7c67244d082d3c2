"""Fresh databases for tests, on every dialect.

A server is taken from the environment: STRANGLER_TEST_POSTGRESQL and STRANGLER_TEST_MARIADB are addresses of databases whose
user may make others. Without them, servers of our own are started from what is installed, one per test process. Where there is
neither, tests are skipped on a laptop; with CI set they fail.

    def test_something(fresh): address = fresh("postgresql")     # a new, empty database, gone after the test
    def test_something(fresh, dialect): ...                      # once for each dialect
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from tests.servers import mariadb, postgresql

DIALECTS = ("sqlite", "postgresql", "mariadb")
Fresh = Callable[[str], str]
_SERVERS = {"postgresql": postgresql, "mariadb": mariadb}
_DROP = {"postgresql": "DROP DATABASE IF EXISTS {} WITH (FORCE)", "mariadb": "DROP DATABASE IF EXISTS {}"}
_CREATE = {"postgresql": "CREATE DATABASE {} TEMPLATE template0", "mariadb": "CREATE DATABASE {} CHARACTER SET utf8mb4"}


class Servers:
    """The servers of a test process, each started when it is first asked for."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self._stack = ExitStack()

    def __getitem__(self, dialect: str) -> Any:
        if dialect not in self._found:
            self._found[dialect] = self._stack.enter_context(_SERVERS[dialect].serving())
        if self._found[dialect] is None:
            why = f"no {dialect}: install it, or set {_SERVERS[dialect].VARIABLE}"
            pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
        return self._found[dialect]

    def close(self) -> None:
        self._stack.close()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fresh(servers: Servers, tmp_path: Path) -> Iterator[Fresh]:
    """Makes new, empty databases and gives their addresses, as a user would write them."""
    yield from _making(servers, tmp_path)


@pytest.fixture(scope="module")
def fresh_for_module(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    """The same, for databases that all tests of a file only read."""
    yield from _making(servers, tmp_path_factory.mktemp("databases"))


def _making(servers: Servers, folder: Path) -> Iterator[Fresh]:
    made: list[tuple[str, str]] = []

    def make(dialect: str) -> str:
        name = f"strangler_{token_hex(6)}"
        if dialect == "sqlite":
            (folder / f"{name}.db").touch()
            return f"sqlite:///{folder}/{name}.db"
        _administer(servers[dialect].url, _CREATE[dialect].format(name))
        made.append((dialect, name))
        return make_url(servers[dialect].url).set(database=name).render_as_string(hide_password=False)

    yield make
    for dialect, name in made:
        _administer(servers[dialect].url, _DROP[dialect].format(name))


def _administer(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
