"""Every page, asked of an empty store, of one with evidence, and of one full of attempts to be more than text."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from strangler.control import data_document
from strangler.control.accepting import WAYS
from strangler.control.cutover.order import Done, Effect, Order
from strangler.control.flipping.spool import Spool
from strangler.store.store import Store
from strangler.web.endpoints import ENDPOINTS
from strangler.web.pages.difference import curl
from strangler.web.pages.pages import PAGES
from strangler.web.pages.rendering import POLICY, told
from tests.unit.cli.stored import HEAD, answer, batch_of, configured, pair, record

from .given import EVE, OPS, Site

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>`</pre>&\u202e\ud800"


class Read(HTMLParser):
    """What a browser would take a page for: its elements, and their text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == tag]


async def page(site: Site, path: str, status: int = 200, token: str = "") -> Read:
    found = await site.ask("GET", path, token or site.token)
    assert found.status_code == status, found.text
    assert found.headers["content-type"].startswith("text/html")
    assert site.complaints == []
    return Read(found.text)


async def ids(site: Site) -> dict[str, str]:
    """The first cause of the first route that has one, and its example."""
    routes = (await site.get("/api/diffs")).json()["routes"]
    return next(cause for route in routes for cause in route["causes"])


@pytest.mark.parametrize("path", ["/", "/routes/home", "/routes/read-order", "/data", "/outbox", "/journal"])
async def test_with_nothing_to_show_every_page_says_what_will_stand_there(site: Site, path: str) -> None:
    found = await page(site, path)
    assert re.search(r"yet|no mappings|no outbox|nothing", found.text, re.IGNORECASE)


async def test_the_first_page_has_the_answer_then_what_needs_attention_then_every_route(stored: Site) -> None:
    text = (await page(stored, "/")).text
    places = [text.find(part) for part in ("0 of 3 routes on modern", "Needs attention", "99.20 % of 12,480 – / – canary 1%")]
    assert -1 not in places, text
    assert places == sorted(places)
    assert "✗ fail search" in text


async def test_what_is_at_modern_or_retired_is_counted_as_there(site: Site) -> None:
    stages = ("modern", "retired", "shadow")
    site.path.write_text(HEAD + "routes:\n" + "".join(f"  - {{name: {s}, match: {{path: /{s}}}, stage: {s}}}\n" for s in stages))
    site.reload()
    assert "2 of 3 routes on modern" in (await page(site, "/")).text


async def test_a_route_shows_the_guard_condition_by_condition_and_its_causes_most_first(stored: Site) -> None:
    found = await page(stored, "/routes/read-order")
    text = found.text
    assert "read-order stands at shadow" in text
    assert re.search(r"✗ parity GET 2xx: 99\.20% of 12,480 agree", text)
    causes = ["$.total: number became a string 71", "$.tags: same items in another order 22", "$.paid_at"]
    places = [text.find(cause) for cause in causes]
    assert -1 not in places, text
    assert places == sorted(places)
    assert "seen 13,001" in text
    actions = {form["action"] for form in found.named("form")}
    assert actions == {"/logout", "/act/flips", "/act/rollbacks", "/act/holds"}


async def test_a_group_is_a_page_too(site: Site) -> None:
    routes = "".join(f"  - {{name: r{number}, match: {{path: /r{number}}}, group: both}}\n" for number in (1, 2))
    site.path.write_text(f"{HEAD}routes:\n{routes}")
    site.reload()
    assert "/routes/@both" in {link["href"] for link in (await page(site, "/")).named("a")}
    assert "@both stands at legacy" in (await page(site, "/routes/@both")).text


async def test_a_difference_stands_side_by_side_with_what_differs_marked(stored: Site) -> None:
    cause = await ids(stored)
    found = await page(stored, f"/diffs/{cause['example']}")
    assert [each["class"] for each in found.named("td") if "differs" in (each.get("class") or "")] == ["differs", "differs"]
    assert '"total": 1050' in found.text
    assert '"total": "1050"' in found.text
    assert "curl -i -X GET -H 'accept: */*' http://127.0.0.1:8080/api/orders/70" in found.text
    assert "… 4 equal lines" in found.text
    assert "… 4 equal lines" not in (await page(stored, f"/diffs/{cause['example']}?whole=yes")).text


