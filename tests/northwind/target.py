"""The new side, as its team would have drawn it: other names, other shapes, exact types, every reference enforced."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    create_engine,
)
from sqlalchemy.dialects.mysql import DATETIME

metadata = MetaData()
_Money = Numeric(12, 2)
_Moment = DateTime(timezone=True).with_variant(DATETIME(fsp=6), "mysql", "mariadb")


def _text(length: int) -> Any:
    """Text that is told apart by every letter, as SQLite tells it apart."""
    return String(length).with_variant(String(length, collation="utf8mb4_nopad_bin"), "mysql", "mariadb")


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=False)


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text) for name in names]


regions = Table("regions", metadata, _id(), Column("name", Text, nullable=False))

territories = Table(
    "territories",
    metadata,
    Column("code", _text(20), primary_key=True),
    Column("name", Text, nullable=False),
    Column("region_id", ForeignKey(regions.c.id), nullable=False),
)

employees = Table(
    "employees",
    metadata,
    _id(),
    Column("given_name", Text, nullable=False),
    Column("family_name", Text, nullable=False),
    Column("courtesy", Enum("mr", "ms", "mrs", "dr", name="courtesy"), nullable=False),
    Column("born_on", Date, nullable=False),
    Column("hired_on", Date, nullable=False),
    Column("extension", SmallInteger),
    Column("photo", LargeBinary),
    Column("notes", Text),
    Column("manager_id", ForeignKey("employees.id")),
)

employee_territories = Table(
    "employee_territories",
    metadata,
    Column("employee_id", ForeignKey(employees.c.id), primary_key=True),
    Column("territory_code", ForeignKey(territories.c.code), primary_key=True),
)

customers = Table(
    "customers",
    metadata,
    Column("code", _text(5), primary_key=True),
    Column("name", Text, nullable=False),
    Column("contact", Text, nullable=False),
    *_texts("contact_role", "phone", "fax"),
)

addresses = Table(
    "addresses",
    metadata,
    Column("customer_code", ForeignKey(customers.c.code), primary_key=True),
    *_texts("street", "city", "region", "postal_code", "country"),
)

suppliers = Table(
    "suppliers",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    *_texts("country", "phone", "website"),
)

categories = Table(
    "categories",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("picture", LargeBinary),
)

products = Table(
    "products",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("supplier_id", ForeignKey(suppliers.c.id)),
    Column("category_id", ForeignKey(categories.c.id)),
    Column("pack", Text),
    Column("price", _Money, nullable=False),
    Column("stock", Integer, nullable=False),
    Column("discontinued", Boolean, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    _id(),
    Column("customer_code", ForeignKey(customers.c.code), nullable=False),
    Column("employee_id", ForeignKey(employees.c.id), nullable=False),
    Column("shipper", Text, nullable=False),
    Column("placed_at", _Moment, nullable=False),
    Column("required_on", Date, nullable=False),
    Column("shipped_at", _Moment),
    Column("freight", _Money, nullable=False),
    *_texts("ship_name", "ship_region", "ship_country"),
)

order_lines = Table(
    "order_lines",
    metadata,
    Column("order_id", ForeignKey(orders.c.id), primary_key=True),
    Column("product_id", ForeignKey(products.c.id), primary_key=True),
    Column("unit_price", _Money, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("discount", Numeric(4, 3), nullable=False),
)

order_totals = Table(
    "order_totals",
    metadata,
    Column("order_id", Integer, primary_key=True, autoincrement=False),
    Column("line_count", Integer, nullable=False),
    Column("pieces", Integer, nullable=False),
    Column("gross", _Money, nullable=False),
    ForeignKeyConstraint(["order_id"], [orders.c.id]),
)


def create(url: str) -> None:
    engine = create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
