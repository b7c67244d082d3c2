"""Reports: a summary of the shop, and all sales as a table."""

from collections.abc import Iterator

from sqlalchemy import func, select

from sample_legacy.shared import money
from sample_legacy.shared.answers import Document
from sample_modern.orders import STATUSES
from sample_modern.schema import customers, order_items, orders, products
from sample_modern.shop import Shop

SALES_HEAD = ("order_id", "created_at", "customer", "status", "lines", "total")
_ROWS_AT_ONCE = 500


def summary(shop: Shop) -> Document:
    """The shop on one screen; ``generated_at`` differs from one request to the next, as such fields do."""
    count, cents = func.count().label("orders"), func.sum(orders.c.total_cents).label("cents")
    rows = shop.rows(select(orders.c.status, count, cents).group_by(orders.c.status))
    counts = {row.status: row.orders for row in rows}
    return {
        "generated_at": shop.clock().isoformat(),
        "customers": shop.count(select(func.count()).select_from(customers)),
        "orders": {status: counts.get(status, 0) for status in STATUSES},
        "revenue": money.to_amount(sum(int(row.cents) for row in rows if row.status != "cancelled")),
        "best_sellers": _best_sellers(shop),
    }


def sales(shop: Shop) -> Iterator[list[tuple[object, ...]]]:
    """Every order, in chunks by number, so that no connection is held while a slow client reads."""
    lines = select(func.count()).where(order_items.c.order_id == orders.c.id).scalar_subquery().label("amount")
    buyer = orders.outerjoin(customers, customers.c.id == orders.c.customer_id)
    every = select(orders, customers.c.name, lines).select_from(buyer).order_by(orders.c.id).limit(_ROWS_AT_ONCE)
    after = 0
    while rows := shop.rows(every.where(orders.c.id > after)):
        yield [(row.id, row.created_at, row.name, row.status, row.amount, f"{row.total_cents / 100:.2f}") for row in rows]
        after = rows[-1].id


def _best_sellers(shop: Shop) -> list[Document]:
    sold = func.sum(order_items.c.quantity).label("sold")
    best = (
        select(products.c.id, products.c.name, sold)
        .join(order_items, order_items.c.product_id == products.c.id)
        .join(orders, orders.c.id == order_items.c.order_id)
        .where(orders.c.status != "cancelled")
        .group_by(products.c.id, products.c.name)
        .order_by(sold.desc(), products.c.id)
        .limit(5)
    )
    return [{"id": row.id, "name": row.name, "sold": int(row.sold)} for row in shop.rows(best)]