async def test_the_command_for_curl_sends_the_body_and_leaves_to_curl_what_it_writes_itself(stored: Site) -> None:
    cause, config = await ids(stored), stored.control.config
    assert config is not None
    with closing(Store.open(config.store, config.folder, read_only=True)) as store:
        example = store.example(cause["example"]).example
    headers = [["host", "shop"], ["Content-Length", "9"], ["x-a", "it's"]]
    sent = curl(replace(example, method="POST", request={"headers": headers, "body": '{"a": 1}'}), config)
    assert shlex.split(sent)[:8] == ["curl", "-i", "-X", "POST", "-H", "x-a: it's", "--data-binary", '{"a": 1}']


async def test_older_events_are_counted_and_a_link_away(site: Site) -> None:
    for _ in range(2):
        await site.post("/api/holds", route="home")
        await site.post("/api/resumes", route="home")
    found = await page(site, "/journal?limit=1&route=home")
    assert "3 older events" in found.text
    assert "?limit=10000&route=home" in {link["href"] for link in found.named("a")}


async def test_a_cause_has_its_examples_and_the_ways_to_accept_it(stored: Site) -> None:
    cause = await ids(stored)
    found = await page(stored, f"/causes/{cause['id']}")
    assert "71 mismatches" in found.text
    links = {link["href"] for link in found.named("a")}
    assert f"/diffs/{cause['example']}" in links
    assert {*WAYS, ""} <= {each.get("value") for each in found.named("option")}


async def test_progress_carries_its_style_and_the_policy_names_that_style_only(stored: Site) -> None:
    found = await stored.get("/progress")
    policy = found.headers["content-security-policy"]
    assert found.status_code == 200
    assert re.search(r"style-src 'sha256-[\w+/=]+';", policy)
    assert "unsafe" not in policy
    assert "Migration progress" in found.text


# Who may see, and do, what.


@pytest.mark.parametrize("path", [*(each.path.replace("{name}", "x") for each in PAGES), "/progress"])
async def test_who_is_nobody_is_sent_to_log_in_and_back(site: Site, path: str) -> None:
    found = await site.ask("GET", path)
    assert found.status_code == 303
    assert found.headers["location"].startswith("/login?next=%2F")
    assert (await site.ask("GET", "/events")).status_code == 303


async def log_in(site: Site, token: str, next_: str = "/") -> tuple[int, str, str]:
    found = await site.ask("POST", "/login", data={"token": token, "next": next_}, headers={"origin": site.root})
    return found.status_code, found.headers.get("location", ""), found.headers.get("set-cookie", "").partition(";")[0]


async def test_a_token_opens_a_session_that_leads_where_one_wanted_to_go(site: Site) -> None:
    status, location, cookie = await log_in(site, site.token + "\n", "/journal?limit=5")
    assert (status, location) == (303, "/journal?limit=5")
    found = await site.ask("GET", "/", headers={"cookie": cookie})
    assert found.status_code == 200
    ended = await site.ask("POST", "/logout", headers={"cookie": cookie, "origin": site.root})
    assert ended.headers["location"] == "/login"
    assert (await site.ask("GET", "/", headers={"cookie": cookie})).status_code == 303


@pytest.mark.parametrize("next_", ["https://evil.example", "//evil.example", "/\\evil.example", ""])
async def test_a_login_leads_to_no_other_site(site: Site, next_: str) -> None:
    assert (await log_in(site, site.token, next_))[1] == "/"


async def test_a_wrong_token_is_said_and_many_are_slowed_down(site: Site) -> None:
    answers = [await site.ask("POST", "/login", data={"token": f"wrong {number}"}) for number in range(30)]
    assert answers[0].status_code == 401
    assert "nobody" in answers[0].text
    assert answers[-1].status_code == 429


