"""A sample of what came reaches the store without its secrets, and a changed file is held against it before it is served."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE

from benchmarks.crowd import Crowd
from strangler.core.recent import Recent
from strangler.store.store import Store
from tests.e2e.control.serving import Serving

FILE = """version: 1
listen: [{{address: "127.0.0.1:{port}"}}]
admin: {{address: "127.0.0.1:{admin}"}}
workers: 2
upstreams: {{legacy: {{url: "http://127.0.0.1:{legacy}"}}, modern: {{url: "http://127.0.0.1:{modern}"}}}}
routes:
  - name: shop
    match: {{path: "/shop/{{id}}", methods: [GET]}}
    sticky: {{by: "cookie:user"}}
    stage: {stage}
"""


def text(serving: Serving, stage: str) -> str:
    return FILE.format(
        port=serving.port, admin=serving.admin, legacy=serving.legacy.port, modern=serving.modern.port, stage=stage
    )


def stored(serving: Serving) -> list[Recent]:
    store = Store.open("sqlite:///strangler.db", serving.folder, read_only=True)
    found = store.requests()
    store.close()
    return found


def told(found: list[Recent]) -> int:
    """Of how many requests these were drawn."""
    return round(sum(each.weight for each in found))


async def check(serving: Serving, *arguments: str) -> tuple[int | None, str]:
    command = [sys.executable, "-m", "strangler", "check", "--traffic", "--json", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, cwd=serving.folder)
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_change_is_held_against_what_came(serving: Serving) -> None:
    serving.put(text(serving, "legacy"))
    new = serving.folder / "later.yaml"
    new.write_text(text(serving, "canary\n    weight: 100%"), encoding="utf-8")
    assert await check(serving, "-c", "later.yaml") == (3, '{"requests": 0, "drawn": 0}\n')
    await serving.start()
    async with Crowd(serving.port, 2, "/shop/1?email=tell-tale@example.org") as crowd:
        await crowd.progress(200)
    async with asyncio.timeout(30):
        while told(await asyncio.to_thread(stored, serving)) < crowd.answered:
            await asyncio.sleep(0.1)
    found = stored(serving)
    assert {(each.route, each.upstream, each.method) for each in found} == {("shop", "legacy", "GET")}
    assert told(found) == crowd.answered
    assert b"tell-tale" not in b"".join(path.read_bytes() for path in serving.folder.glob("strangler.db*"))
    code, said = await check(serving, "-c", "later.yaml", "--against", "routes.yaml")
    plan = json.loads(said)
    assert (code, plan["requests"], plan["unchanged"]) == (0, crowd.answered, 0)
    assert (plan["changes"][0]["before"], plan["changes"][0]["gains_copies"]) == ("shop", crowd.answered)
    assert await serving.stop() == 0
