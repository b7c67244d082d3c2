"""Upgrading Strangler: the new one takes the old one's place, or nothing has happened."""

import asyncio
import os
import signal
import socket

import pytest

from benchmarks.crowd import Crowd
from tests.e2e.control.serving import SECONDS, Serving, marked
from tests.e2e.running import free_port


async def test_a_takeover_under_load_fails_no_request(serving: Serving) -> None:
    old = await serving.start()
    async with Crowd(serving.port, 16, "/shop/1") as crowd:
        await crowd.progress(100)
        serving.write(stage="modern", workers=1)  # takes part in the new process only: nothing is watched any more
        new = await serving.start("--takeover")
        await serving.complaint(f"pid {new.pid} has taken over", old)
        await crowd.progress(100)
        assert await serving.end(old) == 0
        await crowd.progress(100)
    assert crowd.failures == []
    assert serving.modern.asked > 0
    assert len(serving.children("worker")) == 1
    assert sorted(path.name for path in serving.runtime.glob("*.sock")) == [f"{new.pid}.sock"]


async def test_requests_in_the_old_one_are_finished_there(serving: Serving) -> None:
    old = await serving.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: shop.example.org\r\n\r\n")
    await serving.legacy.waiting.wait()
    await serving.start("--takeover")
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        await crowd.progress(4)
    serving.legacy.release.set()
    assert (await reader.read()).endswith(b"legacy")
    writer.close()
    assert await serving.end(old) == 0
    assert crowd.failures == []


@pytest.mark.parametrize("change", [{"stage": "canry"}, {"admin": "203.0.113.1:9"}], ids=["broken file", "no such address"])
async def test_a_takeover_that_fails_leaves_the_old_one_serving(serving: Serving, change: dict[str, str]) -> None:
    old = await serving.start()
    async with Crowd(serving.port, 8, "/shop/1") as crowd:
        serving.write(**change)
        new = await serving.launch("--takeover")
        assert await serving.end(new) in (2, 4)
        await crowd.progress(100)
    assert crowd.failures == []
    assert old.returncode is None
    serving.write()
    serving.processes.remove(new)
    await serving.complaints(new)
    await serving.reload()
    second = await serving.launch()
    assert await serving.end(second) == 4, "the address is as locked as before"


async def test_a_successor_that_is_killed_while_it_starts_changes_nothing(serving: Serving) -> None:
    old = await serving.start()
    async with Crowd(serving.port, 8, "/shop/1") as crowd:
        new = await serving.launch("--takeover")
        await serving.until(lambda: len(serving.children("worker")) > 2)
        new.kill()
        await serving.end(new)
        await serving.until(lambda: len(serving.children("worker")) == 2)
        await crowd.progress(100)
    assert crowd.failures == []
    assert old.returncode is None
    newest = await serving.start("--takeover")
    await serving.complaint(f"pid {newest.pid} has taken over", old)


async def test_without_anybody_to_take_over_from_it_just_starts(serving: Serving) -> None:
    await serving.start("--takeover")
    assert (await serving.state(lambda state: state["ready"]))["revision"] == 1


async def test_the_new_one_brings_listeners_and_drops_others(serving: Serving) -> None:
    old = await serving.start()
    before, serving.port = serving.port, free_port()
    text = serving.file.read_text()
    serving.put(text.replace(f"127.0.0.1:{before}", f"127.0.0.1:{serving.port}"))
    await serving.start("--takeover")  # they share the admin address
    assert await serving.end(old) == 0
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        await crowd.progress(4)
    assert crowd.failures == []
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", before)


async def test_the_new_one_is_a_full_successor(serving: Serving) -> None:
    await serving.start()
    await serving.start("--takeover")
    serving.write(stage="modern")
    await serving.reload()
    third = await serving.start("--takeover")
    third.send_signal(signal.SIGTERM)
    assert await serving.end(third) == 0
    await serving.until(lambda: not serving.runtime.exists())


async def test_a_signal_starts_the_successor_and_the_service_manager_is_told(serving: Serving) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(serving.folder / "notify"))
        manager.settimeout(SECONDS)
        old = await serving.start(environ={"NOTIFY_SOCKET": str(serving.folder / "notify")})
        assert manager.recv(1000) == f"READY=1\nMAINPID={old.pid}".encode()
        old.send_signal(signal.SIGUSR2)
        await serving.line("serves", old)
        told = [manager.recv(1000).decode() for _ in range(2)]
        assert await serving.end(old) == 0
    new = int(told[0].removeprefix("MAINPID="))
    assert told[1] == f"READY=1\nMAINPID={new}"
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        await crowd.progress(4)
    assert crowd.failures == []
    os.kill(new, signal.SIGTERM)
    await serving.until(lambda: not marked(serving.mark))