async def test_a_viewer_sees_no_buttons_and_may_press_none(with_users: Site) -> None:
    found = await page(with_users, "/routes/home", token=EVE)
    assert {form["action"] for form in found.named("form")} == {"/logout"}
    refused = await with_users.ask("POST", "/act/flips", EVE, data={"route": "home", "stage": "shadow"})
    assert refused.status_code == 403
    assert "this needs an operator" in refused.text


ACTIONS = [each.path.replace("/api/", "/act/") for each in ENDPOINTS if each.method == "POST"]


@pytest.mark.parametrize("path", ACTIONS)
async def test_no_form_does_anything_for_nobody_for_a_viewer_or_for_another_site(with_users: Site, path: str) -> None:
    _, _, cookie = await log_in(with_users, OPS)
    assert (await with_users.ask("POST", path, data={"route": "home"})).status_code == 401
    assert (await with_users.ask("POST", path, EVE, data={"route": "home"})).status_code == 403
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        found = await with_users.ask("POST", path, data={"route": "home"}, headers={"cookie": cookie, **headers})
        assert found.status_code == 403
    rebound = await with_users.ask("POST", path, OPS, data={"route": "home"}, headers={"host": "evil.example"})
    assert rebound.status_code == 421
    assert Spool(with_users.path.resolve()).read().entries == ()
    assert with_users.complaints == []


async def test_a_form_of_another_site_does_nothing(with_users: Site) -> None:
    _, _, cookie = await log_in(with_users, OPS)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        found = await with_users.ask("POST", "/act/holds", data={"route": "home"}, headers={"cookie": cookie, **headers})
        assert found.status_code == 403
    assert Spool(with_users.path.resolve()).read().entries == ()


# What forms do.


async def act(site: Site, name: str, status: int = 200, **written: str) -> Read:
    found = await site.ask("POST", f"/act/{name}", site.token, data=written)
    assert found.status_code == status, found.text
    return Read(found.text)


async def test_a_rollback_a_hold_and_its_end(stored: Site) -> None:
    done = await act(stored, "rollbacks", route="search", reason="too early", next="/routes/search")
    assert "✓ Done" in done.text
    assert "search : shadow → legacy" in done.text
    assert "Held: search" in done.text
    assert {"href": "/routes/search"}.items() <= next(link for link in done.named("a") if link.get("class") == "button").items()
    assert "stage: shadow" not in stored.path.read_text().split("name: search")[1]
    stored.reload()
    assert "held by admin" in (await page(stored, "/routes/search")).text
    assert "✓ Done" in (await act(stored, "resumes", route="search")).text


async def test_what_the_guard_is_against_is_refused_with_every_reason_and_a_dry_run_changes_nothing(stored: Site) -> None:
    before = stored.path.read_bytes()
    refused = await act(stored, "flips", 409, route="read-order", stage="canary", weight="5%")
    assert "✗ Refused" in refused.text
    assert "parity" in refused.text
    planned = await act(stored, "rollbacks", route="read-order", dry_run="yes")
    assert "This is what would happen" in planned.text
    assert stored.path.read_bytes() == before


async def test_accepting_a_cause_shows_the_rule_first_and_then_writes_it(stored: Site) -> None:
    cause = await ids(stored)
    tried = await act(stored, "accepts", cause=cause["id"], **{"as": "ignore"}, dry_run="yes")
    assert "ignore $.total would be written" in tried.text
    assert "It clears" in tried.text
    assert "$.total" not in stored.path.read_text()
    done = await act(stored, "accepts", cause=cause["id"], **{"as": "ignore"})
    assert "is written" in done.text
    assert "$.total" in stored.path.read_text()
    stored.reload()
    assert "accepted already" in (await act(stored, "accepts", 409, cause=cause["id"])).text


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"route": "home", "stage": "moon"}, "stage is none of these words"),
        ({"stage": "shadow"}, "route is missing"),
        ({"route": "home", "stage": "shadow", "colour": "red"}, "there is no 'colour'"),
        ({"route": "nobody", "stage": "shadow"}, "nobody"),
    ],
)
async def test_a_form_that_makes_no_sense_is_told_why(site: Site, written: dict[str, str], words: str) -> None:
    found = await site.ask("POST", "/act/flips", site.token, data=written)
    assert found.status_code == 400
    assert words in Read(found.text).text


