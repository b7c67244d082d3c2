"""The sample shops under their own traffic, compared by real processes: all that was planted is found, and nothing else."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from sample_modern.planted import known
from strangler.control.gathering.witnessed import MICROSECONDS
from strangler.core.ledger import Ledger
from strangler.store.store import Store
from tests.e2e.running import free_port, running, url_in

REQUESTS = int(os.environ.get("STRANGLER_TEST_REQUESTS", "900"))  # the long form: 10,000
SECONDS = 60.0

ROUTES = {
    "product": "/api/products/{id}",
    "products": "/api/products",
    "search": "/api/search",
    "order": "/api/orders/{id}",
    "orders": "/api/orders",
    "customer": "/api/customers/{id}",
}
FILE = """version: 1
listen: [{{address: "127.0.0.1:{port}"}}]
admin: {{address: "127.0.0.1:0"}}
workers: 2
upstreams:
  legacy: {{url: "{legacy}"}}
  modern: {{url: "{modern}", version: "header:x-build"}}
defaults: {{stage: shadow, compare: {{headers: [content-type, location, cache-control]}}}}
routes:
{routes}
"""


def compared(folder: Path, planted: str) -> tuple[Ledger, set[tuple[str, str, str]], set[str]]:
    """The ledger, causes by (path of the route, pattern, kind), and seconds by (path of the route, side), after the traffic."""
    with ExitStack() as stack:
        legacy = url_in(stack.enter_context(running("sample_legacy", "--port", "0", ready="ready on", cwd=folder)))
        arguments = ("sample_modern", "--port", "0", "--planted", planted)
        modern = url_in(stack.enter_context(running(*arguments, ready="ready on", cwd=folder)))
        routes = "\n".join(f'  - {{name: {name}, match: {{path: "{path}"}}}}' for name, path in ROUTES.items())
        (folder / "routes.yaml").write_text(FILE.format(port=free_port(), legacy=legacy, modern=modern, routes=routes))
        proxy = url_in(stack.enter_context(running("strangler", "serve", ready="strangler serves", cwd=folder)))
        options = ("--url", proxy, "--seed", "11", "--requests", str(REQUESTS), "--rate", "0", "--no-writes", "--users", "4")
        subprocess.run([sys.executable, "-m", "sample_legacy.traffic", *options], cwd=folder, check=True, capture_output=True)
        until = time.monotonic() + SECONDS
        while not _quiet(_ledger(folder)) and time.monotonic() < until:
            time.sleep(0.2)
    store = Store.open("sqlite:///strangler.db", folder, read_only=True)
    causes = {(row.route, row.cause.pattern, row.cause.kind.value) for row in store.causes(limit=1000)}
    slow = {route for route in ROUTES if _mean(store, route, "modern") > _mean(store, route, "legacy") + 0.3}
    store.close()
    return _ledger(folder), causes, slow


def _mean(store: Store, route: str, side: str) -> float:
    """Seconds that a side takes on a route; 0 if it was not asked."""
    cells = [row.cells for row in store.arms(route) if row.side == side]
    number = sum(sum(each[:MICROSECONDS]) for each in cells)
    return sum(each[MICROSECONDS] for each in cells) / number / 1_000_000 if number else 0.0


def _quiet(ledger: Ledger) -> bool:
    return ledger.seen > 0 and not ledger.in_flight


def _ledger(folder: Path) -> Ledger:
    store = Store.open("sqlite:///strangler.db", folder, read_only=True)
    ledger = store.ledger()
    store.close()
    return ledger


def test_all_planted_differences_are_found_and_nothing_else(tmp_path: Path) -> None:
    ledger, causes, slow = compared(tmp_path, "all")
    reading = [each for each in known().values() if each.method == "GET"]
    names = {path: name for name, path in ROUTES.items()}
    expected = {(names[each.path], where, each.kind) for each in reading if each.kind != "slow" for where in each.where}
    assert causes == expected
    assert slow == {names[each.path] for each in reading if each.kind == "slow"}
    assert ledger.closes
    assert set(ledger.compared) == {"match", "mismatch"}
    assert (dict(ledger.skipped), dict(ledger.lost), ledger.in_flight) == ({}, {}, 0)


def test_a_rewrite_without_faults_agrees_on_every_request(tmp_path: Path) -> None:
    ledger, causes, slow = compared(tmp_path, "none")
    assert ledger == Ledger(ledger.seen, {"match": ledger.seen})
    assert ledger.seen > REQUESTS / 2
    assert (causes, slow) == (set(), set())
