"""The end: requests in flight are finished, new ones refused, nothing is left."""

import asyncio
import os
import signal
from contextlib import suppress

from benchmarks.crowd import Crowd
from tests.e2e.control.serving import Serving, marked

SLOW = b"GET /slow HTTP/1.1\r\nHost: shop.example.org\r\n\r\n"

STORE = {"strangler.db", "strangler.db-shm", "strangler.db-wal"}  # the last two on a machine so slow that control was killed
KEPT = {"routes.yaml", ".routes.yaml.journal", ".routes.yaml.flips", "admin.token", "redaction.key"} | STORE


async def test_sigterm_finishes_what_is_in_flight_and_refuses_the_rest(serving: Serving) -> None:
    process = await serving.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
    writer.write(SLOW)
    await serving.legacy.waiting.wait()
    process.terminate()
    await serving.state(lambda state: "stopping: requests in flight are being finished" in state["reasons"])
    await until_refused(serving.port)
    serving.legacy.release.set()
    assert (await reader.read()).endswith(b"legacy")
    writer.close()
    assert await serving.end() == 0
    assert marked(serving.mark) == []
    assert {path.name for path in serving.folder.iterdir()} <= KEPT, "the runtime folder is gone"


async def test_the_second_signal_ends_it_at_once(serving: Serving) -> None:
    process = await serving.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
    writer.write(SLOW)
    await serving.legacy.waiting.wait()
    process.send_signal(signal.SIGINT)
    await until_refused(serving.port)
    process.send_signal(signal.SIGINT)
    assert await serving.end() == 0
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()


async def test_a_grace_that_has_passed_ends_it_too(serving: Serving) -> None:
    process = await serving.start("--grace", "100ms")
    _, writer = await asyncio.open_connection("127.0.0.1", serving.port)
    writer.write(SLOW)
    await serving.legacy.waiting.wait()
    process.terminate()
    assert await serving.end() == 0
    writer.close()


async def test_a_keep_alive_client_loses_no_request_to_a_stop(serving: Serving) -> None:
    """It hears `Connection: close` with an answer; only then is its connection closed."""
    process = await serving.start()
    async with Crowd(serving.port, 8, "/shop/1") as crowd:
        await crowd.progress(100)
        process.terminate()
        await serving.end()
        crowd.stop()
    assert [failure for failure in crowd.failures if failure.sent] == []


async def test_what_reaches_workers_directly_is_not_obeyed(serving: Serving) -> None:
    """Ctrl-C in a terminal, and a service manager, send signals to all processes; the supervisor alone decides."""
    process = await serving.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", serving.port)
    writer.write(SLOW)
    await serving.legacy.waiting.wait()
    for pid in marked(serving.mark):
        os.kill(pid, signal.SIGTERM)
    await until_refused(serving.port)
    serving.legacy.release.set()
    assert (await reader.read()).endswith(b"legacy")
    writer.close()
    assert await serving.end(process) == 0


async def until_refused(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                return
            writer.close()
            await asyncio.sleep(0.01)