async def test_a_form_must_be_one(site: Site) -> None:
    assert (await site.ask("POST", "/act/holds", site.token, json={"route": "home"})).status_code == 415
    twice = await site.ask(
        "POST",
        "/act/holds",
        site.token,
        content="route=home&route=search",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert twice.status_code == 400


# What strangers wrote.


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Site]:
    """Captured in every place that strangers can write to."""
    _, config = configured(tmp_path)
    route = config.routes[0]
    bodies = [{HOSTILE: HOSTILE, "total": 1}, {HOSTILE: "other", "total": "1"}]
    control, candidate = (answer(body) for body in bodies)
    header = ((b"x-" + b"a", HOSTILE.encode("utf-8", "replace")), (b"accept", b"*/*"))
    one = pair(route, control, candidate, target="/api/orders/1?q=%3Cscript%3E<script>", headers=header, request_id="<b>id</b>",
               version="<i>build</i>")  # fmt: skip
    text = pair(route, answer("<script>1</script>", kind="text/html"), answer("<b>2</b>", kind="text/html"))
    record(config, batch_of(route, [one, text]))
    made = Site(tmp_path)
    yield made
    made.close()


async def test_nothing_that_was_captured_is_more_than_text(hostile: Site) -> None:
    causes = (await hostile.get("/api/diffs?limit=50")).json()["routes"][0]["causes"]
    paths = {"/", "/routes/read-order", *(f"/causes/{each['id']}" for each in causes)}
    paths |= {f"/diffs/{each['example']}" for each in causes}
    assert len(paths) > 4
    for path in sorted(paths):
        whole = path + ("?whole=yes" if path.startswith("/diffs") else "")
        found = await page(hostile, whole)
        scripts = [each.get("src") or "" for each in found.named("script")]
        assert all(source.startswith("/assets/") for source in scripts)
        assert len(scripts) == 3
        assert {tag for tag, _ in found.elements}.isdisjoint({"b ", "iframe", "object", "embed", "style", "base"})
        assert [each for each in found.named("img") if each["src"] != "/assets/icon.svg"] == []
        assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    shown = "".join([(await page(hostile, path)).text for path in sorted(paths) if path.startswith("/diffs")])
    assert "<script>" in shown, "it is there to be read"
    assert "\u202e" not in shown


async def test_a_route_and_a_reason_of_a_stranger_are_text_too(stored: Site) -> None:
    await act(stored, "holds", route="home", reason="<script>alert(1)</script>")
    for path in ("/journal", "/routes/home", "/"):
        found = await page(stored, path)
        assert len(found.named("script")) == 3
        assert "<script>alert(1)</script>" in found.text


async def test_a_name_that_nothing_has_is_said_as_text(site: Site) -> None:
    found = await page(site, "/routes/%3Cscript%3E", 404)
    assert "there is no route '<script>'" in found.text
    assert found.named("script") == []


@pytest.mark.parametrize("path", ["/", "/login", "/routes/nope", "/assets/strangler.css"])
async def test_pages_load_what_is_ours_and_stand_in_no_frame(site: Site, path: str) -> None:
    found = await site.get(path)
    headers = found.headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    if not path.startswith("/assets"):
        assert headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY


async def test_assets_are_served_and_nothing_else_of_the_package(site: Site) -> None:
    for name in ("strangler.css", "strangler.js", "htmx.min.js", "sse.min.js", "icon.svg"):
        assert (await site.ask("GET", f"/assets/{name}")).status_code == 200
    for name in ("../app.py", "..%2fapp.py", "%2e%2e/app.py", "nothing"):
        assert (await site.ask("GET", f"/assets/{name}")).status_code == 404


def test_what_stands_between_backquotes_is_a_command_and_the_rest_is_text() -> None:
    assert told("run `a < b` now & then") == "run <code>a &lt; b</code> now &amp; then"
    assert told("one ` only <b>") == "one ` only &lt;b&gt;"


# The data, as the data process says it.

