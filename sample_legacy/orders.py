"""Orders: lists, one of them, a new one, and what may become of it.

Stock is not touched by an order: the warehouse counts at night.
"""

from typing import Any

from sqlalchemy import Connection, Row, text
from starlette.exceptions import HTTPException

from sample_legacy.products import sku
from sample_legacy.schema import CATEGORY, ORDER_STATUS
from sample_legacy.shared import database, moments, money
from sample_legacy.shared.answers import Document, found
from sample_legacy.shared.inputs import NewOrder, Page, invalid
from sample_legacy.shop import Shop

STATUSES = tuple(ORDER_STATUS.values())
_CODE = {word: code for code, word in ORDER_STATUS.items()}
_NEXT = {"N": "PC", "P": "SC", "S": "", "C": ""}
_DELETABLE = "NC"


def listing(shop: Shop, customer: int | None, status: str | None, page: Page) -> Document:
    """One page of orders, the newest number first."""
    given = {"cust_no": customer, "st": _CODE.get(status or "")}
    chosen = {column: value for column, value in given.items() if value is not None}
    where = " AND ".join(["deleted = 0", *(f"{column} = :{column}" for column in chosen)])
    total = shop.rows(f"SELECT COUNT(*) FROM orders WHERE {where}", **chosen)[0][0]
    rows = shop.rows(
        f"SELECT no, cust_no, st, total, created FROM orders WHERE {where} ORDER BY no DESC LIMIT :size OFFSET :skip",
        size=page.size,
        skip=page.offset,
        **chosen,
    )
    return {"items": [_summary(row) for row in rows], "page": page.number, "size": page.size, "total": total}


def detail(shop: Shop, number: int) -> Document | None:
    """One order with its lines and what it comes to."""
    row = shop.row(
        "SELECT o.no, o.cust_no, c.nm, o.st, o.created, o.paid_dt FROM orders o"
        " LEFT JOIN customer c ON c.cust_no = o.cust_no AND c.deleted = 0 WHERE o.no = :no AND o.deleted = 0",
        no=number,
    )
    if row is None:
        return None
    lines = shop.rows(
        "SELECT l.line_no, l.prod_no, p.nm, p.cat, l.qty, l.price FROM order_line l"
        " LEFT JOIN product p ON p.prod_no = l.prod_no AND p.deleted = 0 WHERE l.order_no = :no ORDER BY l.line_no",
        no=number,
    )
    items = [_item(line) for line in lines]
    subtotal = sum(line.qty * money.to_cents(line.price) for line in lines)
    return _head(row) | {"items": items} | _amounts(subtotal, len(items)) | {"tags": _tags(lines, subtotal)}


def create(shop: Shop, wanted: NewOrder) -> Document:
    """Place an order at today's prices."""
    prices = _prices(shop, wanted)
    _check_customer(shop, wanted.customer_id)
    number = database.write(shop.engine, lambda connection: _insert(connection, shop, wanted, prices))
    return found(detail(shop, number), "order")


def change_status(shop: Shop, number: int, status: str) -> Document:
    """Move an order along; asking for what it already is changes nothing."""
    code = _CODE[status]
    row = shop.row("SELECT st FROM orders WHERE no = :no AND deleted = 0", no=number)
    if row is None:
        raise HTTPException(404, "No such order")
    if row.st != code and not _moved(shop, number, row.st, code):
        raise HTTPException(409, f"An order that is {ORDER_STATUS[row.st]} cannot become {status}")
    return found(detail(shop, number), "order")


def delete(shop: Shop, number: int) -> None:
    """Take an order back, unless money or goods have moved. The row stays, and says that it is deleted; its lines go."""
    row = shop.row("SELECT st FROM orders WHERE no = :no AND deleted = 0", no=number)
    if row is None:
        raise HTTPException(404, "No such order")
    if row.st not in _DELETABLE or not database.write(shop.engine, lambda connection: _delete(connection, number, row.st)):
        raise HTTPException(409, f"An order that is {ORDER_STATUS[row.st]} cannot be deleted")


def _delete(connection: Connection, number: int, before: str) -> int:
    """How many rows that were: none where someone else was faster."""
    values = {"no": number, "before": before}
    deleted = connection.execute(text("UPDATE orders SET deleted = 1 WHERE no = :no AND st = :before AND deleted = 0"), values)
    if deleted.rowcount:
        connection.execute(text("DELETE FROM order_line WHERE order_no = :no"), values)
    return deleted.rowcount


