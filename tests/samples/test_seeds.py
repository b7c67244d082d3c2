"""The seeded world is the same everywhere, awkward where it should be, and never overwrites anything."""

from pathlib import Path

import pytest
from sqlalchemy import MetaData, func, insert, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable

from sample_legacy import facts
from sample_legacy import schema as old
from sample_legacy.shared import database, money
from sample_legacy.shared.moments import LOCAL_FORMAT, local_to_utc
from sample_modern import schema as new
from sample_modern import seed as modern_seed

from .conftest import legacy_over, modern_over, running


def test_the_same_seed_is_the_same_world() -> None:
    first = facts.load(3, 50)
    facts.load.cache_clear()
    assert facts.load(3, 50) == first
    assert facts.load(4, 50) != first


def test_more_customers_change_nothing_about_the_products() -> None:
    assert facts.load(7, 200).products == facts.load(7, 20).products


def test_the_awkward_rows_are_there() -> None:
    world = facts.load()
    names = "".join(customer.name for customer in world.customers)
    assert all(piece in names for piece in ("e\u0301", "\U0001f6b2", '"', "'", "&", "<b>", "<script>"))
    assert {None, ""} <= {customer.phone for customer in world.customers}
    assert any(customer.deleted for customer in world.customers)
    assert any(product.deleted for product in world.products)
    assert {19.99, 0.1 + 0.2, 0.0} <= {product.price for product in world.products}
    assert {None, ""} <= {product.description for product in world.products}
    assert any(not order.lines for order in world.orders)
    assert any(order.deleted for order in world.orders)
    assert {facts.DST_GAP, facts.DST_TWICE} <= {order.created for order in world.orders}
    assert any(order.created.strftime("%d %H:%M:%S") == "31 23:59:59" for order in world.orders)
    assert {order.status for order in world.orders} == {"new", "paid", "shipped", "cancelled"}


def test_a_float_total_is_worth_its_cents() -> None:
    for order in facts.load().orders:
        assert money.to_cents(order.total) == order.total_cents
    assert any(order.total != round(order.total, 2) for order in facts.load().orders)


def test_emails_are_one_persons_each() -> None:
    emails = [customer.email.strip().lower() for customer in facts.load(7, 2000).customers]
    assert len(set(emails)) == len(emails)


def test_too_few_customers_for_the_awkward_ones() -> None:
    with pytest.raises(ValueError, match="at least"):
        facts.load(7, facts.AWKWARD_CUSTOMERS - 1)


def test_both_databases_hold_the_same_facts(tmp_path: Path) -> None:
    with running(legacy_over(tmp_path)) as legacy, running(modern_over(tmp_path, "none")) as modern:
        before = legacy.state.shop.rows("SELECT * FROM customer WHERE deleted = 0 ORDER BY cust_no")
        after = modern.state.shop.rows(select(new.customers).order_by(new.customers.c.id))
        assert len(before) > 100
        for one, other in zip(before, after, strict=True):
            assert (one.cust_no, one.nm, one.phone, one.pts) == (other.id, other.name, other.phone, other.loyalty_points)
            assert (one.email_addr.strip().lower(), local_to_utc(one.created)) == (other.email, other.created_at)


def test_a_table_with_rows_is_left_alone(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path}/modern.db")
    new.metadata.create_all(engine)
    row = {"id": 5, "name": "x", "email": "x", "status": "active", "created_at": "2024-01-01T00:00:00Z"}
    with engine.begin() as connection:
        connection.execute(insert(new.customers), row)
    modern_seed.prepare(engine, facts.load(), modern_seed.TABLES)
    modern_seed.prepare(engine, facts.load(), modern_seed.TABLES)
    with engine.connect() as connection:
        tables = [new.metadata.tables[name] for name in modern_seed.TABLES]
        counts = [connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables]
    engine.dispose()
    assert counts[0] == 1
    assert all(count > 40 for count in counts[1:])


def test_tables_that_a_mapping_will_fill_can_be_left_empty(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path}/modern.db")
    modern_seed.prepare(engine, facts.load(), ("products",))
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(new.customers)).scalar_one() == 0
        assert connection.execute(select(func.count()).select_from(new.products)).scalar_one() > 40
    engine.dispose()


@pytest.mark.parametrize("metadata", [old.metadata, new.metadata], ids=["legacy", "modern"])
@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect(), mysql.dialect()], ids=lambda dialect: dialect.name)
def test_every_dialect_can_say_the_schema(metadata: MetaData, dialect: Dialect) -> None:
    for table in metadata.sorted_tables:
        assert table.name in str(CreateTable(table).compile(dialect=dialect))


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2024-01-15 12:00:00", "2024-01-15T11:00:00Z"),
        ("2024-07-15 12:00:00", "2024-07-15T10:00:00Z"),
        ("2025-01-01 00:30:00", "2024-12-31T23:30:00Z"),
        (facts.DST_GAP.strftime(LOCAL_FORMAT), "2024-03-31T01:30:00Z"),
        (facts.DST_TWICE.strftime(LOCAL_FORMAT), "2024-10-27T00:30:00Z"),
    ],
)
def test_wall_clock_to_utc(local: str, utc: str) -> None:
    assert local_to_utc(local) == utc


@pytest.mark.parametrize(
    ("amount", "cents"), [(19.99, 1999), (0.1 + 0.2, 30), (4.35, 435), (1.15, 115), (1.1 * 3, 330), (0.0, 0)]
)
def test_float_to_cents(amount: float, cents: int) -> None:
    assert money.to_cents(amount) == cents
    assert money.to_amount(cents) == round(amount, 2)


@pytest.mark.parametrize(("cents", "by", "result"), [(5, 2, 3), (4, 2, 2), (10, 3, 3), (11, 3, 4), (10_010, 20, 501)])
def test_division_rounds_halves_up(cents: int, by: int, result: int) -> None:
    assert money.divide(cents, by) == result