DRIFT: dict[str, Any] = {
    "at": 1_795_262_000.0, "full": True, "missing": 0, "extra": 1, "changed": 2, "columns": {"status": 1, "total": 2},
    "samples": [
        {"key": "<7>", "kind": "changed", "more": 2, "repair": "update",
         "cells": [{"column": "total", "old": "text of 4", "new": "NULL"}]},
        {"key": "9", "kind": "extra", "more": 0, "repair": "right by now", "cells": []},
    ],
    "repair": {"trouble": "", "written": "new", "counts": {"insert": 0, "update": 2, "delete": 1},
               "refusals": ["orders: 3 rows would be repaired: `strangler data backfill orders`"]},
}  # fmt: skip
MAPPING = {
    "mapping": "orders", "state": "drift", "owner": "old", "epoch": 1, "captured": "installed", "known": True, "why_unknown": "",
    "lag": 0.04, "waiting": 3, "oldest": 2.0, "deferred": 1, "dead": 2, "skipped": 0, "passed_over": 0, "rogue": 0, "stranded": 0,
    "backfill": "done", "backfilled": 1.0, "compared_at": 1_795_262_000.0, "next": "`repair plan orders`: 2 rows differ",
    "trouble": "", "old": "shop_order", "new": "<orders>", "backfilling": None,
    "passes": [{"at": 1_795_262_000.0, "seconds": 1.5, "verdict": "drift", "full": True, "counts":
                {"changed": 2, "old": {"rows": 1200}, "reason": "2 rows differ"}}],
    "drift": DRIFT,
}  # fmt: skip


SINK = {
    "name": "billing", "state": "away", "why": "`connect` failed: <refused>", "noted": 1.0, "resumes": 4.0, "pending": 12,
    "oldest": 75.0, "unspread": 3, "dead": 1, "held": 4, "counts": {"delivered": 1234},
    "gone": False, "well": False, "silent": False,
}  # fmt: skip
LETTER = {
    "sink": "billing", "number": 4711, "id": "e-1", "type": "order.<placed>", "key": "o-7",
    "error": "422: <b>no such</b> customer", "attempts": 1, "held": 4, "age": 90.0, "size": 20,
}  # fmt: skip
OUTBOX = {"table": "outbox_events", "waiting": 2, "oldest": 1.0, "kept": 1000, "sinks": [SINK], "letters": [LETTER]}


def say(site: Site, **changes: object) -> None:
    config = site.control.config
    assert config is not None
    guards = data_document.path_of(config)
    told = {"version": 1, "files": {"mappings.yaml": {"at": 0.0, "mappings": [{**MAPPING, **changes}], "outbox": OUTBOX}}}
    guards.with_name(f"{guards.stem}.details.json").write_text(json.dumps(told))


async def test_a_mapping_shows_who_owns_it_what_is_on_its_way_and_what_differs_most(site: Site) -> None:
    site.path.write_text(HEAD + "mappings: [mappings.yaml]\nroutes: []\n")
    (site.folder / "mappings.yaml").write_text("mappings: []\n")
    say(site)
    site.reload()
    rows = (await page(site, "/data")).text
    assert "0 of 1 mapping clean" in rows
    assert "repair plan orders" in rows
    assert "has said nothing for" in rows, "what is old is said to be"
    found = (await page(site, "/data/orders")).text
    for part in ("orders: drift", "shop_order → <orders>", "2 keys", "total 2 rows status 1 row", "1,200"):
        assert part in found, found
    for part in (
        "0 rows on the old side only, 1 on the new side only, 2 on both and different",
        "<7> on both total (text of 4 → NULL) and 2 columns more update it",
        "9 on the new side only – leave it: it is right by now",
        "On the new side, by what was found then: insert 0 rows, update 2 rows, delete 1 row.",
        "It would be refused: orders: 3 rows would be repaired: strangler data backfill orders",
        "strangler data repair plan orders",
    ):
        assert part in found, found
    await page(site, "/data/nobody", 404)


