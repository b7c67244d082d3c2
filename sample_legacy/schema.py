"""Legacy's tables, as a shop of its age would have them.

Abbreviated names, money as floats, Amsterdam wall-clock strings, one-letter codes, a deleted flag instead of a delete,
no foreign keys. The types are chosen to create and behave alike on SQLite, PostgreSQL and MariaDB
(which alone needs telling, by mysql_charset, that a bicycle takes four bytes).
"""

from sqlalchemy import CHAR, BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()


def _key(name: str) -> Column[int]:
    """A number that the application hands out itself, so that seeded rows leave no sequence behind."""
    return Column(name, Integer, primary_key=True, autoincrement=False)


def _money(name: str) -> Column[float]:
    """FLOAT(53) is a double everywhere; a plain FLOAT would be single precision on MariaDB."""
    return Column(name, Float(53), nullable=False)


def _local(name: str, nullable: bool = False) -> Column[str]:
    """'YYYY-MM-DD HH:MM:SS' on the clock in Amsterdam, without saying so."""
    return Column(name, String(19), nullable=nullable)


def _deleted() -> Column[int]:
    return Column("deleted", Integer, nullable=False, server_default="0")


customer = Table(
    "customer",
    metadata,
    _key("cust_no"),
    Column("nm", String(120), nullable=False),
    Column("email_addr", String(160), nullable=False),
    Column("phone", String(40)),
    Column("st", CHAR(1), nullable=False),
    _local("created"),
    Column("branch", Integer, nullable=False),
    Column("pts", Integer, nullable=False),
    _deleted(),
    mysql_charset="utf8mb4",
)

product = Table(
    "product",
    metadata,
    _key("prod_no"),
    Column("nm", String(120), nullable=False),
    Column("descr", Text),
    _money("prc"),
    Column("cat", CHAR(2), nullable=False),
    Column("qty", Integer, nullable=False),
    _deleted(),
    mysql_charset="utf8mb4",
)

orders = Table(
    "orders",
    metadata,
    _key("no"),
    Column("cust_no", Integer, nullable=False),
    Column("st", CHAR(1), nullable=False),
    _money("total"),
    _local("created"),
    _local("paid_dt", nullable=True),
    _deleted(),
    Index("ix_orders_cust_no", "cust_no"),
    mysql_charset="utf8mb4",
)

order_line = Table(
    "order_line",
    metadata,
    _key("order_no"),
    _key("line_no"),
    Column("prod_no", Integer, nullable=False),
    Column("qty", Integer, nullable=False),
    _money("price"),
    mysql_charset="utf8mb4",
)

sess = Table(
    "sess",
    metadata,
    Column("sid", String(64), primary_key=True),
    Column("cust_no", Integer, nullable=False),
    _local("created"),
    mysql_charset="utf8mb4",
)

upload = Table(
    "upload",
    metadata,
    _key("no"),
    Column("fname", String(200), nullable=False),
    Column("ctype", String(120), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha", CHAR(64), nullable=False),
    _local("created"),
    mysql_charset="utf8mb4",
)

CUSTOMER_STATUS = {"A": "active", "I": "inactive", "B": "blocked"}
ORDER_STATUS = {"N": "new", "P": "paid", "S": "shipped", "C": "cancelled"}
CATEGORY = {"BO": "books", "GA": "garden", "KI": "kitchen", "MU": "music", "TO": "toys"}
