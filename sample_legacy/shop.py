"""What every part of the application is handed: its database and its clock."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, text
from starlette.requests import HTTPConnection

from sample_legacy.shared.numbers import ALL, Numbers


@dataclass(frozen=True, slots=True)
class Shop:
    """One running legacy application."""

    engine: Engine
    clock: Callable[[], datetime]
    numbers: Numbers = ALL

    def rows(self, sql: str, **parameters: object) -> list[Row[Any]]:
        """All rows of one query."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(sql), parameters))

    def row(self, sql: str, **parameters: object) -> Row[Any] | None:
        """The only row of one query, if there is one."""
        with self.engine.connect() as connection:
            return connection.execute(text(sql), parameters).first()

    def change(self, sql: str, parameters: Mapping[str, object]) -> int:
        """One statement in its own transaction; how many rows it changed."""
        with self.engine.begin() as connection:
            return connection.execute(text(sql), parameters).rowcount


def shop_of(connection: HTTPConnection) -> Shop:
    """The shop that a request or a socket came to."""
    shop: Shop = connection.app.state.shop
    return shop
