"""Every endpoint, asked of a store with content: it answers what the commands print, and as its document says."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import jsonschema
import pytest

from strangler.cli.main import main
from strangler.control.cutover import desk as cutovers
from strangler.control.cutover.order import Done, Effect
from strangler.control.flipping.spool import Spool
from strangler.core.flip import Place
from strangler.core.model import Stage
from strangler.core.units import Share
from strangler.store.store import Store
from strangler.web import bodies, openapi, overview
from strangler.web.endpoints import ENDPOINTS
from strangler.web.overview import LastLook
from tests.unit.cli.stored import HEAD, ROUTES, answer, batch_of, configured, pair, record

from .given import EVE, USERS, Site

DOCUMENT = openapi.document(ENDPOINTS, "1.2.3")
README = Path(__file__).parents[3] / "README.md"
XSS = "<script>alert(1)</script>\"'&\u2028\ud800</textarea>"


def strictly(schema: Any) -> Any:
    """The same, where an object has no other members than those that are named."""
    if isinstance(schema, list):
        return [strictly(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {name: strictly(value) for name, value in schema.items()}
    return {"additionalProperties": False, **found} if "properties" in found else found


def conforms(said: Any, method: str, path: str, status: int = 200) -> Any:
    """What was said, if it is what the document promises."""
    promised = DOCUMENT["paths"][path][method.lower()]["responses"][str(status)]["content"]["application/json"]["schema"]
    jsonschema.validate(said, strictly({**promised, "components": DOCUMENT["components"]}))
    return said


async def get(site: Site, path: str, documented: str = "", **rest: Any) -> Any:
    found = await site.get(path, **rest)
    assert found.status_code == 200, found.text
    return conforms(found.json(), "GET", documented or path)


def printed(capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    """What a command prints with --json."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "--json"])
    assert ended.value.code in (0, 3)
    return json.loads(capsys.readouterr().out)


def timeless(said: Any) -> Any:
    """Without what differs from one moment to the next."""
    return {**said, "now": 0}


# Reading.


async def test_diffs_are_those_of_the_command(stored: Site, capsys: pytest.CaptureFixture[str]) -> None:
    said = await get(stored, "/api/diffs")
    assert timeless(said) == timeless(printed(capsys, "diffs", "-c", str(stored.path)))
    first = said["routes"][0]
    assert (first["route"], first["compared"], len(first["causes"])) == ("read-order", 12_480, 3)


async def test_one_cause_and_its_examples(stored: Site, capsys: pytest.CaptureFixture[str]) -> None:
    id = (await get(stored, "/api/diffs"))["routes"][0]["causes"][0]["id"]
    said = await get(stored, f"/api/diffs?cause={id[:5]}&limit=3", "/api/diffs")
    assert said == printed(capsys, "diffs", "--cause", id, "--limit", "3", "-c", str(stored.path))
    assert (said["cause"]["count"], len(said["examples"])) == (71, 3)


async def test_one_mismatch(stored: Site, capsys: pytest.CaptureFixture[str]) -> None:
    id = (await get(stored, "/api/diffs"))["routes"][0]["causes"][0]["example"]
    said = await get(stored, f"/api/diffs/{id}", "/api/diffs/{id}")
    assert said == printed(capsys, "diffs", "show", id, "-c", str(stored.path))
    assert said["answers"]["control"]["body"] != said["answers"]["candidate"]["body"]


async def test_diffs_of_one_route_and_time(stored: Site) -> None:
    assert [each["route"] for each in (await get(stored, "/api/diffs?route=home", "/api/diffs"))["routes"]] == ["home"]
    lately = (await get(stored, "/api/diffs?route=read-order&since=1s&limit=1", "/api/diffs"))["routes"][0]
    assert (lately["compared"], lately["causes"]) == (0, [])


async def test_the_ledger(stored: Site) -> None:
    said = await get(stored, "/api/ledger")
    assert said["total"] == said["routes"]["read-order"]
    assert said["total"]["closes"]
    assert said["total"]["seen"] == 13_001
    assert (await get(stored, "/api/ledger?route=home", "/api/ledger"))["routes"] == {}


