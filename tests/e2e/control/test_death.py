"""What dies is replaced, what hangs too, and what it had counted stays counted."""

import asyncio
import os
import signal

from benchmarks.crowd import Crowd
from tests.e2e.control.serving import Serving, marked
from tests.exposition import parse, total


async def test_a_killed_worker_takes_only_its_own_connections_with_it(serving: Serving) -> None:
    await serving.start()
    victim = serving.children("worker 1")[0]
    async with Crowd(serving.port, 16, "/shop/1") as crowd:
        await crowd.progress(200)
        before = total(parse((await serving.ask("/metrics")).text), "strangler_requests_total")
        os.kill(victim, signal.SIGKILL)
        await serving.complaint("worker 1")
        await serving.state(lambda state: state["ready"])
        await crowd.progress(200)
        after = total(parse((await serving.ask("/metrics")).text), "strangler_requests_total")
    assert len(crowd.failures) <= 16, "each connection fails once at most"
    assert all(failure.sent for failure in crowd.failures), "nobody was refused a new connection"
    assert after >= before
    assert victim not in serving.children("worker")
    assert len(serving.children("worker")) == 2


async def test_new_connections_never_wait_for_the_successor(serving: Serving) -> None:
    """All workers accept from one socket, so whoever lives takes the next."""
    await serving.start()
    os.kill(serving.children("worker 1")[0], signal.SIGSTOP)
    async with Crowd(serving.port, 8, "/shop/1") as crowd:
        await crowd.progress(100)
        for _ in range(20):
            async with Crowd(serving.port, 1, "/shop/1") as newcomer:
                await newcomer.progress(1)
            assert newcomer.failures == []
    assert crowd.failures == []


async def test_counters_hold_every_request_across_deaths(serving: Serving) -> None:
    """Asked one after another, so that a worker that is killed is not in the middle of counting one."""
    await serving.start()
    asked = 0
    for name in ("worker 1", "worker 2", "worker 1"):
        async with Crowd(serving.port, 4, "/shop/1") as crowd:
            await crowd.progress(40)
        assert crowd.failures == []
        asked += crowd.answered
        pid = serving.children(name)[0]
        os.kill(pid, signal.SIGKILL)
        await serving.complaint(f"(pid {pid}) was killed by SIGKILL")
        await serving.state(lambda state: state["ready"])
    metrics = parse((await serving.ask("/metrics")).text)
    assert total(metrics, "strangler_requests_total", route="shop", stage="legacy", served_by="legacy", code_class="2xx") == asked
    assert total(metrics, "strangler_request_duration_seconds", route="shop") == asked
    assert total(metrics, "strangler_response_bytes_total") == asked * len("legacy")
    assert total(metrics, "strangler_worker_restarts_total", process="worker 1") == 2
    assert total(metrics, "strangler_connections_open") == 0


async def test_a_worker_that_hangs_is_replaced_and_the_others_go_on(serving: Serving) -> None:
    await serving.start(impatient=True)
    victim = serving.children("worker 2")[0]
    os.kill(victim, signal.SIGSTOP)
    serving.write(stage="modern")
    serving.process.send_signal(signal.SIGHUP)
    async with Crowd(serving.port, 4, "/shop/1") as crowd:
        await serving.line("reloaded, 1 routes")
        await crowd.progress(20)
    assert crowd.failures == []
    assert serving.modern.asked > 0
    assert victim not in serving.children("worker")
    await serving.state(lambda state: state["ready"])


async def test_the_death_of_control_touches_no_traffic(serving: Serving) -> None:
    await serving.start()
    async with Crowd(serving.port, 8, "/shop/1") as crowd:
        os.kill(serving.children("web.admin")[0], signal.SIGKILL)
        await crowd.progress(100)
        await serving.state(lambda state: state["ready"])
    assert crowd.failures == []


async def test_a_killed_supervisor_leaves_no_process_and_the_next_starts_at_once(serving: Serving) -> None:
    await serving.start()
    os.kill(serving.children("worker 2")[0], signal.SIGSTOP)  # not even this one stays
    serving.process.kill()
    await serving.end()
    await serving.until(lambda: not marked(serving.mark))
    await serving.start()
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        await crowd.progress(4)
    assert crowd.failures == []


async def test_the_next_start_does_not_wait_for_the_last_child_to_go(serving: Serving) -> None:
    await serving.start()
    serving.process.kill()
    await serving.start()
    assert (await serving.state(lambda state: state["ready"]))["revision"] == 1


async def test_a_crash_loop_slows_down_and_is_said(serving: Serving) -> None:
    await serving.start()
    for deaths in range(1, 4):
        await serving.until(lambda: serving.children("worker 1"))
        os.kill(serving.children("worker 1")[0], signal.SIGKILL)
        line = await serving.complaint("worker 1")
        assert line.endswith("starts again" if deaths == 1 else f"after {deaths} deaths in a row")
    await asyncio.sleep(0)
    assert len(serving.children("worker 2")) == 1
