"""The facts, written cleanly: as a faithful migration of legacy's data would leave them."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from sqlalchemy import Engine

from sample_legacy.facts import Facts
from sample_legacy.shared import database, moments, money
from sample_legacy.shared.database import Row
from sample_modern import schema


def prepare(engine: Engine, facts: Facts, tables: Collection[str], reset: bool = False) -> None:
    """Create what is missing, and fill those of the tables that are empty."""
    if reset:
        schema.metadata.drop_all(engine)
    schema.metadata.create_all(engine)
    with engine.begin() as connection:
        for name, rows in _ROWS.items():
            if name in tables:
                database.fill_if_empty(connection, schema.metadata.tables[name], rows(facts))
        database.fill_if_empty(connection, schema.given, [{"what": schema.orders.name, "last": 0}])


def _utc(wall_clock: datetime) -> str:
    return moments.local_to_utc(wall_clock.strftime(moments.LOCAL_FORMAT))


def _customers(facts: Facts) -> Iterator[Row]:
    for customer in facts.customers:
        if not customer.deleted:
            yield {
                "id": customer.id,
                "source": "shop",
                "name": customer.name,
                "email": customer.email.strip().lower(),
                "phone": customer.phone,
                "status": customer.status,
                "created_at": _utc(customer.created),
                "loyalty_points": customer.points,
            }


def _memberships(facts: Facts) -> Iterator[Row]:
    for customer in facts.customers:
        if not customer.deleted:
            yield {"customer_id": customer.id, "branch": customer.branch, "joined_on": customer.created.date()}


def _products(facts: Facts) -> Iterator[Row]:
    for product in facts.products:
        if not product.deleted:
            yield {
                "id": product.id,
                "name": product.name,
                "description": product.description,
                "price_cents": money.to_cents(product.price),
                "category": product.category,
                "stock": product.stock,
            }


def _orders(facts: Facts) -> Iterator[Row]:
    for order in facts.orders:
        if not order.deleted:
            yield {
                "id": order.id,
                "customer_id": order.customer_id,
                "status": order.status,
                "total_cents": order.total_cents,
                "created_at": _utc(order.created),
                "paid_at": _utc(order.paid) if order.paid else None,
            }


def _items(facts: Facts) -> Iterator[Row]:
    for order in facts.orders:
        for position, line in enumerate(() if order.deleted else order.lines, start=1):
            yield {
                "order_id": order.id,
                "position": position,
                "product_id": line.product_id,
                "quantity": line.quantity,
                "unit_price_cents": money.to_cents(line.price),
            }


def _summaries(facts: Facts) -> Iterator[Row]:
    for order in facts.orders:
        if not order.deleted:
            pieces = sum(line.quantity for line in order.lines)
            yield {"order_id": order.id, "customer_id": order.customer_id, "line_count": len(order.lines), "pieces": pieces}


# In the order in which the foreign key wants them.
_ROWS: dict[str, Callable[[Facts], Iterator[Row]]] = {
    "customers": _customers,
    "memberships": _memberships,
    "products": _products,
    "orders": _orders,
    "order_items": _items,
    "order_summaries": _summaries,
}
TABLES = tuple(_ROWS)
