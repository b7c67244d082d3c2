"""`strangler demo` from the wheel, in a fresh environment and an empty folder, while others begin beside it and are interrupted.
What it claims is looked up in what it was told to keep, by SQL and without the code that tells it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from strangler.demo import proof
from tests.e2e import wheel

MOMENTS = ("modern ", "open http://", "nothing has moved")  # from early to late
SECONDS = 900  # that a demo may take on a busy machine
FLIPS = [  # before, after, weight, by the ladder
    ("shadow", "canary", 0.25, False),
    ("canary", "shadow", 0.0, True),
    ("shadow", "canary", 0.5, False),
    ("canary", "modern", 0.0, False),
]


@dataclass
class Told:
    """One demo that has ended."""

    output: str
    code: int
    kept: Path
    left: list[str]

    def rows(self, database: str, query: str) -> list[tuple[Any, ...]]:
        return proof.rows(self.kept, database, query)

    def journal(self, route: str = "") -> list[dict[str, Any]]:
        return proof.journal(self.kept, route)


def begin(folder: Path, *command: str | Path) -> subprocess.Popen[str]:
    """Start a demo whose temporary files and processes can be told from all others."""
    temporary, empty = folder / "tmp", folder / "empty"
    temporary.mkdir()
    empty.mkdir()
    environ = {**os.environ, "TMPDIR": str(temporary), "STRANGLER_TEST_MARK": str(folder)}
    return subprocess.Popen(command, cwd=empty, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def left(folder: Path) -> list[str]:
    """Files in the demo's folders, and processes that it has started and that live."""
    mark = f"STRANGLER_TEST_MARK={folder}".encode()
    found = [str(path) for name in ("tmp", "empty") for path in (folder / name).iterdir()]
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def tell(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The whole demo of the wheel, with others that begin beside it."""
    folder, kept = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("kept")
    strangler = wheel.install(tmp_path_factory.mktemp("fresh"))
    with begin(folder, strangler, "demo", "--seconds", "3", "--keep", kept) as process:
        try:
            for number, moment in enumerate(MOMENTS):
                interrupt(tmp_path_factory.mktemp(f"other{number}"), moment)
            output = process.communicate(timeout=SECONDS)[0]
        finally:
            process.terminate()
    return Told(output, process.returncode, kept, left(folder))


def interrupt(folder: Path, moment: str) -> None:
    """Begin a demo, end it as soon as it says `moment`, and see that it leaves nothing."""
    with begin(folder, sys.executable, "-m", "strangler", "demo") as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if moment in line:
                break
        assert moment in said, said
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert left(folder) == []


def see_that_it_says_all_held_and_leaves_nothing(told: Told) -> None:
    assert told.code == 0, told.output
    assert "claims held." in told.output
    assert "NOT SO" not in told.output
    assert told.left == []


def see_that_the_route_climbed_fell_and_climbed_to_the_top(told: Told) -> None:
    journal = told.journal("read-product")
    live = [each for each in journal if each["kind"] == "live"]
    flips = [(each["before"], each["after"], each["weight"], each["actor"] == "ladder") for each in live]
    assert flips == FLIPS
    assert [each["kind"] for each in journal if each["kind"] in ("hold", "resume", "abandoned")] == ["hold", "resume"]


def see_that_nothing_climbed_without_evidence_that_passed(told: Told) -> None:
    ups = [each for each in told.journal() if each["kind"] == "intended" and each["after"] != "shadow"]
    assert {each["route"] for each in ups} == {"read-product", "pictures", *proof.ROUTES}
    assert [each for each in ups if each["verdict"] != "pass" or each["forced"]] == []
    for each in ups:
        findings = {finding["condition"]: finding["verdict"] for finding in each["evidence"]}
        assert {"parity", "errors", "latency", "coverage", "version"} <= findings.keys()
        assert set(findings.values()) == {"pass"}


def see_that_a_route_climbed_by_itself(told: Told) -> None:
    ups = [each for each in told.journal("pictures") if each["kind"] == "live"]
    assert [(each["before"], each["after"]) for each in ups] == [("shadow", "canary"), ("canary", "modern")]
    assert {each["actor"] for each in ups} == {"ladder"}


def see_that_every_intention_is_settled(told: Told) -> None:
    intended, live = ({each["flip"] for each in told.journal() if each["kind"] == kind} for kind in ("intended", "live"))
    assert intended
    assert intended == live


def see_that_the_file_says_where_the_journal_ends(told: Told) -> None:
    routes = {route["name"]: route for route in yaml.safe_load((told.kept / "routes.yaml").read_text())["routes"]}
    assert {name: route.get("stage") for name, route in routes.items()} == {
        "pictures": "modern",
        "read-product": "modern",
        "list-products": None,  # the default: shadow
        "search": None,
        **dict.fromkeys(proof.ROUTES, "shadow"),
    }


def see_that_planted_differences_are_in_the_store_by_name(told: Told) -> None:
    causes = set(told.rows("strangler.db", "SELECT route, pattern, kind FROM strangler_causes"))
    assert ("search", "$.items[*].price", "type") in causes
    assert ("list-products", "$.items[*].sku", "missing") in causes
    assert any(route == "read-product" and kind == "header" for route, _, kind in causes)


def see_that_both_databases_hold_the_same_at_the_end(told: Told) -> None:
    pairs = (
        (
            "SELECT cust_no, nm, pts FROM customer WHERE deleted = 0",
            "SELECT id, name, loyalty_points FROM customers WHERE source = 'shop'",
        ),
        ("SELECT prod_no, nm, qty FROM product WHERE deleted = 0", "SELECT id, name, stock FROM products"),
        ("SELECT no, cust_no FROM orders WHERE deleted = 0", "SELECT id, customer_id FROM orders"),
        (
            "SELECT order_no, line_no, prod_no, qty FROM order_line WHERE order_no IN (SELECT no FROM orders WHERE deleted = 0)",
            "SELECT order_id, position, product_id, quantity FROM order_items",
        ),
    )
    for old, new in pairs:
        rows = sorted(told.rows("legacy.db", old))
        assert rows
        assert rows == sorted(told.rows("modern.db", new))


def see_that_writes_and_data_went_over_and_came_home(told: Told) -> None:
    assert len(proof.ledger(told.kept)) > 30
    assert proof.doubts(told.kept) == []


def see_that_no_client_saw_a_failure(told: Told) -> None:
    records = [json.loads(line) for line in (told.kept / "access.log").read_text().splitlines()]
    assert len(records) > 1000
    assert [record for record in records if record["status"] >= 500] == []
    assert {"legacy", "modern"} <= {record["served_by"] for record in records if record["route"] == "read-product"}


@pytest.mark.timeout(SECONDS + 60)
def test_what_the_demo_claims_is_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One test, since the story takes a minute: with several, several processes that test would each tell it."""
    told = tell(tmp_path_factory)
    see_that_it_says_all_held_and_leaves_nothing(told)
    see_that_the_route_climbed_fell_and_climbed_to_the_top(told)
    see_that_nothing_climbed_without_evidence_that_passed(told)
    see_that_a_route_climbed_by_itself(told)
    see_that_every_intention_is_settled(told)
    see_that_the_file_says_where_the_journal_ends(told)
    see_that_planted_differences_are_in_the_store_by_name(told)
    see_that_both_databases_hold_the_same_at_the_end(told)
    see_that_writes_and_data_went_over_and_came_home(told)
    see_that_no_client_saw_a_failure(told)
