"""Flips of what is being served: no request fails, none is routed by the old table once `flip` returns, and the way down is
open whatever else is broken."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from benchmarks.crowd import Crowd
from strangler.config.file import NoRoomError, Snapshot
from strangler.control.flipping import door
from strangler.control.flipping.door import Outcome
from strangler.control.flipping.flip import flip
from strangler.control.flipping.hold import resume
from strangler.control.flipping.order import Done, Effect, Order, Refused
from strangler.control.flipping.settlement import keep
from strangler.control.flipping.world import World
from strangler.core import journal
from strangler.core.flip import Flip
from strangler.core.guard.verdict import Finding, Judgement, Verdict
from strangler.core.model import Config, Stage
from tests.e2e.control.serving import Serving
from tests.exposition import parse, total

PASSED = Judgement((Finding("parity", Verdict.PASS, "all agree"),))
UP = Order("shop", "anna", Stage.MODERN)
DOWN = Order("shop", "anna", Stage.LEGACY, rollback=True)


def world_of(serving: Serving) -> World:
    def judge(config: Config, flips: Sequence[Flip]) -> Mapping[str, Judgement]:
        return {one.route: PASSED for one in flips}

    return World(serving.file, {}, judge)


@pytest.fixture
def world(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> World:
    """Of somebody who finds the supervisors of this test, and nobody else's."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(serving.folder))
    serving.write(stage="legacy", reload="guarded")
    return world_of(serving)


async def carry_out(order: Order, world: World) -> Done:
    return await asyncio.to_thread(flip, order, world)


async def answers(serving: Serving, number: int) -> set[str]:
    """Who answers so many new requests, each on a connection of its own."""

    async def one() -> str:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            return (await client.get(f"http://127.0.0.1:{serving.port}/shop/1")).text

    return set(await asyncio.gather(*(one() for _ in range(number))))


def told(world: World) -> list[str]:
    snapshot = world.read()
    entries = world.journal(world.config(snapshot.data), snapshot.real).entries()
    return [f"{recorded.entry.change} {recorded.state} ({recorded.entry.actor})" for recorded in journal.history(entries)]


UPWARDS, BACK = "shop: legacy → modern live (anna)", "shop: modern → legacy live (anna)"


async def test_flips_under_load_fail_no_request_and_leave_none_to_the_old_table(serving: Serving, world: World) -> None:
    await serving.start()
    async with Crowd(serving.port, 8, "/shop/1") as crowd:
        for _ in range(5):
            done = await carry_out(UP, world)
            assert (done.effect, await answers(serving, 20)) == (Effect.LIVE, {"modern"})
            await crowd.progress(20)
            await carry_out(DOWN, world)
            assert await answers(serving, 20) == {"legacy"}
            await crowd.progress(20)
            await asyncio.to_thread(resume, "shop", "anna", "", world)
    assert crowd.failures == []
    assert told(world) == [UPWARDS, BACK] * 5, "and none of them was taken for an edit by hand"


async def test_the_way_down_is_open_without_store_and_control_and_room(serving: Serving, world: World) -> None:
    await serving.start()
    await carry_out(UP, world)
    await asyncio.to_thread(keep, world, create=True)
    (serving.folder / "strangler.db").unlink()
    for pid in serving.children("web.admin"):
        os.kill(pid, signal.SIGSTOP)

    class Full(World):
        def put(self, snapshot: Snapshot, text: str, intend: object) -> Snapshot:
            raise NoRoomError("no space left")

    inode = serving.file.stat().st_ino
    done = await carry_out(DOWN, Full(serving.file, {}, lambda config, flips: {}))
    assert (done.effect, done.notes, await answers(serving, 20)) == (Effect.LIVE, (), {"legacy"})
    assert serving.file.stat().st_ino == inode
    assert told(world) == [BACK], "journalled, and what the store had is gone with it"
    for pid in serving.children("web.admin"):
        os.kill(pid, signal.SIGKILL)


async def test_nobody_serves(serving: Serving, world: World) -> None:
    assert (await carry_out(UP, world)).effect is Effect.LATER
    await serving.start()
    assert await answers(serving, 4) == {"modern"}


async def test_the_door_knows_what_is_served(serving: Serving, world: World) -> None:
    process = await serving.start()
    real = world.read().real
    state = await asyncio.to_thread(door.state, real)
    assert state is not None
    assert (state["pid"], state["digest"], state["serving"], state["problems"]) == (process.pid, world.read().revision, True, "")
    assert await asyncio.to_thread(door.state, real.with_name("other.yaml")) is None
    assert (await asyncio.to_thread(door.take_up, real, state["digest"])).outcome is Outcome.SERVED
    assert (await asyncio.to_thread(door.state, real))["revision"] == state["revision"], "what is served is not read again"  # type: ignore[index]


