"""Drift in the new side, written behind the relay's back: seeded, of every kind, with what a comparison has to find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import Column, Row, Table, and_, create_engine, delete, func, insert, select, update

from benchmarks.drift import Field, Planted
from tests.northwind.target import (
    addresses,
    customers,
    employee_territories,
    employees,
    order_lines,
    order_totals,
    orders,
    products,
    suppliers,
    territories,
)

_TEXTS = (customers.c.contact, addresses.c.city, orders.c.ship_name, suppliers.c.name, products.c.name, customers.c.name)
_MONEY = (order_lines.c.unit_price, orders.c.freight, order_totals.c.gross, order_lines.c.discount)
_REFERENCES = (orders.c.customer_code, products.c.category_id, orders.c.employee_id, territories.c.region_id)
_LEAVES = (order_totals, order_lines, addresses, order_lines, employee_territories)


def _some(field: Field, columns: tuple[Column[Any], ...], *where: Callable[[Column[Any]], Any]) -> tuple[Column[Any], Row[Any]]:
    """One of the columns, and a row of its table that was not touched yet; of another column where there is none left."""
    for column in field.random.sample(columns, len(columns)):
        try:
            return column, field.draw(column.table, *(each(column) for each in where))  # type: ignore[arg-type]
        except LookupError:
            continue
    raise LookupError("too little is left to be changed")


def _set(field: Field, column: Column[Any], row: Row[Any], what: str, value: Any) -> Planted:
    return field.change(column.table, row, what, **{column.name: value})  # type: ignore[arg-type]


def _value(field: Field) -> Iterator[Planted]:
    numbers = (products.c.stock, order_lines.c.quantity, order_totals.c.pieces, order_totals.c.line_count)
    column, row = _some(field, numbers)
    yield _set(field, column, row, "value", row._mapping[column.name] + field.random.choice((1, 2, 100)))


def _flag_word_or_bytes(field: Field) -> Iterator[Planted]:
    column, row = _some(field, (products.c.discontinued, orders.c.shipper, employees.c.photo))
    value = row._mapping[column.name]
    other = (not value) if isinstance(value, bool) else value + b"\0" if isinstance(value, bytes) else f"{value}s"
    yield _set(field, column, row, "value", other)


def _null_and_empty(field: Field) -> Iterator[Planted]:
    column, row = _some(field, (customers.c.fax, addresses.c.region, orders.c.ship_region), lambda column: column.is_(None))
    yield _set(field, column, row, "null_and_empty", "")


def _case(field: Field) -> Iterator[Planted]:
    column, row = _some(field, _TEXTS, lambda column: func.length(column) > 0)
    yield _set(field, column, row, "case", row._mapping[column.name].swapcase())


def _trailing_space(field: Field) -> Iterator[Planted]:
    column, row = _some(field, _TEXTS, lambda column: column.is_not(None))
    yield _set(field, column, row, "trailing_space", f"{row._mapping[column.name]} ")


def _timezone(field: Field) -> Iterator[Planted]:
    column, row = _some(field, (orders.c.placed_at, orders.c.shipped_at), lambda column: column.is_not(None))
    moved = row._mapping[column.name] + timedelta(hours=field.random.choice((-5, -4, -1, 1, 5)))
    yield _set(field, column, row, "timezone", moved)


def _rounding(field: Field) -> Iterator[Planted]:
    column, row = _some(field, _MONEY)
    last = Decimal("0.001") if column is order_lines.c.discount else Decimal("0.01")
    yield _set(field, column, row, "rounding", row._mapping[column.name] + last)


def _missing(field: Field) -> Iterator[Planted]:
    table = field.random.choice(_LEAVES)
    row = field.draw(table)
    key = _key(table, row)
    field.connection.execute(delete(table).where(_is(table, key)))
    yield Planted(table.name, key, "missing", (), "missing")


def _extra(field: Field) -> Iterator[Planted]:
    """A customer whom nobody knows, with an address; its code sorts before, among and after the others."""
    code = f"{field.random.choice('0MZé')}{field.random.randrange(10_000):04}"
    if field.connection.execute(select(customers.c.code).where(customers.c.code == code)).first() is not None:
        return (yield from _extra(field))
    for table, row in ((customers, {"code": code, "name": "?", "contact": "?"}), (addresses, {"customer_code": code})):
        field.connection.execute(insert(table).values(**row))
        field.touch(table, (code,))
        yield Planted(table.name, (code,), "extra", (), "extra")
    return None


def _swapped_children(field: Field) -> Iterator[Planted]:
    """Two lines of an order have each other's quantity."""
    while True:
        other = order_lines.alias()
        sister = and_(other.c.order_id == order_lines.c.order_id, other.c.quantity != order_lines.c.quantity)
        first = field.draw(order_lines, select(other.c.order_id).where(sister).exists())
        try:
            second = field.draw(order_lines, order_lines.c.order_id == first.order_id, order_lines.c.quantity != first.quantity)
        except LookupError:
            continue  # its sisters were all touched
        yield field.change(order_lines, first, "swapped_children", quantity=second.quantity)
        yield field.change(order_lines, second, "swapped_children", quantity=first.quantity)
        return


