"""Reports: a summary of the shop, one day of it, and all sales as a table."""

from collections.abc import Iterator

from sample_legacy.schema import ORDER_STATUS
from sample_legacy.shared import moments, money
from sample_legacy.shared.answers import Document
from sample_legacy.shop import Shop

SALES_HEAD = ("order_id", "created_at", "customer", "status", "lines", "total")
_ROWS_AT_ONCE = 500


def summary(shop: Shop) -> Document:
    """The shop on one screen; ``generated_at`` differs from one request to the next, as such fields do."""
    totals = shop.rows("SELECT st, total FROM orders WHERE deleted = 0")
    counts = {word: sum(row.st == code for row in totals) for code, word in ORDER_STATUS.items()}
    best = shop.rows(
        "SELECT p.prod_no, p.nm, SUM(l.qty) AS sold FROM order_line l JOIN product p ON p.prod_no = l.prod_no AND p.deleted = 0"
        " JOIN orders o ON o.no = l.order_no AND o.deleted = 0 AND o.st <> 'C'"
        " GROUP BY p.prod_no, p.nm ORDER BY sold DESC, p.prod_no LIMIT 5"
    )
    return {
        "generated_at": shop.clock().isoformat(),
        "customers": shop.rows("SELECT COUNT(*) FROM customer WHERE deleted = 0")[0][0],
        "orders": counts,
        "revenue": money.to_amount(sum(money.to_cents(row.total) for row in totals if row.st != "C")),
        "best_sellers": [{"id": row.prod_no, "name": row.nm, "sold": int(row.sold)} for row in best],
    }


def day(shop: Shop, date: str) -> Document:
    """One day on Amsterdam's clock."""
    rows = shop.rows(
        "SELECT st, total FROM orders WHERE deleted = 0 AND created >= :first AND created <= :last",
        first=f"{date} 00:00:00",
        last=f"{date} 23:59:59",
    )
    kept = [money.to_cents(row.total) for row in rows if row.st != "C"]
    return {"date": date, "orders": len(rows), "cancelled": len(rows) - len(kept), "revenue": money.to_amount(sum(kept))}


def sales(shop: Shop) -> Iterator[list[tuple[object, ...]]]:
    """Every order, in chunks by number, so that no connection is held while a slow client reads."""
    after = 0
    while rows := shop.rows(
        "SELECT o.no, o.created, c.nm, o.st, o.total, (SELECT COUNT(*) FROM order_line l WHERE l.order_no = o.no) AS amount"
        " FROM orders o LEFT JOIN customer c ON c.cust_no = o.cust_no AND c.deleted = 0"
        " WHERE o.deleted = 0 AND o.no > :after ORDER BY o.no LIMIT :most",
        after=after,
        most=_ROWS_AT_ONCE,
    ):
        yield [
            (row.no, moments.local_to_utc(row.created), row.nm, ORDER_STATUS[row.st], row.amount, f"{row.total:.2f}")
            for row in rows
        ]
        after = rows[-1].no
