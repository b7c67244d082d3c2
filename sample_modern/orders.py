"""Orders: lists, one of them, a new one, and what may become of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, func, insert, select, update
from sqlalchemy import delete as delete_from
from starlette.exceptions import HTTPException

from sample_legacy.shared import database, moments, money
from sample_legacy.shared.answers import Document, found
from sample_legacy.shared.inputs import NewOrder, Page, invalid
from sample_legacy.shared.numbers import Numbers
from sample_modern.products import sku
from sample_modern.schema import customers, given, order_items, orders, products
from sample_modern.shop import Shop

_NEXT = {"new": ("paid", "cancelled"), "paid": ("shipped", "cancelled"), "shipped": (), "cancelled": ()}
_DELETABLE = ("new", "cancelled")
STATUSES = tuple(_NEXT)


def listing(shop: Shop, customer: int | None, status: str | None, page: Page) -> Document:
    """One page of orders, the newest number first."""
    given = ((orders.c.customer_id, customer), (orders.c.status, status))
    chosen = [column == value for column, value in given if value is not None]
    total = shop.count(select(func.count()).select_from(orders).where(*chosen))
    rows = shop.rows(select(orders).where(*chosen).order_by(orders.c.id.desc()).limit(page.size).offset(page.offset))
    return {"items": [_summary(row) for row in rows], "page": page.number, "size": page.size, "total": total}


def detail(shop: Shop, number: int) -> Document | None:
    """One order with its items and what it comes to."""
    buyer = orders.outerjoin(customers, customers.c.id == orders.c.customer_id)
    row = shop.row(select(orders, customers.c.name).select_from(buyer).where(orders.c.id == number))
    if row is None:
        return None
    bought = order_items.outerjoin(products, products.c.id == order_items.c.product_id)
    lines = shop.rows(
        select(order_items, products.c.name, products.c.category)
        .select_from(bought)
        .where(order_items.c.order_id == number)
        .order_by(order_items.c.position)
    )
    cents = [line.quantity * line.unit_price_cents for line in lines]
    return _head(shop, row) | {"items": [_item(line) for line in lines]} | _amounts(shop, cents) | {"tags": _tags(shop, lines)}


def create(shop: Shop, wanted: NewOrder) -> Document:
    """Place an order at today's prices."""
    prices = _prices(shop, wanted)
    _check_customer(shop, wanted.customer_id)
    number = database.write(shop.engine, lambda connection: _insert(connection, shop, wanted, prices))
    return found(detail(shop, number), "order")


def change_status(shop: Shop, number: int, status: str) -> Document:
    """Move an order along; asking for what it already is changes nothing."""
    row = shop.row(select(orders.c.status).where(orders.c.id == number))
    if row is None:
        raise HTTPException(404, "No such order")
    if row.status != status and not _moved(shop, number, row.status, status):
        raise HTTPException(409, f"An order that is {row.status} cannot become {status}")
    return found(detail(shop, number), "order")


def delete(shop: Shop, number: int) -> None:
    """Take an order back, unless money or goods have moved."""
    row = shop.row(select(orders.c.status).where(orders.c.id == number))
    if row is None:
        raise HTTPException(404, "No such order")
    if row.status not in _DELETABLE or not shop.transact(lambda connection: _delete(connection, number)):
        raise HTTPException(409, f"An order that is {row.status} cannot be deleted")


def _delete(connection: Connection, number: int) -> int:
    still = select(orders.c.id).where(orders.c.id == number, orders.c.status.in_(_DELETABLE)).scalar_subquery()
    connection.execute(delete_from(order_items).where(order_items.c.order_id == still))
    return connection.execute(delete_from(orders).where(orders.c.id == number, orders.c.status.in_(_DELETABLE))).rowcount


def _moved(shop: Shop, number: int, before: str, after: str) -> bool:
    """False where the rules forbid it, or someone else was faster."""
    if after not in _NEXT[before]:
        return False
    values = {"status": after} | ({"paid_at": moments.utc_text(shop.clock())} if after == "paid" else {})
    return shop.change(update(orders).where(orders.c.id == number, orders.c.status == before).values(values)) == 1