def _wrong_reference(field: Field) -> Iterator[Planted]:
    column, row = _some(field, _REFERENCES)
    (parent,) = column.foreign_keys
    other = parent.column.table.select().where(parent.column != row._mapping[column.name]).order_by(parent.column)
    found = field.random.choice(field.connection.execute(other).all())
    yield _set(field, column, row, "wrong_parent", found._mapping[parent.column.name])


def _wrong_parent(field: Field) -> Iterator[Planted]:
    """A line stands under another order: it is missing where it was, and one too many where it is."""
    row = field.draw(order_lines)
    lines = order_lines.alias()
    has_it = select(lines.c.order_id).where(lines.c.order_id == orders.c.id, lines.c.product_id == row.product_id).exists()
    had_it = {key[0] for table, key in field._touched if table == "order_lines" and key[1] == row.product_id}
    free = [each.id for each in field.connection.execute(select(orders.c.id).where(~has_it).order_by(orders.c.id))]
    there = (field.random.choice([order for order in free if order not in had_it]), row.product_id)
    here = (row.order_id, row.product_id)
    field.connection.execute(update(order_lines).where(_is(order_lines, here)).values(order_id=there[0]))
    field.touch(order_lines, there)
    yield Planted("order_lines", here, "missing", (), "wrong_parent")
    yield Planted("order_lines", there, "extra", (), "wrong_parent")


_KINDS: dict[str, tuple[Callable[[Field], Iterator[Planted]], ...]] = {
    "value": (_value, _flag_word_or_bytes),
    "null_and_empty": (_null_and_empty,),
    "case": (_case,),
    "trailing_space": (_trailing_space,),
    "timezone": (_timezone,),
    "rounding": (_rounding,),
    "missing": (_missing,),
    "extra": (_extra,),
    "swapped_children": (_swapped_children,),
    "wrong_parent": (_wrong_parent, _wrong_reference),
}
KINDS = tuple(_KINDS)


def plant(url: str, seed: int, rounds: int) -> list[Planted]:
    """Every kind, so many times, in one transaction; no row twice. Raises LookupError if there are not enough rows."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            field = Field(connection, Random(seed))
            return [each for place in range(rounds) for kind in _KINDS.values() for each in kind[place % len(kind)](field)]
    finally:
        engine.dispose()


def _key(table: Table, row: Row[Any]) -> tuple[Any, ...]:
    return tuple(row._mapping[column.name] for column in table.primary_key)


def _is(table: Table, key: tuple[Any, ...]) -> Any:
    return and_(*(column == part for column, part in zip(table.primary_key, key, strict=True)))
