"""A day on the ladder, with the samples, real processes and nothing but the commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import free_port, running, url_in

SECONDS = 60.0
FILE = """version: 1
listen: [{{address: "127.0.0.1:{port}"}}]
admin: {{address: "127.0.0.1:{admin}"}}
workers: 2
upstreams:
  legacy: {{url: "{legacy}"}}
  modern: {{url: "{modern}", version: "header:x-build", health: {{path: /healthz}}}}
defaults:
  sticky: {{by: "cookie:user"}}
  guard: {{match_rate: 50%, confidence: 60%, coverage: 50%, error_increase: 20%, latency_ratio: 100}}
routes:
  - {{name: product, match: {{path: "/api/products/{{id}}", methods: [GET]}}}}  # the busiest
  - {{name: products, match: {{path: /api/products, methods: [GET]}}, stage: shadow, group: lists}}
  - {{name: search, match: {{path: /api/search, methods: [GET]}}, stage: shadow, group: lists}}
"""


class Shop:
    """The samples behind a proxy, and the commands of whoever runs it."""

    def __init__(self, folder: Path, proxy: str) -> None:
        self.folder, self._proxy = folder, proxy

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "COLUMNS": "120", "XDG_RUNTIME_DIR": str(self.folder)}
        command = [sys.executable, "-m", "strangler", *arguments]
        return subprocess.run(command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=SECONDS)

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def until(self, holds: Callable[[], object]) -> None:
        """Wait for evidence, which is written once a second."""
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, self.run("status", "product").stdout
            time.sleep(0.2)

    def traffic(self, requests: int, seed: int) -> None:
        options = [
            "--url",
            self._proxy,
            "--seed",
            str(seed),
            "--requests",
            str(requests),
            "--rate",
            "0",
            "--no-writes",
            "--users",
            "4",
        ]
        command = [sys.executable, "-m", "sample_legacy.traffic", *options]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=SECONDS)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as stack:
        starting = running("sample_legacy", "--port", "0", ready="ready on", cwd=tmp_path)
        legacy = url_in(stack.enter_context(starting))
        starting = running("sample_modern", "--port", "0", "--planted", "none", ready="ready on", cwd=tmp_path)
        modern = url_in(stack.enter_context(starting))
        text = FILE.format(port=free_port(), admin=free_port(), legacy=legacy, modern=modern)
        (tmp_path / "routes.yaml").write_text(text)
        environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
        proxy = stack.enter_context(running("strangler", "serve", ready="strangler serves", cwd=tmp_path, environ=environ))
        yield Shop(tmp_path, url_in(proxy))


def test_a_day_on_the_ladder(shop: Shop) -> None:
    assert re.search(r"^routes\.yaml is served by 2 workers \(pid \d+\)", shop.run("status").stdout)
    assert re.search(r"^product +legacy .* shadow: pass$", shop.run("status").stdout, re.MULTILINE)

    # Up to shadow, where only modern's health counts; then further, for which there is no evidence yet.
    live = shop.run("flip", "product", "shadow", "--reason", "let us see")
    assert (live.returncode, live.stderr) == (0, "")
    assert re.match(r"product: legacy → shadow\n  live: all 2 workers decide by it, .* after you asked", live.stdout)
    refused = shop.run("flip", "product", "canary", "--weight", "25%")
    assert refused.returncode == 3
    assert "refused: product: shadow → canary 25%" in refused.stdout
    words = r"\? parity +not enough data: nothing was compared; \d+ more samples needed; there is no traffic now"
    assert re.search(words, refused.stdout)
    assert "stage: shadow}  # the busiest" in (shop.folder / "routes.yaml").read_text()

    # With traffic it passes.
    seeds, tries = count(1), count()
    shop.traffic(600, next(seeds))
    while shop.json("status", "product")["routes"][0]["verdict"] != "pass":
        shop.traffic(200, next(seeds))
        assert next(tries) < 20, shop.run("status", "product").stdout
    assert "canary 25%" in shop.run("flip", "product", "canary", "--weight", "25%", "--dry-run").stdout
    assert shop.run("flip", "product", "canary", "--weight", "25%").returncode == 0
    shop.traffic(200, next(seeds))
    shop.until(lambda: shop.json("status", "product")["routes"][0]["traffic"]["modern"])
    told = shop.json("status", "product")["routes"][0]
    assert (told["stage"], told["weight"], told["compared"] > 10, told["agree"]) == ("canary", 0.25, True, 1.0)
    assert re.search(r"^product +canary 25% .* 100 % of \d+", shop.run("status").stdout, re.MULTILINE)

    # Back, and held until somebody says that it may go on.
    assert "held: nothing climbs there again until somebody resumes" in shop.run("rollback", "product", "--reason", "odd").stdout
    held = shop.run("flip", "product", "canary", "--force", "--reason", "please")
    assert held.returncode == 3
    assert "strangler resume product" in held.stdout
    assert "product: held by" in " ".join(shop.run("status").stdout.split())
    assert shop.run("resume", "product", "--as", "anna").returncode == 0
    assert shop.run("flip", "product", "canary").returncode == 0

    # A group moves as one, or not at all.
    assert "say @lists" in shop.run("flip", "search", "legacy").stderr
    assert shop.run("rollback", "@lists").returncode == 0
    assert "@lists (2 routes): shadow → legacy  live, held" in shop.run("journal").stdout
    events = [event for event in shop.json("journal")["events"] if event["actor"] != "file"]  # as it found them at its start
    told = [(event["routes"][0], event["became"], event["held"]) for event in events]
    assert [(route["route"], route["to"]["stage"], *rest) for route, *rest in told] == [
        ("products", "legacy", "live", True),
        ("product", "canary", "live", False),
        ("product", "shadow", "resume", False),
        ("product", "shadow", "live", True),
        ("product", "canary", "live", False),
        ("product", "shadow", "live", False),
    ]
    assert [event["actor"] for event in shop.json("journal", "product")["events"]][1] == "anna"
    text = (shop.folder / "routes.yaml").read_text()
    assert text.count("# the busiest") == 1


def test_back_down_without_a_store(shop: Shop) -> None:
    assert shop.run("flip", "product", "shadow").returncode == 0
    for path in shop.folder.glob("strangler.db*"):
        path.unlink()
    (shop.folder / "strangler.db").mkdir()
    back = shop.run("rollback", "product", "--reason", "the store is gone")
    assert (back.returncode, "live: all 2 workers" in back.stdout) == (0, True)
    journal = shop.run("journal")
    assert (journal.returncode, "product: shadow → legacy  live, held" in journal.stdout) == (5, True)
    assert shop.run("status").returncode == 0
