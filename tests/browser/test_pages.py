"""The pages in headless Chromium: read and worked with by keyboard, on a phone and on a desk, by day and by night."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.chromium import Chromium, Window, browser
from tests.browser.site import served
from tests.unit.web.given import Site
from tests.unit.web.test_pages import say

KEY = {"typed": "7,x", "error": "no such parent", "attempts": 3, "age": 90.0}
SIZES = ((1440, False), (360, True), (360, False), (1440, True))  # width in pixels, and whether it is dark


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with browser() as running:
        yield running


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Site]]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("STRANGLER_ADMIN_TOKEN", raising=False)
    with served(tmp_path) as found:
        yield found


def log_in(window: Window, root: str, site: Site, path: str = "/") -> None:
    """By keyboard: the field has the focus."""
    window.go(root + path)
    window.until("document.activeElement.id === 'token'")
    window.write(site.token)
    window.press("Enter")
    window.until(f"location.pathname === {json.dumps(path)} && document.readyState === 'complete'")


def there(window: Window, path: str) -> None:
    window.until(f"location.pathname === {json.dumps(path)} && document.readyState === 'complete'")


def tab_to(window: Window, script: str) -> None:
    """Press Tab until what has the focus is what is wanted."""
    for _ in range(80):
        window.press("Tab")
        if window.run(f"(() => {{ const at = document.activeElement; return Boolean({script}); }})()"):
            return
    raise AssertionError(f"Tab never came to {script}")


def first_cause(root: str, site: Site) -> dict[str, str]:
    found = httpx.get(f"{root}/api/diffs", headers={"authorization": f"Bearer {site.token}"}, trust_env=False).json()
    cause: dict[str, str] = found["routes"][0]["causes"][0]
    return cause


@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_every_page_fits_is_legible_and_has_no_serious_finding(
    chromium: Chromium, pages: tuple[str, Site], width: int, dark: bool
) -> None:
    root, site = pages
    cause = first_cause(root, site)
    say(site, dead_letters=[KEY], let_go=[{**KEY, "reason": "by hand", "actor": "ann", "at": 1_795_262_000.0}])
    axe = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text()
    paths = [
        "/",
        "/routes/read-order",
        f"/causes/{cause['id']}",
        f"/diffs/{cause['example']}",
        "/data",
        "/data/orders",
        "/outbox",
        "/journal",
        "/progress",
    ]
    with chromium.window(width=width, dark=dark) as window:
        window.go(root + "/login")
        found = {"/login": serious(window, axe)}
        log_in(window, root, site)
        for path in paths:
            window.go(root + path)
            there(window, path)
            window.until("document.title !== 'In a moment · Strangler'")
            assert window.run("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the window"
            found[path] = serious(window, axe)
        assert {path: findings for path, findings in found.items() if findings} == {}
        assert window.problems == []


def serious(window: Window, axe: str) -> list[str]:
    """What axe-core finds that keeps people out. It runs in a world of its own, since the page's policy lets nobody in."""
    frame = window.call("Page.getFrameTree")["frameTree"]["frame"]["id"]
    world = window.call("Page.createIsolatedWorld", frameId=frame)["executionContextId"]
    window.call("Runtime.evaluate", expression=axe + ";0", contextId=world)
    script = "axe.run().then(found => JSON.stringify(found.violations))"
    said = window.call("Runtime.evaluate", expression=script, contextId=world, awaitPromise=True, returnByValue=True)
    found = json.loads(said["result"]["value"])
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_from_logging_in_to_a_rollback_without_a_mouse(chromium: Chromium, pages: tuple[str, Site]) -> None:
    root, site = pages
    with chromium.window() as window:
        log_in(window, root, site)
        tab_to(window, "at.textContent === 'search' && at.matches('a')")
        window.press("Enter")
        there(window, "/routes/search")
        tab_to(window, "at.name === 'reason' && at.form.action.endsWith('/act/rollbacks')")
        window.write("too early")
        tab_to(window, "at.matches('button.danger')")
        window.press("Enter")
        there(window, "/act/rollbacks")
        assert "✓ Done" in window.text()
        site.reload()
        window.press("Enter")  # "Back" has the focus
        there(window, "/routes/search")
        assert "search stands at legacy" in window.text()
        assert "too early" in window.text()
        assert window.problems == []
    assert "stage: legacy" in site.path.read_text().split("name: search")[1]


def test_a_cause_is_looked_at_tried_and_accepted(chromium: Chromium, pages: tuple[str, Site]) -> None:
    root, site = pages
    with chromium.window() as window:
        log_in(window, root, site, "/routes/read-order")
        tab_to(window, "at.textContent === 'side by side'")
        window.press("Enter")
        window.until("location.pathname.startsWith('/diffs/') && document.readyState === 'complete'")
        assert "number became a string" in window.text()
        tab_to(window, "at.matches('a.badge')")
        window.press("Enter")
        window.until("location.pathname.startsWith('/causes/') && document.readyState === 'complete'")
        tab_to(window, "at.name === 'dry_run'")
        window.press("Enter")
        there(window, "/act/accepts")
        assert "would be written" in window.text()
        assert "$.total" not in site.path.read_text()
        window.press("Enter")
        window.until("location.pathname.startsWith('/causes/') && document.readyState === 'complete'")
        tab_to(window, "at.matches('button:not([name])') && at.form.action.endsWith('/act/accepts')")
        window.press("Enter")
        there(window, "/act/accepts")
        assert "is written" in window.text()
        assert window.problems == []
    assert "$.total" in site.path.read_text()


def test_what_somebody_else_does_is_seen_without_a_reload(chromium: Chromium, pages: tuple[str, Site]) -> None:
    root, site = pages
    with chromium.window() as window:
        log_in(window, root, site)
        window.run("window.still = true")
        window.run("document.getElementById('find').value = 'home'")
        window.run("document.getElementById('find').dispatchEvent(new Event('input', {bubbles: true}))")
        assert window.run("[...document.querySelectorAll('#table tbody tr')].filter(row => !row.hidden).length") == 1
        headers = {"authorization": f"Bearer {site.token}"}
        held = httpx.post(f"{root}/api/holds", json={"route": "home", "reason": "<b>mine</b>"}, headers=headers, trust_env=False)
        assert held.status_code == 200
        window.until("document.body.innerText.includes('held by admin')")
        assert window.run("window.still"), "it is the same page"
        assert window.run("document.getElementById('find').value") == "home", "what was looked for is still found"
        assert window.run("[...document.querySelectorAll('#table tbody tr')].filter(row => !row.hidden).length") == 1
        assert window.problems == []


def test_pages_work_without_script(chromium: Chromium, pages: tuple[str, Site]) -> None:
    root, site = pages
    with chromium.window() as window:
        window.call("Emulation.setScriptExecutionDisabled", value=True)
        window.go(root + "/login")
        window.press("Tab")
        window.write(site.token)
        window.press("Enter")
        there(window, "/")
        assert "0 of 3 routes on modern" in window.text()
