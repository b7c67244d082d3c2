"""What every part of the services is handed: the database, the clock, and which differences are planted."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Executable, Row
from starlette.requests import HTTPConnection

from sample_legacy.shared.numbers import ALL, Numbers
from sample_modern.planted import Planted


@dataclass(frozen=True, slots=True)
class Shop:
    """One running modern application. Without an `identity_key` it believes nobody who says who is asking."""

    engine: Engine
    clock: Callable[[], datetime]
    pause: Callable[[float], None]
    planted: Planted
    identity_key: bytes = b""
    numbers: Numbers = ALL

    def rows(self, statement: Executable) -> list[Row[Any]]:
        """All rows of one query."""
        with self.engine.connect() as connection:
            return list(connection.execute(statement))

    def row(self, statement: Executable) -> Row[Any] | None:
        """The only row of one query, if there is one."""
        with self.engine.connect() as connection:
            return connection.execute(statement).first()

    def count(self, statement: Executable) -> int:
        """The number that a counting query gives."""
        with self.engine.connect() as connection:
            number: int = connection.execute(statement).scalar_one()
            return number

    def change(self, statement: Executable) -> int:
        """One statement in its own transaction; how many rows it changed."""
        return self.transact(lambda connection: connection.execute(statement).rowcount)

    def transact(self, work: Callable[[Connection], int]) -> int:
        """Several statements in one transaction; how many rows they changed, as `work` counts."""
        with self.engine.begin() as connection:
            return work(connection)


def shop_of(connection: HTTPConnection) -> Shop:
    """The shop that a request or a socket came to."""
    shop: Shop = connection.app.state.shop
    return shop
