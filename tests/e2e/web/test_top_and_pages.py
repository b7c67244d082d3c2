"""What `strangler top` draws and what the first page shows, of one running proxy at rest: every figure is the same."""

from __future__ import annotations

import asyncio
import json
import re
from html.parser import HTMLParser
from io import StringIO
from typing import Any

import httpx
from rich.console import Console

from strangler.cli.top import _screen
from strangler.cli.top_watch import Watch
from strangler.config.load import load
from strangler.control.standings import as_json
from tests.e2e.control.serving import SECONDS, Serving
from tests.e2e.web.test_admin_api import ask, with_token

REQUESTS = 60
BASKET = """
  - name: basket
    match: {path: "/basket/{id}"}
    stage: canary
    weight: 50%
    sticky: {by: "path:id"}
    unsafe: independent
"""
OURS = ("now", "proxy")  # of the look itself


class Rows(HTMLParser):
    """The texts of the cells of every row of a page, and everything that it says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.said = ""
        self._in_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.said += data
        if self._in_cell:
            self.rows[-1][-1] += data


def plain(cells: list[str]) -> list[str]:
    """Without marks, which only pages have, and with one blank where there are several."""
    return [" ".join(re.sub("[✓✗?] ", "", cell).split()) for cell in cells]


async def status(serving: Serving) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(serving, "GET", "/api/status")).json()
    return found


async def at_rest(serving: Serving) -> dict[str, Any]:
    """What is said once every request is accounted for, nothing flows, and nothing changes any more."""
    last: dict[str, Any] = {}
    async with asyncio.timeout(3 * SECONDS):  # traffic is told by the last minute
        while True:
            ledger = (await ask(serving, "GET", "/api/ledger")).json()["total"]
            said = {name: value for name, value in (await status(serving)).items() if name not in OURS}
            still = all(route["traffic"] == {"legacy": 0.0, "modern": 0.0} for route in said["routes"])
            if ledger["seen"] == 2 * REQUESTS and not ledger["in_flight"] and ledger["closes"] and still and said == last:
                return said
            last = said
            await asyncio.sleep(1.5)


async def test_top_and_the_first_page_show_the_same_figures(serving: Serving, monkeypatch: Any) -> None:
    serving.write(stage="shadow")
    serving.put(serving.file.read_text().rstrip() + BASKET)
    await with_token(serving)
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS) as client:
        for number in range(REQUESTS):
            for name in ("shop", "basket"):
                await client.get(f"http://127.0.0.1:{serving.port}/{name}/{number}")
    said = await at_rest(serving)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(serving.folder))
    drawn, told = await asyncio.to_thread(top, serving)
    assert [route["compared"] for route in said["routes"]] == [REQUESTS, REQUESTS]
    assert all(route["p95"]["modern"] for route in said["routes"])
    assert {name: value for name, value in told.items() if name not in OURS} == said
    page = Rows((await ask(serving, "GET", "/")).text)
    rows = [plain(row) for row in page.rows if row[0].strip() in ("shop", "basket")]
    assert rows == [cells for cells in drawn if cells[0] in ("shop", "basket")]
    assert {len(row) for row in rows} == {7}
    assert told["attention"]
    assert all(note["words"].replace("`", "") in page.said for note in told["attention"])


def top(serving: Serving) -> tuple[list[list[str]], dict[str, Any]]:
    """The cells of what it draws in a wide terminal, and the same as JSON."""
    with Watch(load(serving.file, {}), serving.file, lambda config: config.routes) as watch:
        watch.look()
        said = json.loads(json.dumps(as_json(watch.look())))
        text = StringIO()
        Console(file=text, width=200).print(_screen(watch, serving.file, 200, 1.0, True))
    return [plain(re.split(r"\s{2,}", line.strip())) for line in text.getvalue().splitlines()], said
