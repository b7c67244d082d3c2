"""What the demo says of the cutover, looked up afterwards in the ledger of its buyers, in both databases, the journal and the
record. By SQL, and with nothing of Strangler's or of the demo's own code: neither can vouch for itself."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

LEDGER = "ledger.jsonl"
STORE, SPOOL, RECORD = "strangler.db", ".routes.yaml.journal", ".routes.yaml.cutover"
TURNS = ["legacy", "modern", "legacy"]
ROUTES = ("list-orders", "read-order", "customers")
MAPPINGS = ("customers", "orders", "order_items")
MOVES = [("canary", "modern"), ("modern", "shadow")]  # of each route, live
HOME = "old", 3  # who owns at the end, and the epoch: there and back since the first

ORDERS = {
    "legacy.db": "SELECT o.no, o.cust_no, sum(l.qty) FROM orders o JOIN order_line l ON l.order_no = o.no"
    " WHERE o.deleted = 0 GROUP BY o.no, o.cust_no",
    "modern.db": "SELECT o.id, o.customer_id, sum(i.quantity) FROM orders o JOIN order_items i ON i.order_id = o.id"
    " GROUP BY o.id, o.customer_id",
}
_OWNERS = "SELECT mapping, owner, epoch FROM strangler_owner"
_COLUMNS = {
    **{"id": "id", "at": "at", "kind": "kind", "actor": "actor", "route": "route", "verdict": "verdict", "flip": "flip"},
    **{"before": "before_stage", "after": "after_stage", "weight": "after_weight", "forced": "forced", "evidence": "evidence"},
}


def doubts(folder: Path) -> list[str]:
    """Everything that is not as the demo says; empty if all of it is."""
    told = ledger(folder)
    checks = (_bought(told), _kept(folder, told), _owned(folder), _recorded(folder), _journalled(folder))
    return [doubt for check in checks for doubt in check]


def ledger(folder: Path) -> list[dict[str, Any]]:
    """What buyers were told, in the order in which they were."""
    return [json.loads(line) for line in (folder / LEDGER).read_text().splitlines()]


def rows(folder: Path, database: str, query: str) -> list[tuple[Any, ...]]:
    """Read by SQL. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"file:{folder / database}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def journal(folder: Path, route: str = "") -> list[dict[str, Any]]:
    """What people and the ladder did, in the order of time: entries of the store, and those that wait beside the file."""
    found = [
        dict(zip(_COLUMNS, row, strict=True))
        for row in rows(folder, STORE, f"SELECT {', '.join(_COLUMNS.values())} FROM strangler_journal")
    ]
    found = [{**entry, "evidence": json.loads(entry["evidence"] or "[]")} for entry in found]
    for entry in (json.loads(line) for line in (folder / SPOOL).read_text().splitlines() if line):
        after = {"before": entry["before"]["stage"], "after": entry["after"]["stage"], "weight": entry["after"]["weight"]}
        found.append({**entry, **after})
    once = {entry["id"]: entry for entry in found}
    ordered = sorted(once.values(), key=lambda entry: (entry["at"], entry["id"]))
    return [entry for entry in ordered if entry["actor"] != "file" and route in ("", entry["route"])]


def _bought(told: list[dict[str, Any]]) -> Iterator[str]:
    """Who took the orders: first one shop, then the other, then the first again; never both, and no number twice."""
    numbers = [line["order"] for line in told]
    if len(set(numbers)) < len(numbers):
        yield "a number was given to two orders"
    sides = [line["by"] for line in told]
    turns = [side for at, side in enumerate(sides) if not at or sides[at - 1] != side]
    if turns != TURNS:
        yield f"orders were taken by {', '.join(turns) or 'nobody'}, not by {', '.join(TURNS)}"


def _kept(folder: Path, told: list[dict[str, Any]]) -> Iterator[str]:
    said = {(line["order"], line["customer"], line["pieces"]) for line in told}
    for database, query in ORDERS.items():
        if missing := said - set(rows(folder, database, query)):
            yield f"{database} lacks {len(missing)} of {len(said)} orders as they were acknowledged: {sorted(missing)[:3]}"


def _owned(folder: Path) -> Iterator[str]:
    for database in ORDERS:
        found = {name: (owner, epoch) for name, owner, epoch in rows(folder, database, _OWNERS)}
        others = [name for name in MAPPINGS if found.get(name) != HOME]
        yield from (f"{database}: {name} belongs to {found.get(name)}, not {HOME}" for name in others)


def _recorded(folder: Path) -> Iterator[str]:
    record = json.loads((folder / RECORD).read_text())
    if record["move"] is not None or record["decided"]:
        yield "the record says that a cutover is under way"
    if any(tuple(record["owners"].get(name, ())) != HOME for name in MAPPINGS):
        yield f"the record says that the owners are {record['owners']}"


def _journalled(folder: Path) -> Iterator[str]:
    for route in ROUTES:
        entries = journal(folder, route)
        moves = [(entry["before"], entry["after"]) for entry in entries if entry["kind"] == "live"]
        if moves != MOVES:
            yield f"the journal has {route} go {moves}, not {MOVES}"
        up = [entry for entry in entries if entry["kind"] == "intended" and entry["after"] == "modern"]
        if any(entry["verdict"] != "pass" or entry["forced"] for entry in up):
            yield f"{route} went over without a guard that passed"
