"""A law: after all keys were applied the target is what the mapping makes of the source, and applying again changes nothing."""

import random

import pytest

from reconcile.applying.applied import DELETES, UPSERTS, Applied
from reconcile.reports.report import Counts
from tests.unit.reconcile.applying_world import Applying

MAPPING = """
    name: things
    from: {database: old, table: thing, key: [a, b], where: "gone = 0"}
    to: {database: new, table: things, key: [x, y], where: "source = 'shop'"}
    columns: {x: a, y: b, source: {value: shop}, name: name, amount: amount, at: at, flag: {column: flag, convert: bool}}
"""
TEXTS = ("a", "A", "é", "e", "a ", "", "\U0001f6b2", "NULL", "it''s", "100%", "b\\\\c")
MOMENT = {"postgresql": "TIMESTAMP", "mariadb": "DATETIME(6)", "sqlite": "DATETIME"}
TEXT = {"postgresql": "VARCHAR(20)", "mariadb": "VARCHAR(20) COLLATE utf8mb4_nopad_bin", "sqlite": "VARCHAR(20)"}


def some_row(chance: random.Random) -> str:
    def either(text: str) -> str:
        return "NULL" if chance.random() < 0.2 else text

    name, amount = either(f"'{chance.choice(TEXTS[:-1])}'"), either(f"{chance.randint(-999, 999)}.{chance.randint(0, 99):02}")
    at = either(f"'20{chance.randint(10, 30)}-02-03 04:05:06.{chance.choice(('5', '123456', '000001'))}'")
    return f"{name}, {amount}, {at}, {either(chance.choice('01'))}, {chance.choice('0001')}"


@pytest.fixture
def world(tmp_path, fresh, dialect):
    found = Applying(tmp_path, dialect, fresh(dialect), fresh(dialect))
    found.write(MAPPING)
    rest = f"name {TEXT[dialect]}, amount NUMERIC(8, 2), at {MOMENT[dialect]}"
    found.old(f"CREATE TABLE thing (a INTEGER, b {TEXT[dialect]}, {rest}, flag INTEGER, gone INTEGER, PRIMARY KEY (a, b))")
    found.new(
        f"CREATE TABLE things (source VARCHAR(9), x INTEGER, y {TEXT[dialect]}, {rest}, flag BOOLEAN, PRIMARY KEY (source, x, y))"
    )
    found.new("INSERT INTO things (source, x, y, name) VALUES ('fair', 1, 'a', 'not ours'), ('fair', 9, '', 'nor this')")
    return found


@pytest.mark.parametrize("seed", range(3))
def test_after_all_keys_the_target_is_as_the_mapping_says(world, seed):
    chance = random.Random(seed)
    everything = [(number, text.replace("''", "'")) for number in range(1, 5) for text in TEXTS[:-2]]
    for _ in range(3):
        world.old("DELETE FROM thing")
        for number, text in chance.sample(everything, 15):
            key = f"{number}, '{text.replace(chr(39), chr(39) * 2)}'"
            world.old(f"INSERT INTO thing VALUES ({key}, {some_row(chance)})".replace(":", r"\:"))
        world.apply(*everything, parts=UPSERTS)
        world.apply(*everything, parts=DELETES)
        present = world.old("SELECT count(*) FROM thing WHERE gone = 0")[0][0]
        assert world.apply(*everything) == Applied(Counts(unchanged=present))
        columns = "name, amount, at, flag"
        there = world.new(f"SELECT x, y, {columns} FROM things WHERE source = 'shop'")
        here = world.old(f"SELECT a, b, {columns} FROM thing WHERE gone = 0")
        assert sorted(map(shown, there)) == sorted(map(shown, here))
    assert len(world.new("SELECT 1 FROM things WHERE source = 'fair'")) == 2


def shown(row: tuple) -> tuple:
    """Drivers give equal values as different types: numbers by value, moments without zeros at the end, booleans as numbers."""
    *values, flag = row
    return tuple(_shown(value) for value in values), "NULL" if flag is None else str(int(flag))


def _shown(value: object) -> str:
    text = "NULL" if value is None else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