def _moved(shop: Shop, number: int, before: str, after: str) -> bool:
    """False where the rules forbid it, or someone else was faster."""
    if after not in _NEXT[before]:
        return False
    paid = ", paid_dt = :now" if after == "P" else ""
    values = {"no": number, "before": before, "after": after, "now": moments.local_text(shop.clock())}
    return shop.change(f"UPDATE orders SET st = :after{paid} WHERE no = :no AND st = :before", values) == 1


def _prices(shop: Shop, wanted: NewOrder) -> dict[int, float]:
    rows = {
        number: shop.row("SELECT prc FROM product WHERE prod_no = :no AND deleted = 0", no=number) for number in _numbers(wanted)
    }
    for number, row in rows.items():
        if row is None:
            raise invalid(f"there is no product {number}")
    return {number: row.prc for number, row in rows.items() if row is not None}


def _numbers(wanted: NewOrder) -> list[int]:
    return list(dict.fromkeys(line.product_id for line in wanted.lines))


def _check_customer(shop: Shop, number: int) -> None:
    row = shop.row("SELECT st FROM customer WHERE cust_no = :no AND deleted = 0", no=number)
    if row is None:
        raise invalid(f"there is no customer {number}")
    if row.st == "B":
        raise HTTPException(409, "This customer is blocked")


def _insert(connection: Connection, shop: Shop, wanted: NewOrder, prices: dict[int, float]) -> int:
    subtotal = sum(line.quantity * money.to_cents(prices[line.product_id]) for line in wanted.lines)
    number: int = connection.execute(
        text(
            "INSERT INTO orders (no, cust_no, st, total, created, deleted)"
            " SELECT last + 1 + (last + :shift) % :step, :cust_no, 'N', :total, :created, 0"
            " FROM (SELECT COALESCE(MAX(no), 0) AS last FROM orders) AS given RETURNING no"
        ),
        {
            "shift": shop.numbers.shift,
            "step": shop.numbers.step,
            "cust_no": wanted.customer_id,
            "total": money.to_amount(money.total(subtotal, len(wanted.lines))),
            "created": moments.local_text(shop.clock()),
        },
    ).scalar_one()
    connection.execute(
        text("INSERT INTO order_line (order_no, line_no, prod_no, qty, price) VALUES (:no, :line, :prod, :qty, :price)"),
        [
            {"no": number, "line": position, "prod": line.product_id, "qty": line.quantity, "price": prices[line.product_id]}
            for position, line in enumerate(wanted.lines, start=1)
        ],
    )
    return number


def _summary(row: Row[Any]) -> Document:
    return {
        "id": row.no,
        "customer_id": row.cust_no,
        "status": ORDER_STATUS[row.st],
        "total": money.to_amount(money.to_cents(row.total)),
        "created_at": moments.local_to_utc(row.created),
    }


def _head(row: Row[Any]) -> Document:
    return {
        "id": row.no,
        "customer": {"id": row.cust_no, "name": row.nm},
        "status": ORDER_STATUS[row.st],
        "created_at": moments.local_to_utc(row.created),
        "paid_at": None if row.paid_dt is None else moments.local_to_utc(row.paid_dt),
    }


def _item(line: Row[Any]) -> Document:
    """A product that is gone has left its price behind, but neither name nor sku."""
    cents = money.to_cents(line.price)
    return {
        "position": line.line_no,
        "product_id": line.prod_no,
        "sku": None if line.cat is None else sku(line.cat, line.prod_no),
        "name": line.nm,
        "quantity": line.qty,
        "unit_price": money.to_amount(cents),
        "line_total": money.to_amount(line.qty * cents),
    }


def _amounts(subtotal: int, lines: int) -> Document:
    return {
        "currency": "EUR",
        "subtotal": money.to_amount(subtotal),
        "discount": money.to_amount(money.discount(subtotal)),
        "shipping": money.to_amount(money.shipping(subtotal, lines)),
        "total": money.to_amount(money.total(subtotal, lines)),
    }


def _tags(lines: list[Row[Any]], subtotal: int) -> list[str]:
    """The categories in the order of the lines, then what the warehouse should know."""
    categories = dict.fromkeys(CATEGORY[line.cat] for line in lines if line.cat is not None)
    return [*categories, *(["large"] if subtotal >= money.DISCOUNT_FROM else [])]
