"""Drift, planted into the modern sample's database on purpose: seeded, of every kind that migrations really leave behind.

    python -m benchmarks.drift sqlite:///modern.db --seed 7 --rounds 3

Says what a comparison has to find, as JSON: one object per row with mapping, key, kind and columns; and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import click
from sqlalchemy import Connection, Row, Table, and_, create_engine, delete, insert, select, update

from sample_modern.schema import customers, order_items, orders, products

_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_FAR = 900_000  # keys that nobody has


@dataclass(frozen=True, slots=True)
class Planted:
    """One row that a comparison has to find: how it differs, and in which columns. `what` is what was done to it."""

    mapping: str
    key: tuple[Any, ...]
    kind: str
    columns: tuple[str, ...]
    what: str


class Field:
    """Rows that were not touched yet, drawn at random."""

    def __init__(self, connection: Connection, random: Random) -> None:
        self.connection, self.random = connection, random
        self._touched: set[tuple[str, tuple[Any, ...]]] = set()

    def draw(self, table: Table, *where: Any) -> Row[Any]:
        """One row. Raises LookupError if none is left."""
        rows = self.connection.execute(select(table).where(*where).order_by(*table.primary_key)).all()
        fresh = [row for row in rows if (table.name, _key(table, row)) not in self._touched]
        if not fresh:
            raise LookupError(f"no row of {table.name} is left to be changed")
        row = self.random.choice(fresh)
        self.touch(table, _key(table, row))
        return row

    def touch(self, table: Table, key: tuple[Any, ...]) -> None:
        self._touched.add((table.name, key))

    def change(self, table: Table, row: Row[Any], what: str, **values: Any) -> Planted:
        """Change a row's columns, all of which must really differ."""
        assert all(row._mapping[name] != value for name, value in values.items())
        self.connection.execute(update(table).where(_is(table, _key(table, row))).values(**values))
        return Planted(table.name, _key(table, row), "changed", tuple(values), what)


Plant = Callable[[Field], Iterator[Planted]]


def _value(field: Field) -> Iterator[Planted]:
    row = field.draw(products)
    yield field.change(products, row, "value", stock=row.stock + field.random.choice((-3, -1, 1, 12)))


def _null_and_empty(field: Field) -> Iterator[Planted]:
    row = field.draw(customers, customers.c.phone.is_(None))
    yield field.change(customers, row, "null_and_empty", phone="")


def _case(field: Field) -> Iterator[Planted]:
    row = field.draw(customers)
    yield field.change(customers, row, "case", email=row.email.upper())


def _trailing_space(field: Field) -> Iterator[Planted]:
    row = field.draw(customers)
    yield field.change(customers, row, "trailing_space", name=f"{row.name} ")


def _timezone(field: Field) -> Iterator[Planted]:
    row = field.draw(orders)
    moved = datetime.strptime(row.created_at, _MOMENT) + timedelta(hours=field.random.choice((-2, -1, 1, 2)))
    yield field.change(orders, row, "timezone", created_at=moved.strftime(_MOMENT))


def _rounding(field: Field) -> Iterator[Planted]:
    row = field.draw(order_items)
    yield field.change(order_items, row, "rounding", unit_price_cents=row.unit_price_cents + field.random.choice((-1, 1)))


def _missing(field: Field) -> Iterator[Planted]:
    row = field.draw(customers)
    field.connection.execute(delete(customers).where(customers.c.id == row.id))
    yield Planted("customers", (row.id,), "missing", (), "missing")


def _extra(field: Field) -> Iterator[Planted]:
    number = _FAR + field.random.randrange(_FAR)
    email = f"nobody{number}@example.org"
    row = {"id": number, "name": "Nobody", "email": email, "status": "active", "created_at": "2024-01-01T00:00:00Z"}
    field.connection.execute(insert(customers).values(**row, source="shop", loyalty_points=0))
    field.touch(customers, (number,))
    yield Planted("customers", (number,), "extra", (), "extra")


def _swapped_children(field: Field) -> Iterator[Planted]:
    """Two lines of one order have each other's product."""
    other = order_items.alias()
    pair = and_(other.c.order_id == order_items.c.order_id, other.c.product_id != order_items.c.product_id)
    lower = select(other.c.position).where(pair, other.c.position > order_items.c.position).exists()
    while True:
        first = field.draw(order_items, lower)
        rest = (order_items.c.order_id == first.order_id, order_items.c.product_id != first.product_id)
        try:
            second = field.draw(order_items, *rest, order_items.c.position > first.position)
        except LookupError:
            continue  # its sisters were all touched
        yield field.change(order_items, first, "swapped_children", product_id=second.product_id)
        yield field.change(order_items, second, "swapped_children", product_id=first.product_id)
        return


def _wrong_parent(field: Field) -> Iterator[Planted]:
    """A line stands under another order: it is missing where it was, and one too many where it is."""
    row = field.draw(order_items)
    parent = field.draw(orders, orders.c.id != row.order_id).id
    there = (parent, _FAR + row.position)
    field.connection.execute(
        update(order_items).where(_is(order_items, (row.order_id, row.position))).values(order_id=parent, position=there[1])
    )
    field.touch(order_items, there)
    yield Planted("order_items", (row.order_id, row.position), "missing", (), "wrong_parent")
    yield Planted("order_items", there, "extra", (), "wrong_parent")


KINDS: dict[str, Plant] = {
    "value": _value,
    "null_and_empty": _null_and_empty,
    "case": _case,
    "trailing_space": _trailing_space,
    "timezone": _timezone,
    "rounding": _rounding,
    "missing": _missing,
    "extra": _extra,
    "swapped_children": _swapped_children,
    "wrong_parent": _wrong_parent,
}


def plant(url: str, seed: int, rounds: int = 1) -> list[Planted]:
    """Plant every kind, so many times, in one transaction; no row twice. The same seed and rows give the same drift.

    Raises LookupError if there are not enough rows.
    """
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            field = Field(connection, Random(seed))
            return [each for _ in range(rounds) for kind in KINDS.values() for each in kind(field)]
    finally:
        engine.dispose()


def _key(table: Table, row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row._mapping[column.name] for column in table.primary_key)


def _is(table: Table, key: tuple[Any, ...]) -> Any:
    return and_(*(column == part for column, part in zip(table.primary_key, key, strict=True)))


@click.command(help="Plant drift into the modern sample's database at URL, and say what a comparison has to find.")
@click.argument("url")
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=1, show_default=True, help="How often every kind is planted.")
def main(url: str, seed: int, rounds: int) -> None:
    click.echo(json.dumps([asdict(each) for each in plant(url, seed, rounds)], indent=1))


if __name__ == "__main__":
    main()