def _prices(shop: Shop, wanted: NewOrder) -> dict[int, int]:
    numbers = list(dict.fromkeys(line.product_id for line in wanted.lines))
    rows = shop.rows(select(products.c.id, products.c.price_cents).where(products.c.id.in_(numbers)))
    prices = {row.id: row.price_cents for row in rows}
    for number in numbers:
        if number not in prices:
            raise invalid(f"there is no product {number}")
    return prices


def _check_customer(shop: Shop, number: int) -> None:
    row = shop.row(select(customers.c.status).where(customers.c.id == number))
    if row is None:
        raise invalid(f"there is no customer {number}")
    if row.status == "blocked":
        raise HTTPException(409, "This customer is blocked")


def _insert(connection: Connection, shop: Shop, wanted: NewOrder, prices: dict[int, int]) -> int:
    cents = [line.quantity * prices[line.product_id] for line in wanted.lines]
    total, created_at = _total(shop, cents), moments.utc_text(shop.clock())
    number = _next_number(connection, shop.numbers)
    values = {"customer_id": wanted.customer_id, "status": "new", "total_cents": total, "created_at": created_at}
    connection.execute(insert(orders).values(id=number, **values))
    items = [
        {"product_id": line.product_id, "quantity": line.quantity, "unit_price_cents": prices[line.product_id]}
        for line in wanted.lines
    ]
    numbered = [item | {"order_id": number, "position": position} for position, item in enumerate(items, start=1)]
    connection.execute(insert(order_items), numbered)
    return number


def _next_number(connection: Connection, numbers: Numbers) -> int:
    """One above all that was given here and all that arrived from elsewhere, deleted or not."""
    mine = given.c.what == orders.name
    arrived = select(func.coalesce(func.max(orders.c.id), 0)).scalar_subquery()
    last = case((given.c.last > arrived, given.c.last), else_=arrived)
    connection.execute(update(given).where(mine).values(last=last + 1 + (last + numbers.shift) % numbers.step))
    number: int = connection.execute(select(given.c.last).where(mine)).scalar_one()
    return number


def _discount(shop: Shop, lines: list[int]) -> int:
    if shop.planted("discount-per-line"):
        return sum(money.discount(cents) for cents in lines)
    return money.discount(sum(lines))


def _total(shop: Shop, lines: list[int]) -> int:
    return sum(lines) - _discount(shop, lines) + money.shipping(sum(lines), len(lines))


def _amounts(shop: Shop, lines: list[int]) -> Document:
    return {
        "currency": "EUR",
        "subtotal": money.to_amount(sum(lines)),
        "discount": money.to_amount(_discount(shop, lines)),
        "shipping": money.to_amount(money.shipping(sum(lines), len(lines))),
        "total": money.to_amount(_total(shop, lines)),
    }


def _summary(row: Row[Any]) -> Document:
    return {
        "id": row.id,
        "customer_id": row.customer_id,
        "status": row.status,
        "total": money.to_amount(row.total_cents),
        "created_at": row.created_at,
    }


def _head(shop: Shop, row: Row[Any]) -> Document:
    paid_at = row.paid_at
    if paid_at is not None and shop.planted("paid-at-local"):
        paid_at = moments.local_text(datetime.fromisoformat(paid_at)).replace(" ", "T") + "Z"
    return {
        "id": row.id,
        "customer": {"id": row.customer_id, "name": row.name},
        "status": row.status,
        "created_at": row.created_at,
        "paid_at": paid_at,
    }


def _item(line: Row[Any]) -> Document:
    """A product that is gone has left its price behind, but neither name nor sku."""
    return {
        "position": line.position,
        "product_id": line.product_id,
        "sku": None if line.category is None else sku(line.category, line.product_id),
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": money.to_amount(line.unit_price_cents),
        "line_total": money.to_amount(line.quantity * line.unit_price_cents),
    }


def _tags(shop: Shop, lines: list[Row[Any]]) -> list[str]:
    """The categories in the order of the lines, then what the warehouse should know."""
    subtotal = sum(line.quantity * line.unit_price_cents for line in lines)
    categories = dict.fromkeys(line.category for line in lines if line.category is not None)
    tags = [*categories, *(["large"] if subtotal >= money.DISCOUNT_FROM else [])]
    return sorted(tags) if shop.planted("tags-sorted") else tags