async def test_a_broken_file_is_refused_at_the_door_with_every_problem(serving: Serving, world: World) -> None:
    await serving.start()
    serving.write(stage="canry", workers="lots")
    answer = await asyncio.to_thread(door.take_up, world.read().real, world.read().revision)
    assert answer.outcome is Outcome.REFUSED
    assert "canry" in answer.why
    assert "lots" in answer.why


async def test_flips_go_on_through_a_takeover(serving: Serving, world: World) -> None:
    await serving.start()
    async with Crowd(serving.port, 4, "/shop/1") as crowd:
        await serving.launch("--takeover")
        for _ in range(3):
            await carry_out(UP, world)
            assert await answers(serving, 8) == {"modern"}
            await carry_out(DOWN, world)
            assert await answers(serving, 8) == {"legacy"}
            await asyncio.to_thread(resume, "shop", "anna", "", world)
        await serving.line("serves")
        await serving.end(serving.processes[0])
        assert (await carry_out(UP, world)).effect is Effect.LIVE
        assert await answers(serving, 8) == {"modern"}
    assert crowd.failures == []


class TestByHand:
    async def test_up_without_evidence_is_refused_everywhere_said_and_down_is_not(self, serving: Serving, world: World) -> None:
        await serving.start()
        serving.write(stage="shadow", reload="guarded")
        await serving.complaint("an edit by hand is refused: shop: legacy → shadow")
        state = await serving.state(lambda state: state["problems"])
        assert "health" in state["problems"]
        assert state["ready"]
        metrics = parse((await serving.ask("/metrics")).text)
        assert total(metrics, "strangler_config_last_reload_successful") == 0
        assert await answers(serving, 4) == {"legacy"}
        serving.write(stage="legacy", reload="guarded")
        await serving.line("took up")
        assert told(world) == []

    async def test_down_is_journalled(self, serving: Serving, world: World) -> None:
        serving.write(stage="modern", reload="guarded")
        await serving.start()
        serving.write(stage="legacy", reload="guarded")
        await serving.line("took up")
        assert await answers(serving, 4) == {"legacy"}
        assert "shop: modern → legacy live (file)" in told(world)

    async def test_across_a_hold_not_even_trusted_until_somebody_resumes(self, serving: Serving, world: World) -> None:
        serving.write(stage="modern", reload="trusted")
        await serving.start()
        await carry_out(DOWN, world)
        serving.write(stage="modern", reload="trusted")
        await serving.complaint("held by anna")
        assert await answers(serving, 4) == {"legacy"}
        assert await asyncio.to_thread(resume, "shop", "anna", "", world) == ("shop",)
        assert await answers(serving, 4) == {"modern"}, "it was looked at again"

    async def test_a_flip_does_not_carry_another_edit_past_the_guard(self, serving: Serving, world: World) -> None:
        more = '\n  - {name: more, match: {path: "/more", methods: [GET]}, stage: STAGE}\n'
        text = serving.file.read_text()
        serving.put(text + more.replace("STAGE", "legacy"))
        await serving.start()
        serving.put(text + more.replace("STAGE", "modern"))
        with pytest.raises(Refused, match="more: legacy → modern"):
            await carry_out(UP, world)
        assert await answers(serving, 4) == {"legacy"}
        assert told(world)[-1] == "shop: legacy → modern abandoned (anna)"
        assert serving.file.read_text() == text + more.replace("STAGE", "modern"), "the edit is still theirs"


async def test_the_way_down_is_open_on_a_disk_that_is_really_full(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("no file system of its own can be mounted here")
    try:
        serving.folder = folder
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        serving.write(stage="modern", reload="guarded")
        await serving.start()
        await serving.until((folder / "admin.token").exists)
        with suppress(OSError), (folder / "fill").open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        world = world_of(serving)
        done = await carry_out(DOWN, world)
        assert (done.effect, await answers(serving, 20)) == (Effect.LIVE, {"legacy"})
        (folder / "fill").unlink()
        await asyncio.to_thread(keep, world, create=True)
        assert BACK in told(world)
    finally:
        await serving.close()
        subprocess.run(["umount", "-l", str(folder)], check=True)
