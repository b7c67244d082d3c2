"""Customers: one of them, and what may change about them."""

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException

from sample_legacy.shared import money
from sample_legacy.shared.answers import Document, found
from sample_modern.schema import customers, orders
from sample_modern.shop import Shop


def detail(shop: Shop, number: int) -> Document | None:
    """One customer, and what they usually spend on orders that were not cancelled."""
    row = shop.row(select(customers).where(customers.c.id == number))
    if row is None:
        return None
    count, average = _spending(shop, number)
    document = {
        "id": row.id,
        "name": row.name,
        "email": row.email,
        "phone": row.phone,
        "status": row.status,
        "created_at": row.created_at,
        "loyalty_points": row.loyalty_points,
        "orders": count,
        "average_order": money.to_amount(average),
    }
    if shop.planted("source-leaked"):
        document["source"] = row.source
    return document


def update_details(shop: Shop, number: int, changes: dict[str, str | None]) -> Document:
    """Change name, email or phone."""
    try:
        shop.change(update(customers).where(customers.c.id == number).values(changes))
    except IntegrityError:
        raise HTTPException(409, "Another customer has this email") from None
    return found(detail(shop, number), "customer")


def _spending(shop: Shop, number: int) -> tuple[int, int]:
    """How many orders, and what they come to on average, in cents."""
    kept = (orders.c.customer_id == number) & (orders.c.status != "cancelled")
    spent = func.coalesce(func.sum(orders.c.total_cents), 0)
    row = shop.rows(select(func.count().label("orders"), spent.label("cents")).where(kept))[0]
    count, cents = int(row.orders), int(row.cents)
    if count and shop.planted("average-rounded-down"):
        return count, cents // count
    return count, money.divide(cents, count) if count else 0
