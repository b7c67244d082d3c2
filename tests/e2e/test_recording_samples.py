"""`strangler record` beside the sample shop: somebody logs in and buys, and the file has all of it but the secrets."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from sample_legacy import facts
from strangler.traffic.reading import read
from tests.e2e.running import free_port, running, url_in

EMAIL, PLANTED = "jos@example.org", "pl4nted-b3arer-t0ken"
IMAGE = '/images/1.png", "httpVersion"'
SECONDS = 120.0  # that anything may take on a busy machine


def buys(url: str) -> str:
    """A visit of somebody known; the session that it got."""
    with httpx.Client(base_url=url, trust_env=False, timeout=SECONDS) as client:
        client.get("/api/products?page=1&size=2").raise_for_status()
        entered = client.post("/login", data={"email": EMAIL, "password": facts.PASSWORD, "next": "/account"})
        assert entered.status_code in (302, 303), entered.status_code
        client.get("/account", headers={"authorization": f"Bearer {PLANTED}"}).raise_for_status()
        client.get("/images/1.png").raise_for_status()
        return next(iter(client.cookies.values()))


def draft_in(folder: Path) -> Path:
    """The recording that is being written."""
    until = time.monotonic() + SECONDS
    while not (found := list(folder.glob(".visit.har.*.part"))):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found[0]


def test_a_visit_without_its_secrets(tmp_path: Path) -> None:
    listen, admin = free_port(), free_port()
    with running("sample_legacy", "--port", "0", ready="ready on", cwd=tmp_path) as line:
        (tmp_path / "routes.yaml").write_text(
            f'version: 1\nlisten: [{{address: "127.0.0.1:{listen}"}}]\nadmin: {{address: "127.0.0.1:{admin}"}}\n'
            f'upstreams: {{legacy: {{url: "{url_in(line)}"}}}}\nroutes: []\n'
        )
        with running("strangler", "serve", ready="serves", cwd=tmp_path) as line:
            record = subprocess.Popen(
                [sys.executable, "-m", "strangler", "record", "-o", "visit.har", "--json"],
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                text=True,
            )
            draft, session = draft_in(tmp_path), ""
            while IMAGE not in draft.read_text().partition("/api/products")[2]:  # workers learn of it a moment later
                session = buys(url_in(line))
                time.sleep(0.1)
            record.send_signal(signal.SIGINT)
            told = json.loads(record.communicate(timeout=SECONDS)[0])
            assert record.returncode == 0
    file = tmp_path / "visit.har"
    entries = list(read(file))
    assert told["file"] == "visit.har"
    assert (told["ended"], told["missed"], told["exchanges"]) == ("you", {}, len(entries))
    assert file.stat().st_mode & 0o777 == 0o600

    text = file.read_text()
    for secret in (EMAIL, EMAIL.replace("@", "%40"), f"password={facts.PASSWORD}", session, PLANTED):
        assert secret not in text
    login = next(entry for entry in reversed(entries) if entry.target == "/login" and entry.method == "POST")
    account = next(entry for entry in reversed(entries) if entry.target == "/account")
    assert b"email=%5Bemail" in (login.request.body or b"") or b"email=[email" in (login.request.body or b"")
    token = login.response.first("set-cookie").partition("=")[2].partition(";")[0]
    assert token.startswith("[secret:")
    assert token in account.request.first("cookie"), "the same secret has the same token"
    products = next(entry for entry in entries if entry.target.startswith("/api/products"))
    assert json.loads(products.response.body or b"")
    image = next(entry for entry in entries if entry.target == "/images/1.png")
    assert image.response.body is None
    assert (image.response.size or 0) > 0
