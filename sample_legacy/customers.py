"""Customers: lists, one of them, what may change about them, and how they log in."""

from starlette.exceptions import HTTPException

from sample_legacy.schema import CUSTOMER_STATUS
from sample_legacy.shared import moments, money
from sample_legacy.shared.answers import Document, found
from sample_legacy.shared.inputs import Page
from sample_legacy.shop import Shop

_COLUMN = {"name": "nm", "email": "email_addr", "phone": "phone"}


def detail(shop: Shop, number: int) -> Document | None:
    """One customer, and what they usually spend on orders that were not cancelled."""
    row = shop.row(
        "SELECT cust_no, nm, email_addr, phone, st, created, pts FROM customer WHERE cust_no = :no AND deleted = 0", no=number
    )
    if row is None:
        return None
    totals = shop.rows("SELECT total FROM orders WHERE cust_no = :no AND deleted = 0 AND st <> 'C'", no=number)
    spent = sum(money.to_cents(order.total) for order in totals)
    return {
        "id": row.cust_no,
        "name": row.nm,
        "email": row.email_addr.strip().lower(),
        "phone": row.phone,
        "status": CUSTOMER_STATUS[row.st],
        "created_at": moments.local_to_utc(row.created),
        "loyalty_points": row.pts,
        "orders": len(totals),
        "average_order": money.to_amount(money.divide(spent, len(totals)) if totals else 0),
    }


def listing(shop: Shop, page: Page) -> Document:
    """One page of customers, by number."""
    total = shop.rows("SELECT COUNT(*) FROM customer WHERE deleted = 0")[0][0]
    rows = shop.rows(
        "SELECT cust_no, nm, st FROM customer WHERE deleted = 0 ORDER BY cust_no LIMIT :size OFFSET :skip",
        size=page.size,
        skip=page.offset,
    )
    items = [{"id": row.cust_no, "name": row.nm, "status": CUSTOMER_STATUS[row.st]} for row in rows]
    return {"items": items, "page": page.number, "size": page.size, "total": total}


def update(shop: Shop, number: int, changes: dict[str, str | None]) -> Document:
    """Change name, email or phone."""
    holder = by_email(shop, changes["email"]) if changes.get("email") else None
    if holder not in (None, number):
        raise HTTPException(409, "Another customer has this email")
    settings = ", ".join(f"{_COLUMN[field]} = :{field}" for field in changes)
    shop.change(f"UPDATE customer SET {settings} WHERE cust_no = :no AND deleted = 0", changes | {"no": number})
    return found(detail(shop, number), "customer")


def by_email(shop: Shop, email: str | None) -> int | None:
    """The number of the customer with this email, however they once typed it."""
    row = shop.row(
        "SELECT cust_no FROM customer WHERE LOWER(TRIM(email_addr)) = :email AND deleted = 0", email=(email or "").strip().lower()
    )
    return None if row is None else int(row.cust_no)


def may_log_in(shop: Shop, number: int) -> bool:
    """Everyone but the blocked."""
    row = shop.row("SELECT st FROM customer WHERE cust_no = :no AND deleted = 0", no=number)
    return row is not None and row.st != "B"
