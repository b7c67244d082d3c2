"""Two databases of one dialect and a mapping between them, for tests of what is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from sqlalchemy import create_engine, text

import reconcile
from reconcile.applying.applied import BOTH, Applied, Parts
from reconcile.applying.applier import apply
from reconcile.applying.budget import Allowance, Budget
from reconcile.databases.pair import Pair, opened_back_pair, opened_pair
from strangler.core.units import Share

FREE = Budget(1_000_000, Share(1.0))


class Applying:
    """Databases, statements in them, and keys that are applied from one to the other."""

    def __init__(self, folder: Path, dialect: str, old: str, new: str) -> None:
        self.folder, self.dialect = folder, dialect
        self.addresses = {"old": old, "new": new}

    @property
    def file(self) -> Path:
        return self.folder / "mappings.yaml"

    @property
    def plan(self) -> Any:
        return reconcile.load(self.file, {})

    def write(self, *mappings: str) -> None:
        head = f"version: 1\ndatabases: {{old: '{self.addresses['old']}', new: '{self.addresses['new']}'}}\nmappings:\n"
        parts = ["  - " + indent(dedent(each).strip(), "    ").lstrip() for each in mappings]
        self.file.write_text(head + "\n".join(parts) + "\n", "utf-8")

    def old(self, *statements: str) -> list[Any]:
        return self._run("old", statements)

    def new(self, *statements: str) -> list[Any]:
        return self._run("new", statements)

    def _run(self, name: str, statements: tuple[str, ...]) -> list[Any]:
        engine = create_engine(self.addresses[name].replace("mariadb://", "mariadb+pymysql://"), connect_args={})
        try:
            with engine.begin() as connection:
                rows: list[Any] = []
                for statement in statements:
                    found = connection.execute(text(statement))
                    rows = [tuple(row) for row in found] if found.returns_rows else []
                return rows
        finally:
            engine.dispose()

    @contextmanager
    def pair(self, name: str = "things", *, back: bool = False) -> Iterator[Pair]:
        with (opened_back_pair if back else opened_pair)(self.plan, name) as pair:
            yield pair

    def apply(
        self, *keys: Any, name: str = "things", parts: Parts = BOTH, budget: Budget = FREE, back: bool = False, **options: Any
    ) -> Applied:
        """Apply keys, each a number or text standing for itself, or a tuple."""
        tuples = [key if isinstance(key, tuple) else (key,) for key in keys]
        with self.pair(name, back=back) as pair:
            return apply(pair, tuples, Allowance(name, budget), parts=parts, **options)
