"""The two sample shops behind a proxy with two workers: who is logged in on legacy is known to modern, and nobody else is."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.running import running, url_in

ROOT = Path(__file__).parents[2]
ANNA = {"email": "anna.devries@example.org", "password": "demo"}
MANY = 24  # connections, so that both workers get some
BETA = {"beta": "1"}


@dataclass
class Shops:
    proxy: str
    legacy: subprocess.Popen[str]


@pytest.fixture
def shops(tmp_path: Path) -> Iterator[Shops]:
    """The worked example on other ports, with two workers and a key in a file."""
    with ExitStack() as stack:
        legacy = subprocess.Popen(
            [sys.executable, "-m", "sample_legacy", "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        stack.callback(legacy.communicate)
        stack.callback(legacy.kill)
        assert legacy.stdout is not None
        environ = {"LEGACY_URL": url_in(legacy.stdout.readline().strip()), "STRANGLER_LISTEN": "127.0.0.1:0"}
        (tmp_path / "identity.key").write_text("a key that was there before modern's start\n")
        (tmp_path / "identity.key").chmod(0o600)
        arguments = ("sample_modern", "--port", "0", "--identity-key", "identity.key", "--planted", "none")
        environ["MODERN_URL"] = url_in(stack.enter_context(running(*arguments, ready="ready on", cwd=tmp_path)))
        for name in ("routes.yaml", "mappings.yaml"):
            shutil.copy(ROOT / name, tmp_path)
        text = (tmp_path / "routes.yaml").read_text()
        extra = '\nworkers: 2\nadmin: {address: "127.0.0.1:0"}\n'
        whoami = '  - {name: who, match: {path: /whoami, cookies: {beta: "1"}}, stage: retired}\n'
        (tmp_path / "routes.yaml").write_text(text.replace("\nroutes:\n", f"\nroutes:\n{whoami}") + extra)
        serve = running("strangler", "serve", ready="strangler serves", cwd=tmp_path, environ=environ)
        yield Shops(url_in(stack.enter_context(serve)), legacy)


def ask(shops: Shops, path: str, cookies: dict[str, str], **headers: str) -> httpx.Response:
    """On a connection of its own, so that it may meet either worker."""
    with httpx.Client(base_url=shops.proxy, cookies=cookies, trust_env=False, verify=False) as client:
        return client.get(path, headers=headers)


def test_a_user_of_legacy_is_the_same_user_on_modern_until_logging_out(shops: Shops) -> None:
    login = httpx.post(f"{shops.proxy}/login", data=ANNA, trust_env=False)
    session = {"session": login.cookies["session"]}
    there = ask(shops, "/whoami", session)
    assert "x-build" not in there.headers
    for _ in range(MANY):
        here = ask(shops, "/whoami", session | BETA)
        assert "x-build" in here.headers
        assert here.json() == there.json()
    page = ask(shops, "/account", session | BETA)
    assert "x-build" in page.headers
    assert there.json()["name"] in page.text

    for forged in ("1", "v1.e30.e30"):
        for cookies in (BETA, BETA | {"session": "x" * 32}):
            answer = ask(shops, "/whoami", cookies, **{"X-User": forged, "x_user": forged})
            assert ("x-build" in answer.headers, answer.status_code) == (True, 401)

    httpx.post(f"{shops.proxy}/logout", cookies=session | {"theme": "dark"}, trust_env=False)
    for _ in range(MANY):
        assert ask(shops, "/whoami", session | BETA).status_code == 401


def test_without_legacy_nobody_is_anybody(shops: Shops) -> None:
    login = httpx.post(f"{shops.proxy}/login", data=ANNA, trust_env=False)
    session = {"session": login.cookies["session"]}
    os.kill(shops.legacy.pid, signal.SIGKILL)
    shops.legacy.wait()
    unknown = ask(shops, "/whoami", session | BETA, accept="application/json")
    assert (unknown.status_code, unknown.json()["error"]) == (503, "identity_unknown")
    assert ask(shops, "/account", session | BETA).status_code == 502  # it falls back, to a legacy that is not there
    assert ask(shops, "/whoami", BETA).status_code in (401, 503)


def test_the_partners_old_program_is_served_by_modern(shops: Shops) -> None:
    new = ask(shops, "/api/products/3", BETA).json()
    old = ask(shops, "/partner/article/3?x=1", {})
    assert old.json()["article"] == {"title": new["name"], "number": new["sku"]}
    assert re.search(rf'"amount":{new["price"]}\b', old.text)
    assert list(old.json())[:2] == ["id", "article"]
    missing = ask(shops, "/partner/article/99999", {})
    assert (missing.status_code, "error" in missing.json()) == (404, True)
