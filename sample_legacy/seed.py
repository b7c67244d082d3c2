"""The facts, written the way this application has always written things down."""

from collections.abc import Iterator

from sqlalchemy import Engine

from sample_legacy import schema
from sample_legacy.facts import Facts
from sample_legacy.shared import database
from sample_legacy.shared.database import Row
from sample_legacy.shared.moments import LOCAL_FORMAT

_CUSTOMER_CODE = {word: code for code, word in schema.CUSTOMER_STATUS.items()}
_ORDER_CODE = {word: code for code, word in schema.ORDER_STATUS.items()}
_CATEGORY_CODE = {word: code for code, word in schema.CATEGORY.items()}


def prepare(engine: Engine, facts: Facts, reset: bool = False) -> None:
    """Create what is missing, and fill what is empty."""
    if reset:
        schema.metadata.drop_all(engine)
    schema.metadata.create_all(engine)
    with engine.begin() as connection:
        database.fill_if_empty(connection, schema.customer, _customers(facts))
        database.fill_if_empty(connection, schema.product, _products(facts))
        database.fill_if_empty(connection, schema.orders, _orders(facts))
        database.fill_if_empty(connection, schema.order_line, _lines(facts))


def _customers(facts: Facts) -> Iterator[Row]:
    for customer in facts.customers:
        yield {
            "cust_no": customer.id,
            "nm": customer.name,
            "email_addr": customer.email,
            "phone": customer.phone,
            "st": _CUSTOMER_CODE[customer.status],
            "created": customer.created.strftime(LOCAL_FORMAT),
            "branch": customer.branch,
            "pts": customer.points,
            "deleted": int(customer.deleted),
        }


def _products(facts: Facts) -> Iterator[Row]:
    for product in facts.products:
        yield {
            "prod_no": product.id,
            "nm": product.name,
            "descr": product.description,
            "prc": product.price,
            "cat": _CATEGORY_CODE[product.category],
            "qty": product.stock,
            "deleted": int(product.deleted),
        }


def _orders(facts: Facts) -> Iterator[Row]:
    for order in facts.orders:
        yield {
            "no": order.id,
            "cust_no": order.customer_id,
            "st": _ORDER_CODE[order.status],
            "total": order.total,
            "created": order.created.strftime(LOCAL_FORMAT),
            "paid_dt": order.paid.strftime(LOCAL_FORMAT) if order.paid else None,
            "deleted": int(order.deleted),
        }


def _lines(facts: Facts) -> Iterator[Row]:
    for order in facts.orders:
        for position, line in enumerate(order.lines, start=1):
            yield {
                "order_no": order.id,
                "line_no": position,
                "prod_no": line.product_id,
                "qty": line.quantity,
                "price": line.price,
            }