async def test_a_sink_that_is_away_and_a_dead_letter_say_why_and_what_to_do(site: Site) -> None:
    say(site)
    found = await page(site, "/outbox")
    for words in (
        "0 of 1 sink well",
        "! away",
        "connect failed: <refused>",
        "1 min",
        "15",
        "1,234",
        "422: <b>no such</b> customer",
    ):
        assert words in found.text.replace("connect  failed", "connect failed"), found.text
    assert "strangler outbox retry billing 4711" in found.text
    assert len(found.named("script")) == 3


async def test_what_a_repair_would_do_is_said_only_while_it_is_known_and_wanted(site: Site) -> None:
    say(site, drift={**DRIFT, "repair": {"trouble": "the databases disagree: `strangler data owner`"}})
    found = (await page(site, "/data/orders")).text
    assert "Nobody can tell just now: the databases disagree: strangler data owner" in found
    assert "It would be refused" not in found
    say(site, drift={**DRIFT, "repair": {**DRIFT["repair"], "refusals": []}})
    assert "Within its limits: it would not be refused." in (await page(site, "/data/orders")).text
    for nothing in ({"drift": None}, {"state": "clean", "drift": None}):
        say(site, **nothing)
        assert "repair" not in (await page(site, "/data/orders")).text.replace("repair plan orders : 2 rows differ", "")


NOT_READ = ("", "[]", '{"version": 2, "files": {}}', '{"version": 1, "files": {"a": {"mappings": 1}}}', "\xff")


@pytest.mark.parametrize("written", NOT_READ)
async def test_a_document_that_cannot_be_read_is_as_none(site: Site, written: str) -> None:
    config = site.control.config
    assert config is not None
    guards = data_document.path_of(config)
    guards.with_name(f"{guards.stem}.details.json").write_text(written, encoding="latin-1")
    assert (await page(site, "/data")).text


# Cutovers.

DATA = """\
mappings: [mappings.yaml]
routes:
  - {name: read, match: {path: "/o/{id}", methods: [GET]}, group: orders, data: [orders]}
  - {name: write, match: {path: "/o", methods: [POST]}, group: orders, data: [orders]}
"""
REHEARSAL = {"lag": 0.05, "waiting": 3, "to_verify": 12, "estimated": 0.4}


def of_data(site: Site, done: Done) -> list[Order]:
    """A group with data, and a driver that says this."""
    (site.folder / "mappings.yaml").write_text("version: 1\nmappings: [{name: orders}]\n")
    site.path.write_text(HEAD + DATA)
    site.reload()
    asked: list[Order] = []

    def carry_out(order: Order) -> Done:
        asked.append(order)
        return done

    site.control.cutovers.carry_out = carry_out  # type: ignore[method-assign, assignment]
    return asked


async def test_a_cutover_is_rehearsed_from_the_page_of_its_group(site: Site) -> None:
    asked = of_data(site, Done(Effect.PLANNED, rehearsal=REHEARSAL))
    shown = await page(site, "/routes/@orders")
    assert "/act/cutovers" in {form["action"] for form in shown.named("form")}
    assert "ownership of orders to the new side" in shown.text
    said = (await act(site, "cutovers", route="@orders", hold="5s", dry_run="yes")).text
    assert (asked[0].name, asked[0].hold, asked[0].dry_run, asked[0].back) == ("@orders", 5.0, True, False)
    assert "on the way 3 keys" in said
    assert "about 400 ms" in said


async def test_what_stands_against_a_cutover_is_said_with_every_reason(site: Site) -> None:
    of_data(site, Done(Effect.REFUSED, objections=("orders: 2 dead letters", "orders has `no` way back")))
    said = (await act(site, "cutovers", 409, route="@orders")).text
    assert "✗ Refused" in said
    assert "orders: 2 dead letters" in said


async def test_how_long_writes_waited_is_told_step_by_step(site: Site) -> None:
    done = Done(Effect.DONE, steps={"hold": 0.01, "drain": 0.2}, held=0.41, waited=7, owners={"orders": ("new", 2)})
    of_data(site, done)
    said = (await act(site, "cutovers", route="@orders", reason="noon")).text
    for words in ("✓ Done", "drain 200 ms", "Writes waited for 410 ms at most; 7 did", "owned by the new side (epoch 2)"):
        assert words in said, said
