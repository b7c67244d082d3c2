"""The sample shops, replayed: an identical build agrees, what was planted is found and nothing else, a session is bridged."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

from sample_legacy import facts
from sample_legacy.traffic.people import Action, Person
from sample_modern.planted import known
from strangler.traffic import har
from strangler.traffic.entry import Entry, Message
from tests.e2e.running import running, url_in
from tests.e2e.test_planted_differences import ROUTES

PEOPLE, EACH = 4, 225
FILE = """version: 1
upstreams:
  legacy: {{url: "http://127.0.0.1:1"}}
  modern: {{url: "{modern}", version: "header:x-build"}}
defaults: {{stage: shadow, compare: {{headers: [content-type, location, cache-control]}}}}
routes:
{routes}
"""
SHOP = """version: 1
upstreams: {legacy: {url: "http://127.0.0.1:1"}}
routes:
  - name: shop
    match: {path: "/{path...}"}
    stage: shadow
    modern: legacy
    compare: {ignore: [$.created_at, "$.items[*].created_at"]}
"""


@contextmanager
def shop(folder: Path, name: str, *options: str, module: str = "sample_legacy") -> Iterator[str]:
    """A shop over a database of its own; its address."""
    database = f"sqlite:///{folder / name}.db"
    with running(module, "--port", "0", "--database", database, *options, ready="ready on", cwd=folder) as line:
        yield url_in(line)


def record(url: str, actions: Iterator[Action], path: Path, client: str = "") -> None:
    """What a shop answers, as a HAR. With a client, it keeps its cookies."""
    entries = []
    with httpx.Client(base_url=url, trust_env=False) as browser:
        for action in actions:
            began = time.time()
            kind = {"content-type": action.content_type} if action.content_type else {}
            request = browser.build_request(action.method, action.path, content=action.body or None, headers=kind)
            answer = browser.send(request, stream=True)
            body = b"".join(answer.iter_raw())
            answer.close()
            sent, got = (tuple((k.decode(), v.decode()) for k, v in each.headers.raw) for each in (request, answer))
            entries.append(
                Entry(
                    action.method,
                    action.path,
                    "shop.example.org",
                    at=began,
                    duration=time.time() - began,
                    request=Message(sent, action.body or None, len(action.body)),
                    status=answer.status_code,
                    response=Message(got, body, len(body)),
                    client=client,
                )
            )
    with path.open("wb") as file:
        har.write(entries, file)


def shopping() -> Iterator[Action]:
    """What people only look at."""
    world = facts.load(facts.DEFAULT_SEED, facts.DEFAULT_CUSTOMERS)
    for number in range(PEOPLE):
        person = Person(world, 11, number, writes=False)
        yield from (action for action in islice(person.actions(), EACH) if action.kind == "http")


def replay(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, report, and what was said besides."""
    command = [sys.executable, "-m", "strangler", "replay", *arguments, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_an_identical_build_agrees_and_a_rewrite_shows_what_was_planted(tmp_path: Path) -> None:
    with shop(tmp_path, "recorded") as legacy:
        record(legacy, shopping(), tmp_path / "traffic.har")
        everything = "\n".join(f'  - {{name: {name}, match: {{path: "{path}"}}}}' for name, path in ROUTES.items())
        (tmp_path / "routes.yaml").write_text(FILE.format(modern="http://127.0.0.1:1", routes=everything))
        with shop(tmp_path, "again") as identical:
            code, report, said = replay(tmp_path, "traffic.har", "--against", identical, "--fail-under", "100%")
            assert (code, report["agree"], report["ledger"]["closes"]) == (0, 1.0, True), (said, report)
            assert set(report["ledger"]["aside"]) == {"no_route"}
            assert report["compared"] > PEOPLE * EACH / 2
        gone = replay(tmp_path, "traffic.har", "--against", identical)
        assert (gone[0], gone[1]) == (4, {})
        assert "cannot be reached: connection refused" in gone[2]
        with shop(tmp_path, "modern", "--planted", "all", module="sample_modern") as modern:
            (tmp_path / "routes.yaml").write_text(FILE.format(modern=modern, routes=everything))
            code, report, said = replay(tmp_path, "traffic.har", "--against", "modern", "--fail-under", "99.9%")
    assert (code, said, report["verdict"], list(report["versions"])) == (3, "", "below the bar", ["1"])
    names = {path: name for name, path in ROUTES.items()}
    reading = [each for each in known().values() if each.method == "GET"]
    expected = {(names[each.path], where, each.kind) for each in reading if each.kind != "slow" for where in each.where}
    found = {(route["route"], cause["pattern"], cause["kind"]) for route in report["routes"] for cause in route["causes"]}
    assert found == expected
    middle = {route["route"]: route["latency"] for route in report["routes"]}
    slower = {name for name, took in middle.items() if took["candidate"]["p50"] > took["control"]["p50"] + 0.3}
    assert {names[each.path] for each in reading if each.kind == "slow"} <= slower


def buying() -> Iterator[Action]:
    """Somebody logs in, places an order, looks at it, pays for it, thinks better of another one, and leaves."""
    world = facts.load(facts.DEFAULT_SEED, facts.DEFAULT_CUSTOMERS)
    person = Person(world, 11, 0)
    number = max(order.id for order in world.orders)
    first, second = (number + step + 1 - (number + step) % 2 for step in (1, 3))  # odd, as the recorded shop numbers them
    order = json.dumps({"customer_id": person.customer.id, "items": [{"product_id": 1, "quantity": 2}]}).encode()
    yield from (action for action in islice(person.visit_account(), 4))
    for made in (first, second):
        yield Action("POST", "/api/orders", order, "application/json")
        yield Action("GET", f"/api/orders/{made}")
    yield Action("PUT", f"/api/orders/{first}", b'{"status": "cancelled"}', "application/json")
    yield Action("GET", f"/api/orders?customer={person.customer.id}")
    yield Action("DELETE", f"/api/orders/{second}")
    yield Action("GET", f"/api/orders/{second}")
    yield Action("POST", "/logout")
    yield Action("GET", "/whoami")


def test_a_session_is_bridged_to_a_build_with_other_numbers(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(SHOP)
    with shop(tmp_path, "odd", "--numbers", "odd") as legacy, shop(tmp_path, "even", "--numbers", "even") as other:
        record(legacy, buying(), tmp_path / "session.har", client="anna")
        recording = json.loads((tmp_path / "session.har").read_text())["log"]["entries"]
        statuses = [entry["response"]["status"] for entry in recording]
        assert statuses == [302, 303, 200, 200, 201, 200, 201, 200, 200, 200, 204, 404, 303, 401]
        methods = ("--methods", "GET,POST,PUT,DELETE", "--yes-write")
        code, report, said = replay(tmp_path, "session.har", "--against", other, *methods)
    assert (code, report["agree"], report["compared"]) == (0, 1.0, len(statuses)), (said, report["routes"], report["examples"])
    (bridged,) = report["bridged"]
    assert bridged["learned"] == {"order": 2}
    assert bridged["used"]["id of order"] == 5
    assert bridged["used"]["cookie session"] >= 10
