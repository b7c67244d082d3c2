"""What people are told while it runs: learned noise, new mismatches as they come, and which side was which after the cutover."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from asyncio.subprocess import PIPE
from typing import Any
from uuid import uuid4

from click.testing import CliRunner

from benchmarks.crowd import Crowd
from strangler.cli.main import cli
from tests.e2e.control.scripted import answer, scripted
from tests.e2e.control.serving import SECONDS, Serving
from tests.e2e.control.test_evidence import put, quiet

TYPE = "Content-Type: application/json"


async def told(serving: Serving, *arguments: str) -> Any:
    """What a command says as JSON."""
    run = CliRunner().invoke
    found = await asyncio.to_thread(run, cli, [*arguments, "--json", "-c", str(serving.file)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def shop(trace: str) -> bytes:
    """An answer with an id of its own each time, and lines of money whose order nobody keeps."""
    lines = [{"sku": sku, "price": f"{sku}9.95"} for sku in range(1, 7)]
    random.shuffle(lines)
    return answer(json.dumps({"trace": trace, "lines": lines}).encode(), TYPE)


async def causes_after(serving: Serving, number: int) -> dict[str, str]:
    """The causes that are known once so many more requests were compared: ids by pattern."""
    before = (await quiet(serving, 0)).seen
    async with Crowd(serving.port, 1, "/shop/1") as crowd:
        await crowd.progress(number)
    await quiet(serving, before + crowd.answered)
    route = (await told(serving, "diffs", "list", "--limit", "100"))["routes"][0]
    return {cause["pattern"]: cause["id"] for cause in route["causes"]}


async def test_a_noisy_field_that_is_also_wrong_is_still_reported(serving: Serving) -> None:
    legacy, modern = await scripted(serving)
    legacy.script["/shop/1"] = modern.script["/shop/1"] = lambda: shop(str(uuid4()))
    put(serving)
    serving.put(serving.file.read_text(encoding="utf-8") + "    noise: {learn: true, sample: 100%}\n")
    await serving.start()
    async with Crowd(serving.port, 1, "/shop/1") as crowd:
        async with asyncio.timeout(SECONDS):
            while not (noise := (await told(serving, "diffs"))["routes"][0]["noise"]):
                await crowd.progress(20)
    trace = (await causes_after(serving, 20))["$.trace"]
    assert (await told(serving, "diffs", "accept", trace, "--as", "noise"))["rule"] == "noise $.trace uuid"
    await serving.state(lambda state: state["ready"] and state["revision"] == 2)
    correct = await causes_after(serving, 20)
    assert any(pattern.startswith("$.lines") for pattern in correct)
    modern.script["/shop/1"] = lambda: shop("none")
    wrong = await causes_after(serving, 20)
    assert ("$.trace" in correct, "$.trace" in wrong) == (False, True)
    learned = (*noise, *(await told(serving, "diffs"))["routes"][0]["noise"])
    assert {(each["pattern"], each["kind"]) for each in learned} == {("$.trace", "uuid")}  # nothing of the lines


async def test_after_the_cutover_modern_is_control(serving: Serving) -> None:
    for side in await scripted(serving):
        side.script["/shop/1"] = answer(side.name.encode(), "Content-Type: text/plain")
    put(serving, stage="modern")
    serving.put(serving.file.read_text(encoding="utf-8") + "    shadow: {during: [modern]}\n")
    await serving.start()
    async with Crowd(serving.port, 1, "/shop/1") as crowd:
        await crowd.progress(10)
    assert (await quiet(serving, crowd.answered)).compared == {"mismatch": crowd.answered}
    assert serving.modern.asked == serving.legacy.asked == crowd.answered
    cause = (await told(serving, "diffs"))["routes"][0]["causes"][0]
    shown = await told(serving, "diffs", "show", cause["example"])
    assert (shown["control"], shown["candidate"]) == ("modern", "legacy")
    assert [shown["answers"][role]["body"] for role in ("control", "candidate")] == ["modern", "legacy"]
    screen = CliRunner().invoke(cli, ["diffs", "show", cause["example"], "-c", str(serving.file)]).output
    assert "control: modern (the client got this)" in screen
    assert "candidate: legacy" in screen


async def test_new_mismatches_are_told_until_somebody_ends_it(serving: Serving) -> None:
    put(serving)
    await serving.start()
    what = (sys.executable, "-u", "-m", "strangler", "diffs", "--follow", "-c", str(serving.file))
    process = await asyncio.create_subprocess_exec(*what, stdout=PIPE, stderr=PIPE, cwd=serving.folder)
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS):
        assert b"Ctrl-C" in await process.stderr.readline()
        async with Crowd(serving.port, 1, "/shop/1") as crowd:
            line = (await process.stdout.readline()).decode()
            await crowd.progress(1)
        process.send_signal(signal.SIGINT)
        _, complaints = await process.communicate()
    assert "shop  GET /shop/1" in line
    assert (process.returncode, complaints) == (0, b"")