async def test_the_status_is_that_of_the_command(stored: Site, capsys: pytest.CaptureFixture[str]) -> None:
    said = await get(stored, "/api/status")
    told = printed(capsys, "status", "-c", str(stored.path))
    assert [each["route"] for each in said["routes"]] == ["read-order", "search", "home"]
    assert [{**each, "traffic": None} for each in said["routes"]] == told["routes"], "nobody serves, so the command knows of none"
    first = said["routes"][0]
    assert (first["stage"], first["verdict"], first["hold"]) == ("shadow", "fail", None)
    assert first["compared"] == 12_480


async def test_what_can_be_told_at_once(stored: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at hundreds of routes takes longer than anybody wants to wait."""
    await stored.post("/api/holds", route="search", reason="Friday")
    monkeypatch.setattr(overview, "PATIENCE", 0.0)
    monkeypatch.setattr(LastLook, "_begin", lambda *_: Event())
    said = await get(stored, "/api/status")
    assert said["trouble"] == ["the evidence is being looked at: ask again in a moment"]
    first, second, _ = said["routes"]
    assert (first["stage"], first["verdict"], first["compared"]) == ("shadow", None, 0)
    assert second["hold"]["reason"] == "Friday"


async def test_one_route(stored: Site) -> None:
    said = await get(stored, "/api/routes/read-order", "/api/routes/{name}")
    status = await get(stored, "/api/status")
    assert said["route"] == status["routes"][0]
    assert said["diffs"] == (await get(stored, "/api/diffs"))["routes"][0]
    assert said["journal"] == {"incomplete": None, "events": []}


async def test_nothing_is_stored_yet(site: Site) -> None:
    assert (await get(site, "/api/diffs"))["store"] is False
    assert (await get(site, "/api/ledger"))["routes"] == {}
    assert (await get(site, "/api/journal"))["events"] == []
    assert len((await get(site, "/api/status"))["routes"]) == 3


async def test_a_store_that_cannot_be_read(site: Site) -> None:
    (site.folder / "evidence.db").write_bytes(b"this is no database, and is long enough to be taken for one" * 20)
    for path in ("/api/diffs", "/api/ledger"):
        found = await site.get(path)
        assert (found.status_code, found.json()["error"]["code"]) == (503, "database")
    assert (await get(site, "/api/journal"))["incomplete"]
    assert (await get(site, "/api/status"))["trouble"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/diffs/ffffffff",
        "/api/diffs/%3Cscript%3E",
        "/api/diffs?cause=zz",
        "/api/diffs?route=nobody",
        "/api/routes/nobody",
        "/api/ledger?route=x",
    ],
)
async def test_what_is_not_there(stored: Site, path: str) -> None:
    found = await stored.get(path)
    assert (found.status_code, found.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("limit=0", "limit is not a whole number from 1 to 1000"),
        ("limit=1e3", "limit is not a whole number from 1 to 1000"),
        ("limit=99999999999999", "limit is not a whole number from 1 to 1000"),
        ("since=5", "since: "),
        ("rout=a", "there is no 'rout'; did you mean 'route'?"),
        ("limit=1&limit=2", "'limit' stands there twice"),
        ("route=" + "x" * 101, "route has more than 100 characters"),
    ],
)
async def test_queries_that_say_nothing(stored: Site, query: str, problem: str) -> None:
    found = await stored.get(f"/api/diffs?{query}")
    assert found.status_code == 400
    assert conforms(found.json(), "GET", "/api/diffs", 400)["error"]["message"].startswith(problem)


async def test_what_was_sent_to_hurt_comes_back_as_json_only(tmp_path: Path) -> None:
    _, config = configured(tmp_path)
    route = replace(config.routes[0], compare=replace(config.routes[0].compare, ignore=()))
    body = {"a": XSS, "<img src=x onerror=alert(1)>": 1}
    evil = pair(
        route,
        answer(json.dumps(body)),
        answer(json.dumps({**body, "a": "b"})),
        target="/api/orders/<script>?q=<script>",
        version="<b>",
        headers=((b"x-a", b"<script>"),),
    )
    record(config, batch_of(route, [evil]))
    site = Site(tmp_path)
    try:
        listed = await site.get("/api/diffs?route=read-order")
        id = (await site.get("/api/diffs?cause=" + _any_cause(config))).json()["examples"][0]["id"]
        shown = await site.get(f"/api/diffs/{id}")
        missed = await site.get("/api/routes/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        for found in (listed, shown, missed):
            assert found.headers["content-type"] == "application/json"
            assert found.headers["x-content-type-options"] == "nosniff"
            assert found.content.isascii()
        assert "onerror" in shown.text
        assert missed.status_code == 404
    finally:
        site.close()


def _any_cause(config: Any) -> str:
    with closing(Store.open(config.store, config.folder, read_only=True)) as store:
        return store.causes()[0].id


# Acting.


async def test_a_step_up_needs_the_guard(stored: Site) -> None:
    found = await stored.post("/api/flips", route="read-order", stage="canary", weight="5%", reason="why not")
    assert found.status_code == 409
    error = conforms(found.json(), "POST", "/api/flips", 409)["error"]
    assert (error["code"], error["exit_code"], error["done"]["effect"]) == ("refused", 3, "refused")
    assert any("parity" in objection for objection in error["done"]["objections"])
    assert "stage: shadow" in stored.path.read_text()
    assert (await get(stored, "/api/journal"))["events"] == []


async def test_a_dry_run_changes_nothing(stored: Site) -> None:
    before = stored.path.read_bytes()
    found = await stored.post("/api/flips", route="read-order", stage="canary", dry_run=True)
    said = conforms(found.json(), "POST", "/api/flips")
    assert (said["effect"], bool(said["objections"])) == ("planned", True)
    assert stored.path.read_bytes() == before


async def test_a_forced_step_is_journalled_with_who_and_why(stored: Site, capsys: pytest.CaptureFixture[str]) -> None:
    without = await stored.post("/api/flips", route="read-order", stage="canary", force=True)
    assert (without.status_code, without.json()["error"]["code"]) == (400, "usage")
    found = await stored.post("/api/flips", route="read-order", stage="canary", weight="5%", force=True, reason="we know")
    said = conforms(found.json(), "POST", "/api/flips")
    assert (said["effect"], said["flips"][0]["to"]) == ("at the next start", {"stage": "canary", "weight": 0.05})
    assert "stage: canary" in stored.path.read_text()
    event = (await get(stored, "/api/journal"))["events"][0]
    assert (event["actor"], event["reason"], event["forced"], event["became"]) == ("admin", "we know", True, "live")
    assert timeless(await get(stored, "/api/journal")) == timeless(printed(capsys, "journal", "-c", str(stored.path)))


async def test_down_and_up_again(stored: Site) -> None:
    down = await stored.post("/api/rollbacks", route="read-order", reason="it burns")
    said = conforms(down.json(), "POST", "/api/rollbacks")
    assert (said["flips"][0]["to"]["stage"], said["held"]) == ("legacy", ["read-order"])
    stored.reload()
    up = await stored.post("/api/flips", route="read-order", stage="shadow", force=True, reason="again")
    assert up.status_code == 409
    assert "resume" in up.json()["error"]["message"]
    assert (await get(stored, "/api/status"))["routes"][0]["hold"]["actor"] == "admin"
    freed = await stored.post("/api/resumes", route="read-order")
    assert conforms(freed.json(), "POST", "/api/resumes") == {"resumed": ["read-order"]}
    again = await stored.post("/api/flips", route="read-order", stage="shadow", force=True, reason="again")
    assert again.status_code == 200
    events = (await get(stored, "/api/journal?route=read-order", "/api/journal"))["events"]
    assert [(event["event"], event["held"]) for event in events] == [("flip", False), ("resume", False), ("flip", True)]
    assert len((await get(stored, "/api/routes/read-order", "/api/routes/{name}"))["journal"]["events"]) == 3


async def test_a_rollback_needs_no_store(site: Site) -> None:
    (site.folder / "evidence.db").mkdir()
    found = await site.post("/api/rollbacks", route="read-order", to="legacy")
    assert found.status_code == 200, found.text
    assert Spool(site.path).read().entries


async def test_a_hold(site: Site) -> None:
    held = await site.post("/api/holds", route="search", reason="Friday")
    assert conforms(held.json(), "POST", "/api/holds") == {"held": ["search"]}
    assert (await site.post("/api/holds", route="search")).json() == {"held": []}
    event = (await get(site, "/api/journal"))["events"][0]
    assert (event["event"], event["reason"]) == ("hold", "Friday")


async def test_the_journal_has_the_users_name(tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(HEAD + USERS + ROUTES)
    site = Site(tmp_path)
    try:
        await site.ask("POST", "/api/holds", "o" * 64, json={"route": "home"})
        said = (await site.ask("GET", "/api/journal", EVE)).json()
        assert [event["actor"] for event in said["events"]] == ["ops"]
    finally:
        site.close()


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, ["route is missing: a route's name, or @GROUP", "stage is missing: where to"]),
        ({"route": "home", "stage": "shaddow"}, ["stage is none of these words; did you mean 'shadow'?"]),
        ({"route": 7, "stage": "shadow"}, ["route is not text"]),
        ({"route": "home", "stage": None}, ["stage is not text"]),
        ({"route": "home", "stage": "canary", "weight": 5}, ["weight: is not text"]),
        ({"route": "home", "stage": "canary", "weight": "5"}, ["weight: "]),
        ({"route": "home", "stage": "shadow", "force": "true"}, ["force is not true or false"]),
        ({"route": "home", "stage": "shadow", "actor": "root"}, ["there is no 'actor'"]),
        ({"route": "home", "stage": "shadow", "resaon": "x"}, ["there is no 'resaon'; did you mean 'reason'?"]),
        ({"route": "home", "stage": "shadow", "reason": "x" * 2001}, ["reason has more than 2000 characters"]),
    ],
)
async def test_every_field_that_is_wrong_is_named(site: Site, body: dict[str, Any], problems: list[str]) -> None:
    found = await site.ask("POST", "/api/flips", site.token, json=body)
    assert found.status_code == 400
    said = conforms(found.json(), "POST", "/api/flips", 400)["error"]["problems"]
    assert len(said) == len(problems)
    assert all(one.startswith(problem.replace("weight: is", "weight is")) for one, problem in zip(said, problems, strict=True)), (
        said
    )


@pytest.mark.parametrize("body", [{"route": "nobody", "stage": "shadow"}, {"route": "@nobody", "stage": "shadow"}])
async def test_a_route_that_is_not_there(site: Site, body: dict[str, Any]) -> None:
    found = await site.ask("POST", "/api/flips", site.token, json=body)
    assert (found.status_code, found.json()["error"]["code"]) == (400, "usage")


async def test_nothing_to_do(site: Site) -> None:
    found = await site.post("/api/flips", route="home", stage="legacy")
    assert found.json()["effect"] == "nothing to do"
    refused = await site.post("/api/rollbacks", route="home")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "refused")


# Cutovers.


async def test_a_cutover_with_all_that_stands_against_it(site: Site) -> None:
    refused = await site.post("/api/cutovers", route="read-order")
    assert "cut off is just being settled" in refused.json()["error"]["message"]
    site.control.cutovers._settled.set()
    refused = await site.post("/api/cutovers", route="read-order")
    error = conforms(refused.json(), "POST", "/api/cutovers", 409)["error"]
    assert (refused.status_code, error["code"], error["exit_code"]) == (409, "refused", 3)
    assert any("`strangler flip` is what moves it" in words for words in error["done"]["objections"])
    assert (await site.post("/api/cutovers", route="read-order", force=True)).status_code == 400
    assert (await site.post("/api/cutovers", route="nothing")).status_code in (400, 404)
    planned = await site.post("/api/cutovers", route="read-order", dry_run=True, back=True, hold="2s")
    assert conforms(planned.json(), "POST", "/api/cutovers")["effect"] == "planned"


@pytest.mark.parametrize(("effect", "status"), [("live", 200), ("reverted", 409), ("unsettled", 503)])
async def test_what_came_of_a_cutover(site: Site, monkeypatch: pytest.MonkeyPatch, effect: str, status: int) -> None:
    site.control.cutovers._settled.set()
    done = Done(Effect(effect), mappings=("orders",), owners={"orders": ("new", 2)}, steps={"hold": 0.1}, held=0.5, why="a write")
    monkeypatch.setattr(cutovers, "cutover", lambda order, hands, tell: done)
    found = await site.post("/api/cutovers", route="read-order")
    assert found.status_code == status
    said = found.json() if status == 200 else found.json()["error"]["done"]
    assert (said["effect"], said["owners"]) == (effect, {"orders": {"owner": "new", "epoch": 2}})


async def test_only_an_operator_cuts_over(with_users: Site) -> None:
    assert (await with_users.ask("POST", "/api/cutovers", EVE, json={"route": "read-order"})).status_code == 403


# Bodies.

BODIES: list[tuple[bytes, int]] = [
    (b"", 400),
    (b"{", 400),
    (b"[]", 400),
    (b'"route"', 400),
    (b"null", 400),
    (b"\xff\xfe{\x00}\x00", 400),
    (b'{"route": NaN}', 400),
    (b'{"route": 1e999, "stage": -Infinity}', 400),
    (b'{"route": "a", "route": "b"}', 400),
    (b'{"route": ' + b"[" * 30_000, 400),
    (b'{"route": ' + b"9" * 20_000 + b"}", 400),
    (b'{"route": "\\ud800", "stage": "shadow"}', 400),
    (b'{"route": "home", "stage": "shadow", "reason": "' + b"x" * 65_536 + b'"}', 413),
    (b'{"__proto__": {}, "constructor": 1}', 400),
]


@pytest.mark.parametrize(("body", "status"), BODIES, ids=[repr(body[:24]) for body, _ in BODIES])
async def test_odd_bodies(site: Site, body: bytes, status: int) -> None:
    found = await site.ask("POST", "/api/flips", site.token, content=body, headers={"content-type": "application/json"})
    assert found.status_code == status
    assert len(found.content) < 2_000
    assert site.complaints == []


async def test_a_body_without_an_end_is_cut(site: Site) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += 4096
            yield b" " * 4096

    found = await site.ask("POST", "/api/flips", site.token, content=endless(), headers={"content-type": "application/json"})
    assert found.status_code == 413
    assert sent <= 2 * 65_536


async def test_a_reason_is_kept_as_it_is(site: Site) -> None:
    reason = '<script>alert("reason")</script>\r\nX-Evil: 1'
    await site.post("/api/holds", route="home", reason=reason)
    found = await site.get("/api/journal")
    assert found.json()["events"][0]["reason"] == reason
    assert found.headers["content-type"] == "application/json"


async def test_an_error_of_ours_is_not_shown(site: Site) -> None:
    del site.control.settings["arena"]
    found = await site.get("/api/status")
    assert (found.status_code, found.json()["error"]["code"]) == (500, "unexpected")
    assert site.complaints == ["GET /api/status failed: unexpected KeyError"]


# The document.


async def test_the_document_is_served_and_sound(site: Site) -> None:
    said = (await site.get("/api/openapi.json")).json()
    assert said == json.loads(json.dumps(DOCUMENT))
    assert said["openapi"] == "3.1.0"
    for schema in said["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere() -> None:
    named = set(references(DOCUMENT))
    assert named == {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}


def references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        yield from (value for name, value in part.items() if name == "$ref")
    for each in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ():
        yield from references(each)


def test_the_document_has_what_is_served_and_nothing_else(site: Site) -> None:
    inner = site.app._app._app  # type: ignore[attr-defined]
    served = {
        (route.path, method) for route in inner.routes if route.path.startswith("/api/") for method in route.methods - {"HEAD"}
    }
    written = {(path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert served == written
    names = [operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))


def test_places_are_written_as_the_document_says() -> None:
    from strangler.control.plain import place_as_json

    place = place_as_json(Place(Stage.CANARY, Share(0.25)))
    assert list(jsonschema.Draft202012Validator(DOCUMENT["components"]["schemas"]["Place"]).iter_errors(place)) == []


def test_the_readme_names_every_endpoint_and_its_role() -> None:
    rows = re.findall(r"^\| (`[A-Z]+ /api.*?) \| (\w+) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    shown = {(name, role) for names, role in rows for name in re.findall(r"`([A-Z]+ /api\S*)`", names)}
    assert {each for each in shown if "/session" not in each[0]} == {
        (f"{each.method} {each.path}", each.role) for each in ENDPOINTS
    }


async def test_a_body_that_does_not_come_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.01)

    async def nothing() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    found = await site.ask("POST", "/api/flips", site.token, content=nothing(), headers={"content-type": "application/json"})
    assert (found.status_code, found.json()["error"]["code"]) == (408, "slow")
