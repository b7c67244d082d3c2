"""Flips from the command line and the admin API at once, while an editor saves over them, of what is being served.

STRANGLER_TEST_FLIPS=1000 is the long form.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections import Counter
from random import Random
from typing import Any

import httpx
import pytest

from benchmarks.crowd import Crowd
from strangler.control.flipping.settlement import keep
from strangler.control.flipping.world import World
from strangler.core import journal
from strangler.core.flip import place_of
from strangler.core.journal import FILE, Kind
from tests.e2e.control.serving import SECONDS, Serving

FLIPS = int(os.environ.get("STRANGLER_TEST_FLIPS", "42"))
COMMANDS = max(4, FLIPS // 10)  # each is a process of its own
CLIENTS = 6
NAMES = ("shop", "b", "c", "@some")
MORE = """  - {name: b, match: {path: /b, methods: [GET]}, stage: legacy}
  - {name: c, match: {path: /c, methods: [GET]}, stage: legacy}
  - {name: d, match: {path: /d, methods: [GET]}, stage: legacy, group: some}
  - {name: e, match: {path: /e, methods: [GET]}, stage: legacy, group: some}
"""


class Asker:
    """Asks for flips at random, up and down, and keeps what was accepted."""

    def __init__(self, serving: Serving) -> None:
        self.serving = serving
        self.accepted: list[tuple[str, str]] = []
        self.refused = Counter[str]()

    async def by_api(self, seed: int, flips: int) -> None:
        random = Random(seed)
        token = (self.serving.folder / "admin.token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(trust_env=False, timeout=4 * SECONDS, headers=headers) as client:
            for _ in range(flips):
                path, order = self._order(random)
                answer = await client.post(f"http://127.0.0.1:{self.serving.admin}/api/{path}", json=order)
                assert answer.status_code in (200, 409), answer.text
                self._note(answer.json() if answer.status_code == 200 else {})
                if random.random() < 0.3:
                    await client.post(f"http://127.0.0.1:{self.serving.admin}/api/resumes", json={"route": order["route"]})

    async def by_command(self, seed: int, flips: int) -> None:
        random = Random(seed)
        for _ in range(flips):
            path, order = self._order(random)
            words = ["rollback", order["route"]] if path == "rollbacks" else ["flip", order["route"], order["stage"], "--force"]
            words += ["--weight", order["weight"]] if "weight" in order else []
            words += ["--reason", "a test", "--json", "-c", str(self.serving.file)]
            environ = {**os.environ, "XDG_RUNTIME_DIR": str(self.serving.folder)}
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "strangler", *words, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environ
            )
            said, complained = await process.communicate()
            assert process.returncode in (0, 2, 3), complained.decode()
            if said:
                self._note(json.loads(said))

    def _order(self, random: Random) -> tuple[str, dict[str, Any]]:
        name = random.choice(NAMES)
        if random.random() < 0.3:
            return "rollbacks", {"route": name, "reason": "a test"}
        order = {"route": name, "force": True, "reason": "a test"}
        stage = random.choice(("shadow", "canary", "modern"))
        return "flips", order | {"stage": stage} | ({"weight": f"{random.randint(1, 99)}%"} if stage == "canary" else {})

    def _note(self, said: dict[str, Any]) -> None:
        self.refused[said.get("effect", "refused")] += 1
        if said.get("effect") == "live":
            self.accepted += [(said["flip"], one["route"]) for one in said["flips"]]


class Editor:
    """Reads, adds a line and puts the file in its place, over whatever came meanwhile; and looks whether the file is sound."""

    def __init__(self, world: World) -> None:
        self.saves = 0
        self.looks = 0
        self._world = world
        self._over = asyncio.Event()

    def end(self) -> None:
        self._over.set()

    async def edit(self) -> None:
        random, path = Random(0), self._world.path
        while not self._over.is_set():
            self.saves += 1
            beside = path.with_name("editor.tmp")
            beside.write_text(f"{path.read_text('utf-8')}# save {self.saves}\n", "utf-8")
            beside.replace(path)
            await asyncio.sleep(random.random() * 0.3)

    async def look(self) -> None:
        while not self._over.is_set():
            self.looks += 1
            self._world.config(self._world.path.read_bytes())  # raises if it is not sound
            await asyncio.sleep(0.1)


@pytest.mark.timeout(60 + 3 * FLIPS)
async def test_every_accepted_flip_is_one_row_for_each_route_and_no_save_of_an_editor_is_lost(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(serving.folder))
    serving.write(reload="trusted")
    text = serving.file.read_text().replace("routes:\n", "defaults: {sticky: {by: ip}}\nroutes:\n")
    serving.put(text + MORE)
    await serving.start()
    await serving.until((serving.folder / "admin.token").exists)
    world = World(serving.file, {}, lambda config, flips: {})
    asker, editor = Asker(serving), Editor(world)
    others = [asyncio.create_task(work) for work in (editor.edit(), editor.look())]
    process = serving.process
    assert process.stdout is not None
    assert process.stderr is not None
    listening = [asyncio.create_task(stream.read()) for stream in (process.stdout, process.stderr)]  # or it waits for us
    async with Crowd(serving.port, 4, "/shop/1") as crowd:  # which fails if a request does
        per_client = (FLIPS - COMMANDS) // CLIENTS
        clients = [asker.by_api(seed, per_client) for seed in range(CLIENTS)]
        await asyncio.gather(*clients, *(asker.by_command(100 + seed, COMMANDS // 2) for seed in range(2)))
        await crowd.progress(10)
    editor.end()
    await asyncio.gather(*others)

    config = world.config(world.path.read_bytes())
    for _ in range(2):  # what the last flip left, and what the editor has saved over
        await asyncio.to_thread(keep, world, config)
    entries = world.journal(config, world.read().real).entries()
    rows = Counter((one.flip, one.route, one.kind) for one in entries if one.kind in (Kind.INTENDED, Kind.LIVE))
    recorded = journal.history(entries)
    live = Counter((one.entry.flip, one.entry.route) for one in recorded if one.state is Kind.LIVE and one.entry.actor != FILE)
    assert live == Counter(asker.accepted)
    assert max(rows.values()) == 1
    assert journal.unsettled(entries) == ()
    last = journal.last_places(entries)
    assert {route.name: last[route.name] for route in config.routes} == {route.name: place_of(route) for route in config.routes}
    text = world.path.read_text("utf-8")
    assert [number for number in range(1, editor.saves + 1) if f"# save {number}\n" not in text] == []
    assert editor.looks > 10
    await serving.stop()
    await asyncio.gather(*listening)
    assert asker.refused["live"] > FLIPS // 4, asker.refused
