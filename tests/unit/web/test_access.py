"""Who gets in, who does not, and what the others hear."""

from __future__ import annotations

import stat
from pathlib import Path

import httpx
import pytest

from strangler.web.endpoints import ENDPOINTS
from tests.unit.cli.stored import HEAD, ROUTES

from .given import EVE, OPS, ROOT, Site

ALL = [
    (endpoint.method, endpoint.path.replace("{name}", "home").replace("{id}", "0000"), endpoint.role) for endpoint in ENDPOINTS
]
ALL += [("GET", "/api/openapi.json", "viewer"), ("GET", "/api/session", "viewer")]
FLIP = {"route": "home", "stage": "shadow", "dry_run": True}
GUESS = "0" * 64
ACTIONS = [path for method, path, _ in ALL if method == "POST"]


def code(answer: httpx.Response) -> str:
    found: str = answer.json()["error"]["code"]
    return found


@pytest.mark.parametrize(("method", "path", "role"), ALL)
async def test_nothing_is_told_or_done_without_a_token(site: Site, method: str, path: str, role: str) -> None:
    answer = await site.ask(method, path, json=FLIP)
    assert (answer.status_code, code(answer)) == (401, "no_token")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    wrong = await site.ask(method, path, GUESS, json=FLIP)
    assert (wrong.status_code, code(wrong)) == (401, "wrong_token")
    assert GUESS not in wrong.text


@pytest.mark.parametrize(("method", "path", "role"), ALL)
async def test_a_viewer_sees_and_does_not_act(with_users: Site, method: str, path: str, role: str) -> None:
    answer = await with_users.ask(method, path, EVE, json=FLIP)
    assert (answer.status_code == 403) is (role == "operator")
    if role == "operator":
        assert answer.json()["error"] == {"code": "forbidden", "message": "eve is a viewer: this needs an operator"}
    assert (await with_users.ask(method, path, OPS, json=FLIP)).status_code not in (401, 403)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_vitals_need_no_token(site: Site, path: str) -> None:
    answer = await site.ask("GET", path)
    assert answer.status_code in (200, 503)
    assert "error" not in answer.text


async def test_the_one_token_is_in_a_file_of_its_owner(site: Site) -> None:
    file = site.folder / "admin.token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(site.token) == 64
    assert (await site.get("/api/session")).json() == {"user": "admin", "role": "operator"}


async def test_a_token_that_others_can_read_lets_nobody_in(site: Site) -> None:
    (site.folder / "admin.token").chmod(0o644)
    answer = await site.get("/api/session")
    assert (answer.status_code, code(answer)) == (503, "no_admin_token")
    assert "chmod 600" in answer.json()["error"]["message"]
    site.control.make_token()
    site.control.make_token()
    assert len(site.complaints) == 1


async def test_a_new_token_takes_the_place_of_the_old_at_once(site: Site) -> None:
    old = site.token
    (site.folder / "admin.token").unlink()
    site.control.make_token()
    assert site.token != old
    assert (await site.ask("GET", "/api/session", old)).status_code == 401
    assert (await site.get("/api/session")).status_code == 200


async def test_with_users_the_file_is_neither_made_nor_believed(with_users: Site) -> None:
    assert not (with_users.folder / "admin.token").exists()
    (with_users.folder / "admin.token").write_text(GUESS)
    assert (await with_users.ask("GET", "/api/session", GUESS)).status_code == 401
    assert (await with_users.ask("GET", "/api/session", OPS)).json() == {"user": "ops", "role": "operator"}


async def test_who_is_taken_out_of_the_file_is_out(with_users: Site) -> None:
    assert (await with_users.ask("GET", "/api/session", EVE)).status_code == 200
    users = "admin: {users: {ops: sha256:%s}}\n" % ("0" * 64)
    with_users.path.write_text(HEAD + users + ROUTES)
    with_users.reload()
    assert (await with_users.ask("GET", "/api/session", EVE)).status_code == 401


async def test_the_hash_is_no_token(with_users: Site) -> None:
    assert with_users.pipeline.config is not None
    written = with_users.pipeline.config.admin.users["ops"].token
    for guess in (written, written.removeprefix("sha256:")):
        assert (await with_users.ask("GET", "/api/session", guess)).status_code == 401


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "Basic b3BzOm9wcw==", "Token x", b"Bearer \xe9\xff", "Bearer " + "x" * 5000, "x"]
)
async def test_odd_authorization(site: Site, value: str | bytes) -> None:
    answer = await site.ask("GET", "/api/session", headers={"authorization": value})
    assert answer.status_code == 401


async def test_who_guesses_is_stopped_and_counted_and_others_are_not(site: Site) -> None:
    assert (await site.get("/api/session")).status_code == 200
    for number in range(10):
        assert code(await site.ask("GET", "/api/session", f"{number}" * 64)) == "wrong_token"
    stopped = await site.ask("GET", "/api/session", "x" * 64)
    assert (stopped.status_code, code(stopped)) == (429, "limited")
    assert 1 <= int(stopped.headers["retry-after"]) <= 7
    assert (await site.get("/api/session")).status_code == 200, "who was let in before is let in still"
    site.client_at = "192.0.2.2"
    assert code(await site.ask("GET", "/api/session", "y" * 64)) == "wrong_token", "another address has its own count"
    metrics = (await site.ask("GET", "/metrics")).text
    assert 'strangler_admin_refusals_total{reason="wrong_token"} 11\n' in metrics
    assert 'strangler_admin_refusals_total{reason="limited"} 1\n' in metrics


async def test_a_page_that_was_left_open_does_not_lock_anybody_out(site: Site) -> None:
    for _ in range(50):
        assert code(await site.ask("GET", "/api/session", GUESS)) == "wrong_token"
    assert (await site.get("/api/session")).status_code == 200


