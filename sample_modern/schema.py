"""Modern's tables: whole words, cents as integers, UTC, and rows that are gone when they are deleted.

Moments are text, 'YYYY-MM-DDTHH:MM:SSZ': it sorts by time, means the same on SQLite, PostgreSQL and MariaDB, and no driver
turns it into something of its own.

An order outlives the customer and the products that it names (legacy keeps those as deleted rows, here they are absent), so
only order_items has a foreign key. The charset is for MariaDB, which would else refuse four-byte characters.
"""

from sqlalchemy import CHAR, BigInteger, Column, Date, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

metadata = MetaData()


def _id() -> Column[int]:
    """Handed out by the application: rows arrive from legacy with their numbers, which a sequence would not know."""
    return Column("id", Integer, primary_key=True, autoincrement=False)


def _moment(name: str, nullable: bool = False) -> Column[str]:
    return Column(name, String(20), nullable=nullable)


customers = Table(
    "customers",
    metadata,
    _id(),
    Column("source", String(20), nullable=False, server_default="shop"),
    Column("name", String(120), nullable=False),
    Column("email", String(160), nullable=False),
    Column("phone", String(40)),
    Column("status", String(10), nullable=False),
    _moment("created_at"),
    Column("loyalty_points", Integer, nullable=False, server_default="0"),
    UniqueConstraint("source", "email", name="uq_customers_source_email"),
    mysql_charset="utf8mb4",
)

# Kept with the customer on legacy. Membership is a service of its own here, which only needs to know who and since when.
memberships = Table(
    "memberships",
    metadata,
    Column("customer_id", Integer, primary_key=True, autoincrement=False),
    Column("branch", Integer, nullable=False),
    Column("joined_on", Date, nullable=False),
    mysql_charset="utf8mb4",
)

products = Table(
    "products",
    metadata,
    _id(),
    Column("name", String(120), nullable=False),
    Column("description", Text),
    Column("price_cents", Integer, nullable=False),
    Column("category", String(20), nullable=False),
    Column("stock", Integer, nullable=False),
    mysql_charset="utf8mb4",
)

orders = Table(
    "orders",
    metadata,
    _id(),
    Column("customer_id", Integer, nullable=False),
    Column("status", String(10), nullable=False),
    Column("total_cents", Integer, nullable=False),
    _moment("created_at"),
    _moment("paid_at", nullable=True),
    Index("ix_orders_customer_id", "customer_id"),
    mysql_charset="utf8mb4",
)

order_items = Table(
    "order_items",
    metadata,
    Column("order_id", Integer, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("product_id", Integer, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price_cents", Integer, nullable=False),
    mysql_charset="utf8mb4",
)

# The highest number that was ever given, since a deleted row does not remember its own.
given = Table(
    "given",
    metadata,
    Column("what", String(20), primary_key=True),
    Column("last", Integer, nullable=False),
    mysql_charset="utf8mb4",
)

# For lists of orders: what legacy adds up from the lines each time somebody asks.
order_summaries = Table(
    "order_summaries",
    metadata,
    Column("order_id", Integer, primary_key=True, autoincrement=False),
    Column("customer_id", Integer, nullable=False),
    Column("line_count", Integer, nullable=False),
    Column("pieces", Integer, nullable=False),
    mysql_charset="utf8mb4",
)

uploads = Table(
    "uploads",
    metadata,
    _id(),
    Column("file_name", String(200), nullable=False),
    Column("content_type", String(120), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", CHAR(64), nullable=False),
    _moment("created_at"),
    mysql_charset="utf8mb4",
)
