"""The sample shop in a real browser, directly and through the proxy."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running import shop_behind_proxy


@pytest.fixture(scope="module")
def browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium, which CI must have")
        pytest.skip("Chromium is not installed: pages are not looked at in a browser")
    return found


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    with shop_behind_proxy(tmp_path_factory.mktemp("shop")) as addresses:
        yield addresses


@pytest.mark.parametrize("path", ["/", "/products", "/products/1", "/login"])
def test_a_page_is_the_same_document_through_the_proxy(shops: tuple[str, str], browser: str, tmp_path: Path, path: str) -> None:
    direct, proxied = (document(browser, url + path, tmp_path / str(index)) for index, url in enumerate(shops))
    assert "<h1" in direct
    assert proxied == direct


def document(browser: str, url: str, profile: Path) -> str:
    """The page's document after loading, as the browser has it."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}"]  # fmt: skip
    result = subprocess.run([browser, *flags, "--dump-dom", url], capture_output=True, text=True, timeout=60, check=True)
    return result.stdout