async def test_x_forwarded_for_is_nobody(site: Site) -> None:
    for number in range(10):
        await site.ask("GET", "/api/session", f"{number}" * 64, headers={"x-forwarded-for": f"198.51.100.{number}"})
    assert (await site.ask("GET", "/api/session", "x" * 64)).status_code == 429


# Other sites' pages.


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8081", "127.0.0.1.evil.example", ""])
async def test_a_name_that_points_here_gets_nothing(site: Site, host: str) -> None:
    for method, path, _ in ALL:
        answer = await site.ask(method, path, site.token, headers={"host": host}, json=FLIP)
        assert answer.status_code == 421
        assert answer.headers["x-content-type-options"] == "nosniff"


FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": ROOT},
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://127.0.0.1:9002"},
    {"origin": "file://"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", [*ACTIONS, "/api/session"])
async def test_another_sites_page_changes_nothing(site: Site, path: str, headers: dict[str, str]) -> None:
    answer = await site.ask("POST", path, site.token, headers=headers, json={**FLIP, "token": site.token})
    assert (answer.status_code, code(answer)) == (403, "cross_origin")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": ROOT}])
async def test_our_own_pages_and_programs_do(site: Site, headers: dict[str, str]) -> None:
    answer = await site.ask("POST", "/api/flips", site.token, headers=headers, json=FLIP)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "application/jsonp"]
)
async def test_a_form_is_no_call(site: Site, kind: str) -> None:
    answer = await site.ask("POST", "/api/flips", site.token, headers={"content-type": kind}, content=b'{"route": "home"}')
    assert (answer.status_code, code(answer)) == (415, "media_type")


# Browsers.


async def logged_in(site: Site, token: str) -> str:
    answer = await site.ask("POST", "/api/session", json={"token": token}, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 200
    return answer.headers["set-cookie"]


async def test_a_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    cookie = await logged_in(site, site.token)
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == "strangler-8081"
    assert len(value) >= 43
    assert site.token not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie


async def test_over_tls_a_cookie_is_ours_alone(site: Site) -> None:
    site.root = "https://127.0.0.1:8443"
    cookie = await logged_in(site, site.token)
    assert cookie.startswith("__Host-strangler-8443=")
    assert cookie.endswith("; Secure")
    assert "Domain" not in cookie
    ours = {"cookie": cookie.partition(";")[0], "origin": "https://127.0.0.1:8443"}
    assert (await site.ask("POST", "/api/flips", headers=ours, json=FLIP)).status_code == 200


async def test_a_cookie_opens_what_its_user_may(with_users: Site) -> None:
    cookie = (await logged_in(with_users, EVE)).partition(";")[0]
    ours = {"cookie": cookie, "sec-fetch-site": "same-origin"}
    assert (await with_users.ask("GET", "/api/session", headers=ours)).json() == {"user": "eve", "role": "viewer"}
    assert (await with_users.ask("POST", "/api/flips", headers=ours, json=FLIP)).status_code == 403
    cookie = (await logged_in(with_users, OPS)).partition(";")[0]
    assert (await with_users.ask("POST", "/api/flips", headers={**ours, "cookie": cookie}, json=FLIP)).status_code == 200


@pytest.mark.parametrize("headers", [{}, *FOREIGN])
async def test_a_cookie_changes_nothing_from_elsewhere(site: Site, headers: dict[str, str]) -> None:
    cookie = (await logged_in(site, site.token)).partition(";")[0]
    answer = await site.ask("POST", "/api/flips", headers={"cookie": cookie, **headers}, json=FLIP)
    assert (answer.status_code, code(answer)) == (403, "cross_origin")


async def test_a_session_ends(site: Site) -> None:
    cookie = (await logged_in(site, site.token)).partition(";")[0]
    ours = {"cookie": cookie, "sec-fetch-site": "same-origin"}
    foreign = await site.ask("DELETE", "/api/session", headers={"cookie": cookie, "sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    assert (await site.ask("GET", "/api/session", headers=ours)).status_code == 200
    ended = await site.ask("DELETE", "/api/session", headers=ours)
    assert ended.status_code == 204
    assert "Max-Age=0" in ended.headers["set-cookie"]
    assert code(await site.ask("GET", "/api/session", headers=ours)) == "no_session"


async def test_a_session_ends_with_its_token(site: Site) -> None:
    cookie = (await logged_in(site, site.token)).partition(";")[0]
    (site.folder / "admin.token").unlink()
    site.control.make_token()
    assert code(await site.ask("GET", "/api/session", headers={"cookie": cookie})) == "no_session"


async def test_a_login_with_a_wrong_token_sets_no_cookie_and_counts(site: Site) -> None:
    for number in range(10):
        answer = await site.ask("POST", "/api/session", json={"token": f"{number}" * 64})
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
    assert (await site.ask("POST", "/api/session", json={"token": "x" * 64})).status_code == 429


# What every answer says to browsers.


@pytest.mark.parametrize(
    "path", ["/healthz", "/metrics", "/api/session", "/api/status", "/nothing", "/api/flips", "/api/openapi.json"]
)
async def test_every_answer_is_safe_to_show(site: Site, path: str) -> None:
    for token in (None, site.token):
        headers = (await site.ask("GET", path, token)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/api/nothing", 404), ("GET", "/api/flips", 405), ("PUT", "/api/status", 405)]
)
async def test_what_is_not_there_is_said_in_json(site: Site, method: str, path: str, status: int) -> None:
    answer = await site.ask(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert code(answer) in ("not_found", "method")


async def test_before_the_configuration_is_known(tmp_path: Path, site: Site) -> None:
    site.pipeline.config = None
    answer = await site.get("/api/status")
    assert (answer.status_code, code(answer)) == (503, "starting")
