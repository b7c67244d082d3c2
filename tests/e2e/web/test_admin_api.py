"""The admin API of a real `serve`: the token file, flips that every worker decides by, a control process that dies."""

from __future__ import annotations

import os
import signal
import stat
from hashlib import sha256
from typing import Any

import httpx

from tests.e2e.control.serving import SECONDS, Serving

OPS = "o" * 64


async def ask(serving: Serving, method: str, path: str, token: str | None = None, **rest: Any) -> httpx.Response:
    """With the token in the file, unless another is given."""
    token = token if token is not None else (serving.folder / "admin.token").read_text().strip()
    async with httpx.AsyncClient(trust_env=False, timeout=SECONDS) as client:
        url = f"http://127.0.0.1:{serving.admin}{path}"
        return await client.request(method, url, headers={"authorization": f"Bearer {token}"}, **rest)


async def with_token(serving: Serving) -> None:
    """Served, and the token is there."""
    await serving.start()
    await serving.until((serving.folder / "admin.token").exists)


async def through(serving: Serving) -> list[str]:
    """Who answers, on connections of their own, so that each worker is likely to be asked."""
    found = []
    for _ in range(12):
        async with httpx.AsyncClient(trust_env=False) as client:
            found.append((await client.get(f"http://127.0.0.1:{serving.port}/shop/1")).text)
    return found


async def test_the_token_is_made_once_for_its_owner_and_is_never_said(serving: Serving) -> None:
    await with_token(serving)
    file = serving.folder / "admin.token"
    token = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (await ask(serving, "GET", "/api/session")).json() == {"user": "admin", "role": "operator"}
    assert (await ask(serving, "GET", "/api/session", "0" * 64)).status_code == 401
    os.kill(serving.children("web.admin")[0], signal.SIGKILL)
    await serving.state(lambda state: state["ready"])
    assert file.read_text().strip() == token
    assert (await ask(serving, "GET", "/api/session")).status_code == 200
    await serving.stop()
    assert token not in "".join(serving.said) + await serving.complaints()


async def test_a_flip_is_decided_by_when_it_is_answered(serving: Serving) -> None:
    await with_token(serving)
    refused = await ask(serving, "POST", "/api/flips", json={"route": "shop", "stage": "modern"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "refused")
    assert set(await through(serving)) == {"legacy"}
    order = {"route": "shop", "stage": "modern", "force": True, "reason": "a test"}
    done = await ask(serving, "POST", "/api/flips", json=order)
    assert (done.status_code, done.json()["effect"], done.json()["workers"]) == (200, "live", 2)
    assert set(await through(serving)) == {"modern"}
    back = await ask(serving, "POST", "/api/rollbacks", json={"route": "shop", "to": "legacy", "reason": "enough"})
    assert (back.json()["effect"], back.json()["held"]) == ("live", ["shop"])
    assert set(await through(serving)) == {"legacy"}
    status = (await ask(serving, "GET", "/api/status")).json()
    assert status["proxy"]["serves_the_file"]
    assert (status["routes"][0]["stage"], status["routes"][0]["hold"]["actor"]) == ("legacy", "admin")
    events = (await ask(serving, "GET", "/api/journal")).json()["events"]
    assert [(event["actor"], event["became"], event["reason"]) for event in events[:2]] == [
        ("admin", "live", "enough"),
        ("admin", "live", "a test"),
    ]


async def test_users_of_the_file(serving: Serving) -> None:
    users = f"{{ops: {{token: 'sha256:{sha256(OPS.encode()).hexdigest()}', role: viewer}}}}"
    serving.put(serving.file.read_text().replace("workers:", "#\nworkers:").replace("admin: {", f"admin: {{users: {users}, "))
    await serving.start()
    assert (await ask(serving, "GET", "/api/session", OPS)).json() == {"user": "ops", "role": "viewer"}
    assert (await ask(serving, "POST", "/api/holds", OPS, json={"route": "shop"})).status_code == 403
    assert not (serving.folder / "admin.token").exists()


async def test_a_folder_that_cannot_be_written_is_said_and_traffic_goes_on(serving: Serving) -> None:
    (serving.folder / "admin.token").mkdir()
    await serving.start()
    assert "admin.token" in await serving.complaint("nobody can ask at the admin address")
    answer = await ask(serving, "GET", "/api/session", "x" * 64)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_admin_token")
    assert set(await through(serving)) == {"legacy"}


async def test_who_guesses_cannot_pass_for_others(serving: Serving) -> None:
    """From loopback, where proxies are, X-Forwarded-For is often believed."""
    await with_token(serving)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.admin}", trust_env=False, timeout=SECONDS) as client:
        for number in range(10):
            headers = {"authorization": f"Bearer {number}", "x-forwarded-for": f"198.51.100.{number}"}
            assert (await client.get("/api/session", headers=headers)).status_code == 401
        headers = {"authorization": "Bearer x", "x-forwarded-for": "198.51.100.99", "x-forwarded-proto": "https"}
        assert (await client.get("/api/session", headers=headers)).status_code == 429
