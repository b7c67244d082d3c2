"""The proof doubts whatever is not as it was told: each line here spoils one thing in a folder that has nothing wrong."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from strangler.demo import proof

BOUGHT = [(261, "legacy"), (262, "modern"), (264, "modern"), (265, "legacy")]
OWNER = "CREATE TABLE strangler_owner (mapping, owner, epoch)"
TABLES = {
    "legacy.db": ("orders (no, cust_no, deleted)", "order_line (order_no, qty)"),
    "modern.db": ("orders (id, customer_id)", "order_items (order_id, quantity)"),
}


def run(folder: Path, database: str, *statements: str) -> None:
    with closing(sqlite3.connect(folder / database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """What a demo leaves whose cutover went well."""
    lines = [{"order": number, "customer": 1, "pieces": 2, "by": side} for number, side in BOUGHT]
    (tmp_path / proof.LEDGER).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    owners = [f"INSERT INTO strangler_owner VALUES ('{name}', 'old', 3)" for name in proof.MAPPINGS]
    for database, (orders, items) in TABLES.items():
        tail = ", 0" if database == "legacy.db" else ""
        bought = [f"INSERT INTO orders VALUES ({number}, 1{tail})" for number, _ in BOUGHT]
        pieces = [f"INSERT INTO {items.split()[0]} VALUES ({number}, 1)" for number, _ in BOUGHT]
        run(tmp_path, database, f"CREATE TABLE {orders}", f"CREATE TABLE {items}", OWNER, *owners, *bought, *pieces, *pieces)
    record = {"owners": {name: ["old", 3] for name in proof.MAPPINGS}, "move": None, "decided": False}
    (tmp_path / proof.RECORD).write_text(json.dumps(record))
    columns = "id, kind, flip, at, actor, route, before_stage, after_stage, after_weight, forced, verdict, evidence"
    run(tmp_path, proof.STORE, f"CREATE TABLE strangler_journal ({columns})")
    for route in proof.ROUTES:
        for at, (before, after) in enumerate(proof.MOVES):
            for kind in "intended", "live":
                entry = f"'{route}{at}{kind}', '{kind}', 'f', {at}, 'anna', '{route}', '{before}', '{after}', 0, 0, 'pass', ''"
                run(tmp_path, proof.STORE, f"INSERT INTO strangler_journal VALUES ({entry})")
    (tmp_path / proof.SPOOL).write_text("")
    return tmp_path


def test_nothing_is_doubted_where_all_is_well(kept: Path) -> None:
    assert proof.doubts(kept) == []


def by_sql(database: str, statement: str) -> Callable[[Path], None]:
    return lambda folder: run(folder, database, statement)


def by_text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return spoil


SPOILED: list[tuple[str, Callable[[Path], None]]] = [
    ("legacy.db lacks 1 of 4", by_sql("legacy.db", "UPDATE orders SET deleted = 1 WHERE no = 262")),
    ("modern.db lacks 1 of 4", by_sql("modern.db", "DELETE FROM order_items WHERE order_id = 265 AND rowid = 4")),
    ("modern.db lacks 1 of 4", by_sql("modern.db", "UPDATE orders SET customer_id = 2 WHERE id = 261")),
    ("given to two orders", by_text(proof.LEDGER, "265", "264")),
    ("not by legacy, modern, legacy", by_text(proof.LEDGER, '"legacy"}\n{"order": 262', '"modern"}\n{"order": 262')),
    ("not by legacy, modern, legacy", by_text(proof.LEDGER, "modern", "legacy")),
    ("modern.db: orders belongs to", by_sql("modern.db", "UPDATE strangler_owner SET owner = 'new' WHERE mapping = 'orders'")),
    ("legacy.db: customers belongs to None", by_sql("legacy.db", "DELETE FROM strangler_owner WHERE mapping = 'customers'")),
    ("a cutover is under way", by_text(proof.RECORD, '"decided": false', '"decided": true')),
    ("the record says that the owners are", by_text(proof.RECORD, '"orders": ["old", 3]', '"orders": ["new", 2]')),
    ("the journal has customers go", by_sql(proof.STORE, "DELETE FROM strangler_journal WHERE route = 'customers' AND at = 1")),
    ("without a guard that passed", by_sql(proof.STORE, "UPDATE strangler_journal SET forced = 1 WHERE route = 'read-order'")),
]


@pytest.mark.parametrize(("doubt", "spoil"), SPOILED, ids=range(len(SPOILED)))
def test_what_is_spoiled_is_doubted(kept: Path, doubt: str, spoil: Callable[[Path], None]) -> None:
    spoil(kept)
    assert doubt in "\n".join(proof.doubts(kept))
