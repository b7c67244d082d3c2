"""Dead letters from the API and from the pages: tried again, let go with who and why, in real databases, by operators alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

import reconcile
from reconcile.databases.database import opened
from reconcile.jobs.details import Details
from reconcile.outbox import tables as events
from reconcile.outbox.init import init
from reconcile.outbox.letters import dead, let_go
from reconcile.relaying import tables as keys
from reconcile.relaying.dead import skipped
from strangler.control import data_document
from tests.unit.cli.stored import HEAD, ROUTES

from .given import EVE, OPS, USERS, Site
from .test_pages import Read

MAPPINGS = """\
version: 1
databases: {{old: "sqlite:///{0}/old.db", new: "sqlite:///{0}/new.db"}}
mappings:
  - name: lines
    from: {{database: old, table: line, key: [id, part]}}
    to: {{database: new, table: lines, key: [id, part]}}
    columns: {{id: id, part: part}}
outbox:
  database: old
  sinks:
    - {{name: billing, http: {{url: "http://127.0.0.1:1/"}}}}
"""
HOSTILE = "<script>alert(1)</script>"


class World:
    """A site with users, and what stands in its databases."""

    def __init__(self, folder: Path) -> None:
        for name, table in (("old", "line"), ("new", "lines")):
            with closing(sqlite3.connect(folder / f"{name}.db")) as connection:
                connection.execute(f"CREATE TABLE {table} (id INTEGER, part TEXT, PRIMARY KEY (id, part))")
        (folder / "mappings.yaml").write_text(MAPPINGS.format(folder))
        (folder / "routes.yaml").write_text(HEAD + USERS + "mappings: [mappings.yaml]\n" + ROUTES)
        self.site = Site(folder)
        self.plan = reconcile.load(folder / "mappings.yaml", {})
        init(self.plan)
        with opened(self.plan.databases, "old") as (self._old,):
            keys.ensure(self._old)
            events.ensure(self._old)
            self._fill()

    def _fill(self) -> None:
        """Two events of one key and one of another; two keys of rows."""
        gone = {"attempts": 3, "deaths": 0, "lease_until": 0, "due_at": keys.NEVER, "state": "dead"}
        event = {"type": "order.placed", "payload": b"{}", "size": 2, "at": 0, "taken_at": 0}
        with self._old.writing() as connection:
            for number, key in ((1, "a"), (2, "a"), (3, "b")):
                connection.execute(insert(events.EVENT).values(sequence=number, event_id=f"e-{number}", key=key, **event))
                connection.execute(insert(events.DELIVERY).values(sink="billing", sequence=number, lane=key))
            for key, version in (("a", 2), ("b", 1)):
                lane = {"sink": "billing", "key": key, "version": version, "sent": 0, "error": HOSTILE}
                connection.execute(insert(events.LANE).values(**lane, **gone))
            for key in ('[7,"a,b"]', '[8,"c"]'):
                row = {"mapping": "lines", "key": key, "version": 1, "first_at": 0, "error": HOSTILE, "origin": "app"}
                connection.execute(insert(keys.PENDING).values(**row, **gone))

    def events(self) -> list[int]:
        return [letter.number for letter in dead(self.plan)]

    def keys(self) -> list[str]:
        return sorted(letter.key for letter in reconcile.dead_letters(self.plan))

    def tell(self) -> None:
        """As the data process does."""
        config = self.site.control.config
        assert config is not None
        Details(data_document.path_of(config)).post(self.plan)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.site.close()


async def post(world: World, path: str, status: int = 200, token: str = OPS, **body: Any) -> Any:
    found = await world.site.ask("POST", path, token, json=body)
    assert found.status_code == status, found.text
    return found.json()


async def test_an_event_is_sent_again_or_all_of_a_sink(world: World) -> None:
    assert await post(world, "/api/outbox/retries", sink="billing", number=3) == {"retried": 1}
    assert world.events() == [1]
    assert await post(world, "/api/outbox/retries", sink="billing", all=True) == {"retried": 1}
    assert world.events() == []
    assert world.site.complaints == [
        "ops has 1 dead letter of the sink billing tried again",
        "ops has 1 dead letter of the sink billing tried again",
    ]


async def test_an_event_is_let_go_with_who_and_why_and_what_is_behind_it_goes_on(world: World) -> None:
    said = await post(world, "/api/outbox/skips", sink="billing", number=1, reason="a test order")
    assert said == {"let_go": "e-1", "error": HOSTILE, "held": 1}
    assert world.events() == [3]
    assert [(each.id, each.actor, each.reason) for each in let_go(world.plan)] == [("e-1", "ops", "a test order")]
    assert world.site.complaints == ["ops let event 1 of the sink billing go"]


async def test_a_key_is_tried_again_as_one_types_it(world: World) -> None:
    assert await post(world, "/api/data/retries", mapping="lines", key='7,"a,b"') == {"retried": 1}
    assert world.keys() == ['[8,"c"]']
    assert await post(world, "/api/data/retries", mapping="lines", all=True) == {"retried": 1}
    assert world.keys() == []


async def test_a_key_is_let_go_with_who_and_why(world: World) -> None:
    assert await post(world, "/api/data/skips", mapping="lines", key="8,c", reason="gone") == {
        "let_go": '[8,"c"]',
        "error": HOSTILE,
        "held": 0,
    }
    assert world.keys() == ['[7,"a,b"]']
    assert [(each.key, each.actor, each.reason) for each in skipped(world.plan)] == [('[8,"c"]', "ops", "gone")]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("outbox/retries", {"sink": "billing"}, "say which: the number of a dead letter, or all"),
        ("outbox/retries", {"sink": "billing", "number": 1, "all": True}, "say which"),
        ("outbox/retries", {"sink": "billing", "number": 2}, "billing has no dead letter 2"),
        ("outbox/retries", {"sink": "nobody", "all": True}, "none of the files under `mappings:` has a sink 'nobody'"),
        ("outbox/retries", {"sink": "billing", "number": True}, "number is not text"),
        ("outbox/skips", {"sink": "billing", "number": 1}, "reason is missing"),
        ("outbox/skips", {"sink": "billing", "number": 1, "reason": " "}, "needs a reason"),
        ("outbox/skips", {"sink": "billing", "reason": "x"}, "number is missing"),
        ("data/retries", {"mapping": "lines"}, "say which: the key of a dead letter, or all"),
        ("data/retries", {"mapping": "lines", "key": "8,c", "all": True}, "say which"),
        ("data/retries", {"mapping": "lines", "key": "9,c"}, "lines has no dead letter with the key 9, c"),
        ("data/retries", {"mapping": "nothing", "all": True}, "none of the files under `mappings:` has a mapping 'nothing'"),
        ("data/skips", {"mapping": "lines", "key": "8,c", "reason": ""}, "needs a reason"),
        ("data/skips", {"mapping": "lines", "key": "", "reason": "x"}, "lines has no dead letter"),
    ],
)
async def test_what_cannot_be_is_said_and_changes_nothing(world: World, path: str, body: dict[str, Any], words: str) -> None:
    said = await post(world, f"/api/{path}", 400, **body)
    assert words in said["error"]["message"]
    assert (world.events(), world.keys()) == ([1, 3], ['[7,"a,b"]', '[8,"c"]'])
    assert world.site.complaints == []


async def test_a_sink_that_two_files_have_is_left_to_the_command(world: World) -> None:
    text = (world.site.folder / "mappings.yaml").read_text()
    (world.site.folder / "others.yaml").write_text(text.replace("name: lines", "name: others"))
    world.site.path.write_text(world.site.path.read_text().replace("[mappings.yaml]", "[mappings.yaml, others.yaml]"))
    world.site.reload()
    said = await post(world, "/api/outbox/retries", 400, sink="billing", all=True)
    assert "others.yaml both have a sink 'billing': use the command" in said["error"]["message"]
    assert await post(world, "/api/data/retries", mapping="lines", all=True) == {"retried": 2}


async def test_a_database_that_does_not_answer_is_said(world: World) -> None:
    (world.site.folder / "old.db").write_bytes(b"no database " * 1000)
    said = await post(world, "/api/outbox/retries", 503, sink="billing", all=True)
    assert (said["error"]["code"], said["error"]["exit_code"]) == ("database", 5)


async def page(world: World, path: str, token: str = OPS) -> Read:
    found = await world.site.ask("GET", path, token)
    assert found.status_code == 200, found.text
    return Read(found.text)


@pytest.mark.parametrize("path", ["/outbox", "/data/lines"])
async def test_operators_have_the_forms_and_viewers_have_the_words(world: World, path: str) -> None:
    world.tell()
    found = await page(world, path)
    kind = path.split("/")[1]
    assert [form["action"] for form in found.named("form") if form["action"] != "/logout"] == [
        *[f"/act/{kind}/retries", f"/act/{kind}/skips"] * 2,
        f"/act/{kind}/retries",
    ]
    assert HOSTILE in found.text
    assert len(found.named("script")) == 3
    seen = await page(world, path, EVE)
    assert {form["action"] for form in seen.named("form")} == {"/logout"}
    assert HOSTILE in seen.text


def filled(found: Read, action: str) -> dict[str, str]:
    """What the first form with this action sends by itself."""
    fields, here = dict[str, str](), False
    for tag, attributes in found.elements:
        if tag == "form":
            if here:
                break
            here = attributes["action"] == action
        elif here and tag == "input" and attributes.get("type") == "hidden":
            fields[attributes["name"] or ""] = attributes["value"] or ""
    return fields


async def act(world: World, path: str, **written: str) -> str:
    """Press the first such button of a page."""
    kind, name = path.split("/")[1], "skips" if written else "retries"
    sent = filled(await page(world, path), f"/act/{kind}/{name}")
    assert sent["next"] == path
    found = await world.site.ask("POST", f"/act/{kind}/{name}", OPS, data={**sent, **written})
    assert found.status_code == 200, found.text
    return Read(found.text).text


async def test_what_a_page_offers_does_what_it_says(world: World) -> None:
    world.tell()
    assert "e-1 is let go, and 1 event behind it goes on." in await act(world, "/outbox", reason="not needed")
    assert world.events() == [3]
    assert '[7,"a,b"] is let go.' in await act(world, "/data/lines", reason="not needed")
    assert world.keys() == ['[8,"c"]']
    world.tell()
    assert "by ops: not needed" in (await page(world, "/outbox")).text
    assert "by ops: not needed" in (await page(world, "/data/lines")).text
    found = await world.site.ask("POST", "/act/outbox/retries", OPS, data={"sink": "billing", "all": "yes"})
    assert "1 dead letter is tried again" in Read(found.text).text
    assert "1 dead letter is tried again" in await act(world, "/data/lines")
    assert (world.events(), world.keys()) == ([], [])


async def test_the_outboxes_are_told_to_programs(world: World) -> None:
    world.tell()
    (file,) = (await world.site.ask("GET", "/api/outbox", EVE)).json()["files"]
    assert [each["number"] for each in file["outbox"]["letters"]] == [1, 3]
    assert json.dumps(file).count("billing") >= 3
