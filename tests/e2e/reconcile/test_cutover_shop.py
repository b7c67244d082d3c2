"""The worked example's orders and customers move to modern and come home, on the samples' own schemas and facts."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager

import reconcile
from reconcile.cutover.data_side import DataSide
from tests.e2e.reconcile.test_shop_data import Shop, shop, type_  # noqa: F401
from tests.unit.reconcile.cutovers import await_nothing, soon

NAMES = ("customers", "orders", "order_items")


@contextmanager
def relaying(plan):
    stop = threading.Event()
    thread = threading.Thread(target=reconcile.relay, args=(plan,), kwargs={"stop": stop})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def move(plan, to, token):
    """The protocol without anybody to hold."""
    with relaying(plan), DataSide(plan, NAMES) as data:
        assert data.refusals(to) == ()
        assert data.rehearsal(to).lag is not None
        prepared = data.prepare(soon())
        assert prepared.ok, prepared.words
        await_nothing(data, data.mark())
        verified = data.verify(soon())
        assert verified.ok, verified.words
        assert {owner.owner for owner in data.bump(to, token).values()} == {to}


def test_orders_move_to_modern_and_come_home(shop: Shop, type_):  # noqa: F811
    for words in (("capture", "install"), ("backfill",), ("relay", "--until-idle"), ("reconcile",)):
        assert type_(*words)[0] == 0
    plan = reconcile.load("mappings.yaml", {})
    with DataSide(plan, NAMES) as data:
        said = data.refusals("new")
    assert [line for line in said if "--side new" in line] == [
        f"{name}: what is written on the new side is not captured: `strangler data capture install {name} --side new`, "
        f"then `strangler data reconcile {name}`"
        for name in NAMES
    ]
    assert type_("capture", "install", *NAMES, "--side", "new")[0] == 0
    with DataSide(plan, NAMES) as data:
        (said, *_) = data.refusals("new")
    assert "capture was not installed" in said
    assert said.endswith("then `strangler data reconcile customers`")
    assert type_("reconcile", *NAMES)[0] == 0

    move(plan, "new", "there")
    assert [(each["mapping"], each["owner"]) for each in json.loads(type_("owner", "--json")[1])] == [
        ("customers", "new"),
        ("memberships", "old"),
        ("products", "old"),
        ("orders", "new"),
        ("order_items", "new"),
        ("order_summaries", "old"),
    ]
    shop.new("INSERT INTO customers VALUES (900, 'shop', 'Eve', 'eve@example.org', NULL, 'active', '2027-01-01T11:00:00Z', 5)")
    shop.new("INSERT INTO orders VALUES (9000, 900, 'new', 1999, '2027-01-01T11:01:00Z', NULL)")
    shop.new("INSERT INTO order_items VALUES (9000, 1, 1, 2, 999)")
    shop.new("UPDATE orders SET status = 'cancelled' WHERE id = 1")
    shop.new("DELETE FROM order_items WHERE order_id = 2")
    shop.new("DELETE FROM orders WHERE id = 2")
    assert type_("relay", "--until-idle")[0] == 0
    assert shop.old("SELECT nm, st, pts, deleted FROM customer WHERE cust_no = 900") == [("Eve", "A", 5, 0)]
    assert shop.old("SELECT cust_no, st, total, deleted FROM orders WHERE no = 9000") == [(900, "N", 19.99, 0)]
    assert shop.old("SELECT prod_no, qty, price FROM order_line WHERE order_no = 9000") == [(1, 2, 9.99)]
    assert shop.old("SELECT no, st, deleted FROM orders WHERE no IN (1, 2) ORDER BY no") == [(1, "C", 0), (2, "N", 1)]
    assert shop.new("SELECT branch FROM memberships WHERE customer_id = 900") == [(1,)]
    assert shop.new("SELECT line_count, pieces FROM order_summaries WHERE order_id = 9000") == [(1, 2)]
    assert type_("reconcile")[0] == 0

    move(plan, "old", "home")
    shop.old("UPDATE orders SET st = 'S' WHERE no = 9000")
    assert type_("relay", "--until-idle")[0] == 0
    assert shop.new("SELECT status FROM orders WHERE id = 9000") == [("shipped",)]
    assert type_("reconcile")[0] == 0
    assert {each["epoch"] for each in json.loads(type_("owner", "--json", *NAMES)[1])} == {3}
