"""A legacy database with awkward tables, captured, on any dialect."""

import json
from contextlib import contextmanager
from typing import Any

from sqlalchemy import create_engine, text

from reconcile.capturing.install import install
from reconcile.capturing.script import Patience
from reconcile.capturing.tables import OUTBOX
from reconcile.databases.database import opened
from reconcile.mapping.model import Column, Database, Mapping, Plan, Source, Target

TEXT = {"sqlite": "TEXT", "postgresql": "text", "mariadb": "varchar(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"}
QUOTE = {"sqlite": '"', "postgresql": '"', "mariadb": "`"}


def mapping(name: str, table: str, *key: str, **source: Any) -> Mapping:
    columns = {part: Column(part) for part in key}
    return Mapping(name, Source("old", key, table=table, **source), Target("new", f"{name}s", key), columns)


class World:
    """The databases of a plan. `run` writes as the legacy application would, on a connection that knows nothing of capture."""

    def __init__(self, dialect: str, old: str, new: str, mappings: tuple[Mapping, ...]) -> None:
        self.dialect = dialect
        self.plan = Plan({"old": Database(old), "new": Database(new)}, mappings)
        self.engine = create_engine(_driver(old), isolation_level="AUTOCOMMIT")
        self.slept: list[float] = []

    @property
    def patience(self) -> Patience:
        return Patience(2, 1.0, lambda: 0.5, self.slept.append)

    def sql(self, statement: str) -> str:
        """Names are written in double quotes, texts as {text}."""
        return statement.replace('"', QUOTE[self.dialect]).replace("{text}", TEXT[self.dialect])

    def run(self, *statements: str) -> None:
        with self.engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(self.sql(statement))

    def bind(self, statement: str, rows: Any) -> None:
        with self.engine.connect() as connection:
            connection.execute(text(self.sql(statement)), rows)

    def install(self, *names: str, **options: Any):
        return install(self.plan, names or None, patience=self.patience, **options)

    @contextmanager
    def old(self):
        with opened(self.plan.databases, "old") as (database,):
            yield database

    def outbox(self) -> list[Any]:
        with self.old() as database, database.reading() as connection:
            return connection.execute(OUTBOX.select().order_by(OUTBOX.c.id)).all()

    def take(self) -> list[tuple[Any, ...]]:
        """What was captured, as (operation, key, old key) with their JSON read; the outbox is empty afterwards."""
        rows = [(row.operation, read(row.key), read(row.old_key)) for row in self.outbox()]
        self.run("DELETE FROM strangler_outbox")
        return rows

    def keys(self) -> set[Any]:
        """Every key that was captured, old ones included; the outbox is empty afterwards."""
        return {key for row in self.take() for key in row[1:] if key is not None}

    def close(self) -> None:
        self.engine.dispose()


def read(words: str | None) -> Any:
    """A key of one part as that part, others as a tuple."""
    if words is None:
        return None
    parts = json.loads(words)
    return parts[0] if len(parts) == 1 else tuple(parts)


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://").replace("mariadb://", "mysql+pymysql://")
