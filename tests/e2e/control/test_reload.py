"""A changed file: taken up while people are served, by all workers or by none."""

import asyncio

import httpx

from benchmarks.crowd import Crowd
from tests.e2e.control.serving import Serving
from tests.exposition import parse, total


async def test_reloads_and_stage_changes_fail_no_request(serving: Serving) -> None:
    await serving.start()
    async with Crowd(serving.port, 4, "/shop/1") as crowd:
        for number in range(8):
            serving.write(stage=("modern", "legacy")[number % 2])
            await serving.reload()
            await crowd.progress(20)
    assert crowd.failures == []
    assert serving.legacy.asked > 100
    assert serving.modern.asked > 100


async def test_reloaded_is_said_when_every_worker_decides_by_the_new_file(serving: Serving) -> None:
    await serving.start()
    serving.write(stage="modern")
    await serving.reload()
    before = serving.legacy.asked
    async with Crowd(serving.port, 16, "/shop/1") as crowd:
        await crowd.progress(100)
    assert serving.legacy.asked == before


async def test_a_changed_file_is_taken_up_without_being_told(serving: Serving) -> None:
    await serving.start()
    serving.write(stage="modern")
    await serving.line("took up the changed file, 1 routes")
    state = await serving.state(lambda state: state["revision"] == 2)
    assert state["problems"] == ""


async def test_a_broken_file_is_refused_whole_and_everywhere_said(serving: Serving) -> None:
    await serving.start()
    serving.write(stage="canry", workers="lots")
    async with Crowd(serving.port, 4, "/shop/1") as crowd:
        await serving.complaint("is not served: what was served before goes on")
        state = await serving.state(lambda state: state["problems"])
        metrics = parse((await serving.ask("/metrics")).text)
        await crowd.progress(50)
    assert crowd.failures == []
    assert "stage: 'canry'" in state["problems"]
    assert "workers: 'lots'" in state["problems"], "all problems are said, not the first"
    assert state["ready"], "a refused file is no reason to send traffic elsewhere"
    assert total(metrics, "strangler_config_last_reload_successful") == 0
    serving.write()
    await serving.line("took up the changed file")
    await serving.state(lambda state: not state["problems"])


async def test_a_broken_file_is_said_once_and_again_when_asked(serving: Serving) -> None:
    process = await serving.start()
    serving.put("version: 1\n")
    await serving.complaint("is not served")
    serving.file.touch()
    process.send_signal(1)  # SIGHUP
    await serving.complaint("is not served")
    serving.write()
    await serving.line("took up")
    await serving.stop()
    assert "is not served" not in await serving.complaints()


async def test_addresses_in_the_file_wait_for_the_next_start_and_the_rest_does_not(serving: Serving) -> None:
    await serving.start()
    serving.write(stage="modern", listen="127.0.0.1:0", workers=1)
    serving.process.send_signal(1)
    assert await serving.complaint("listen and workers in the file changed") != ""
    await serving.line("reloaded")
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        await crowd.progress(4)
    assert (crowd.failures, serving.legacy.asked) == ([], 0)


async def test_the_access_log_is_opened_again(serving: Serving) -> None:
    log = serving.log = "access.log"
    serving.write()
    await serving.start()
    async with Crowd(serving.port, 4, "/shop/1") as crowd:
        await crowd.progress(20)
    (serving.folder / log).rename(serving.folder / "old.log")
    await serving.reload()
    async with Crowd(serving.port, 4, "/shop/2") as second:
        await second.progress(20)
    await serving.stop()
    first = (serving.folder / "old.log").read_text().splitlines()
    rest = (serving.folder / log).read_text().splitlines()
    assert all("/shop/1" in line for line in first)
    assert all("/shop/2" in line for line in rest)
    assert len(first) + len(rest) == crowd.answered + second.answered


async def test_signals_that_come_together_are_answered_by_one_line_or_more_but_never_none(serving: Serving) -> None:
    process = await serving.start()
    for _ in range(5):
        process.send_signal(1)
        await asyncio.sleep(0)
    assert "reloaded" in await serving.line("reloaded")
    serving.write(stage="modern")
    await serving.reload()
    assert process.returncode is None


async def test_limits_of_a_listener_change_with_the_file(serving: Serving) -> None:
    await serving.start()
    serving.put(serving.file.read_text().replace('"}]\n', '", limits: {body: 4B}}]\n', 1))
    await serving.reload()
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"http://127.0.0.1:{serving.port}/shop/1", content=b"five!")
    assert answer.status_code == 413
