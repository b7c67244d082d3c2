"""The worked example: orders and customers of the sample shops change hands, there and back, while people order, change and
delete; and everything that they were told is so in both databases."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Timer

import httpx
import pytest

import reconcile
from reconcile.mapping.model import Plan
from tests.e2e.running import free_port, running, url_in

ROOT = Path(__file__).parents[2]
PEOPLE = (1, 3, 4)  # customers who order all the time
MOVED = ("customers", "orders", "order_items")
SECONDS = 120  # that a command may take on a busy machine
PACE = 0.1  # seconds between two orders of one of them
AT_LEAST = 12  # orders while either side owns them
OLD = (
    "SELECT no, CASE st WHEN 'N' THEN 'new' WHEN 'P' THEN 'paid' END,"
    " (SELECT sum(qty) FROM order_line WHERE order_no = no) FROM orders WHERE deleted = 0"
)
NEW = "SELECT id, status, (SELECT sum(quantity) FROM order_items WHERE order_id = id) FROM orders"


@dataclass
class Ledger:
    """What people were told, one after the other: orders with status and pieces, which are gone, phones, and who answered."""

    orders: dict[int, tuple[str, int]] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    phones: dict[int, str] = field(default_factory=dict)
    turned_away: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    served: list[tuple[int, str]] = field(default_factory=list)

    def count(self, side: str) -> int:
        return sum(who == side for _, who in self.served)


@dataclass
class Shops:
    folder: Path
    url: str
    plan: Plan

    def strangler(self, *words: str) -> str:
        """Type a command that has to succeed; what it printed."""
        typed = [sys.executable, "-m", "strangler", *words]
        done = subprocess.run(typed, cwd=self.folder, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rows(self, side: str, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"file:{self.folder / side}.db?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shops]:
    """Both shops as routes.yaml says, captured on both sides, copied and compared; two workers and the relay before them."""
    for name in ("routes.yaml", "mappings.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with ExitStack() as stack:
        for name, port, *more in (
            ("legacy", "LEGACY_URL", "--numbers", "odd"),
            ("modern", "MODERN_URL", "--numbers", "even", "--planted", "none", "--seed-tables", "none"),
        ):
            shop = running(f"sample_{name}", "--port", "0", *more, ready="ready on", cwd=tmp_path)
            monkeypatch.setenv(port, url_in(stack.enter_context(shop)))
        plan = reconcile.load("mappings.yaml", {})
        reconcile.install_capture(plan)
        reconcile.install_capture(plan, side="new")
        reconcile.backfill_all(plan)
        assert all(reconcile.reconcile(plan, name).clean for name in plan.names)
        monkeypatch.setenv("STRANGLER_LISTEN", f"127.0.0.1:{free_port()}")
        with (tmp_path / "routes.yaml").open("a") as file:
            file.write('\nworkers: 2\nadmin: {address: "127.0.0.1:0"}\n')
        serve = running("strangler", "serve", ready="strangler serves", cwd=tmp_path)
        yield Shops(tmp_path, url_in(stack.enter_context(serve)), plan)


@contextmanager
def people(url: str) -> Iterator[Ledger]:
    """They order, pay, change their minds and their phones, one request after the other, while the block lasts."""
    ledger, stop = Ledger(), Event()
    with ThreadPoolExecutor(len(PEOPLE)) as pool:
        going = [pool.submit(_shop, url, customer, ledger, stop) for customer in PEOPLE]
        try:
            yield ledger
        finally:
            stop.set()
        for each in going:
            each.result()


def _shop(url: str, customer: int, ledger: Ledger, stop: Event) -> None:
    try:
        with httpx.Client(base_url=url, cookies={"user": f"c{customer}"}, timeout=60, trust_env=False, verify=False) as client:
            for visit in itertools.count():
                if stop.wait(PACE):
                    return
                _visit(client, customer, visit, ledger)
    except (httpx.HTTPError, LookupError) as error:
        ledger.turned_away.append(repr(error))


def _visit(client: httpx.Client, customer: int, visit: int, ledger: Ledger) -> None:
    """One order, that every third time is paid and every third time deleted, and another phone."""
    pieces, phone = 1 + visit % 5, f"{customer}-{visit}"
    order = _ask(client, ledger, "POST", "/api/orders", _basket(customer, pieces))
    number = order.json()["id"]
    ledger.orders[number] = "new", pieces
    ledger.served.append((number, _who(order)))
    where = f"/api/orders/{number}"
    if visit % 3 == 0:
        paid = _ask(client, ledger, "PUT", where, {"status": "paid"})
        ledger.orders[number] = "paid", pieces
        _see(client, ledger, where, paid)
    if visit % 3 == 1:
        _ask(client, ledger, "DELETE", where)
        del ledger.orders[number]
        ledger.gone.add(number)
    _ask(client, ledger, "PATCH", f"/api/customers/{customer}", {"phone": phone})
    ledger.phones[customer] = phone


def _basket(customer: int, pieces: int) -> dict[str, object]:
    return {"customer_id": customer, "items": [{"product_id": 1, "quantity": pieces}]}


def _ask(client: httpx.Client, ledger: Ledger, method: str, path: str, body: object = None) -> httpx.Response:
    answer = client.request(method, path, json=body)
    if not answer.is_success:
        ledger.turned_away.append(f"{method} {path}: {answer.status_code} {answer.text}")
    return answer


def _see(client: httpx.Client, ledger: Ledger, path: str, written: httpx.Response) -> None:
    """Whoever took the write shows it at once, if it is asked."""
    seen = client.get(path)
    if _who(seen) == _who(written) and seen.json() != written.json():
        ledger.unseen.append(f"{path}: {seen.text}, after {written.text}")


def _who(answer: httpx.Response) -> str:
    return "modern" if "x-build" in answer.headers else "legacy"


def _until(ledger: Ledger, side: str) -> None:
    """People go on until one side has taken some more of their orders."""
    enough = ledger.count(side) + AT_LEAST
    while ledger.count(side) < enough and not ledger.turned_away:
        Event().wait(0.02)


def test_orders_and_customers_change_hands_while_people_order_and_come_home(shops: Shops) -> None:
    shops.strangler("flip", "@orders", "canary", "--weight", "100%", "--force", "--reason", "test")
    with people(shops.url) as ledger:
        _until(ledger, "legacy")
        assert "the new side owns customers" in shops.strangler("cutover", "@orders", "--force", "--reason", "test")
        _until(ledger, "modern")
        assert "the old side owns customers" in shops.strangler("rollback", "@orders", "--reason", "home")
        _until(ledger, "legacy")
    assert ledger.turned_away == []
    assert ledger.unseen == [], "who wrote something does not see it"
    _both_have_it(shops, ledger)


def _at_rest(shops: Shops) -> None:
    """Until nothing is on its way any more; or what is, and why."""
    stop, ends = Event(), Timer(SECONDS, lambda: stop.set())
    ends.start()
    try:
        reconcile.relay(shops.plan, until_idle=True, stop=stop)
    finally:
        ends.cancel()
    pending = "SELECT mapping, key, state, attempts, error, token FROM strangler_pending"
    left = {side: shops.rows(side, pending) for side in ("legacy", "modern")} if stop.is_set() else {}
    assert left == {}, f"{left} {reconcile.standings(shops.plan)}"


def _both_have_it(shops: Shops, ledger: Ledger) -> None:
    _at_rest(shops)
    assert [name for name in shops.plan.names if not reconcile.reconcile(shops.plan, name).clean] == []
    for side, sql in ("legacy", OLD), ("modern", NEW):
        kept = {number: (status, pieces) for number, status, pieces in shops.rows(side, sql)}
        assert ledger.orders.items() <= kept.items()
        assert not ledger.gone & kept.keys()
    given = [number for number, _ in ledger.served]
    assert len(set(given)) == len(given), "a number was given twice"
    assert {(number % 2, who) for number, who in ledger.served} == {(1, "legacy"), (0, "modern")}
    assert ledger.phones.items() <= dict(shops.rows("legacy", "SELECT cust_no, phone FROM customer")).items()
    summed = "SELECT order_id, pieces FROM order_summaries"
    assert {number: pieces for number, (_, pieces) in ledger.orders.items()}.items() <= dict(shops.rows("modern", summed)).items()
