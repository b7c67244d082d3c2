"""Evidence through real processes: every request is accounted for, whatever dies, and control answers whatever comparing does."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import uvloop

from benchmarks.crowd import Crowd
from benchmarks.ledger import run
from strangler.core.ledger import Ledger
from strangler.store.store import Store
from tests.e2e.control.scripted import send
from tests.e2e.control.serving import Serving
from tests.exposition import parse, total

FILE = """version: 1
listen: [{{address: "127.0.0.1:{port}"}}]
admin: {{address: "127.0.0.1:{admin}"}}
workers: 2
reload: trusted
upstreams: {{legacy: {{url: "http://127.0.0.1:{legacy}"}}, modern: {{url: "http://127.0.0.1:{modern}"}}}}
{more}
routes:
  - name: shop
    match: {{path: "/shop/{{id}}"}}
    stage: {stage}
    compare: {{python: "{python}", headers: [content-type, location{header}]}}
"""
JUDGE = """
import pathlib, time

def judge(control, candidate):
    while not (pathlib.Path(__file__).parent / "go").exists():
        time.sleep(0.01)
    return "$.name"
"""


def put(serving: Serving, python: str = "", stage: str = "shadow", header: str = "", more: str = "") -> None:
    text = FILE.format(
        port=serving.port, admin=serving.admin, legacy=serving.legacy.port, modern=serving.modern.port,
        python=python, stage=stage, header=header, more=more,
    )  # fmt: skip
    serving.put(text.replace('python: "", ', ""))


def stored(serving: Serving) -> Ledger:
    store = Store.open("sqlite:///strangler.db", serving.folder, read_only=True)
    with_all = store.ledger()
    store.close()
    return with_all


async def quiet(serving: Serving, seen: int) -> Ledger:
    """Wait until so many requests were seen, and none is in flight."""
    async with asyncio.timeout(60):
        while (ledger := await asyncio.to_thread(stored, serving)).seen < seen or ledger.in_flight:
            await asyncio.sleep(0.1)
    return ledger


def test_the_ledger_closes_across_reloads_and_kills(tmp_path: Path) -> None:
    """The long form is ``python -m benchmarks.ledger``."""
    result = uvloop.run(run(tmp_path, requests=1800, reloads=4))
    assert result.wrong == []
    assert result.total.closes
    assert result.total.in_flight == 0
    assert result.total.seen > 1500
    assert {"match", "mismatch", "candidate_failed"} <= set(result.total.compared)


async def test_every_answer_is_compared_and_shown(serving: Serving) -> None:
    put(serving)
    await serving.start()
    async with Crowd(serving.port, 4, "/shop/1") as crowd:
        await crowd.progress(100)
    ledger = await quiet(serving, crowd.answered)
    assert ledger == Ledger(crowd.answered, {"mismatch": crowd.answered})
    metrics = parse((await serving.ask("/metrics")).text)
    assert total(metrics, "strangler_shadow_requests_total", route="shop", outcome="mismatch") == crowd.answered
    assert await serving.stop() == 0
    assert stored(serving) == ledger
    assert (
        await serving.complaints() == f"strangler: admin address http://127.0.0.1:{serving.admin} (/metrics, /healthz, /readyz)\n"
    )


async def test_control_answers_while_comparators_hang(serving: Serving) -> None:
    (serving.folder / "strangler_test_judge.py").write_text(JUDGE)
    put(serving, "strangler_test_judge:judge")
    await serving.start()
    async with Crowd(serving.port, 8, "/shop/1", pause=0.0) as crowd:
        await crowd.progress(1500)  # more than the pool takes
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await serving.ask(path)).status_code == 200
        put(serving, "strangler_test_judge:judge", header=", vary")
        await serving.reload()
        await serving.state(lambda state: state["ready"] and state["revision"] == 2)
    (serving.folder / "go").touch()
    ledger = await quiet(serving, crowd.answered)
    assert crowd.failures == []
    assert ledger.closes
    assert ledger.seen == crowd.answered
    assert ledger.lost == {}
    assert set(ledger.compared) == {"mismatch"}
    assert set(ledger.skipped) <= {"rules_gone", "compare_timeout", "busy", "concurrency"}


async def test_flips_are_live_while_comparators_hang(serving: Serving) -> None:
    (serving.folder / "strangler_test_judge.py").write_text(JUDGE)
    put(serving, "strangler_test_judge:judge")
    await serving.start()
    async with Crowd(serving.port, 8, "/shop/1", pause=0.0) as crowd:
        await crowd.progress(1500)  # more than the pool takes
        assert "modern" in await said(serving, "flip", "shop", "modern", "--force", "--reason", "a test")
        assert await asked(serving) == "modern"
        assert "legacy" in await said(serving, "rollback", "shop", "--to", "legacy")
        assert await asked(serving) == "legacy"
        for path in ("/healthz", "/metrics"):
            assert (await serving.ask(path)).status_code == 200
        assert (await asyncio.to_thread(stored, serving)).in_flight > 0  # they hang still
    (serving.folder / "go").touch()
    ledger = await quiet(serving, 0)
    assert crowd.failures == []
    assert ledger.closes


async def said(serving: Serving, *arguments: str) -> str:
    """What a command says that must be done."""
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(serving.folder)}
    what = (sys.executable, "-m", "strangler", *arguments, "-c", str(serving.file))
    process = await asyncio.create_subprocess_exec(*what, stdout=PIPE, stderr=STDOUT, env=environ, cwd=serving.folder)
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def asked(serving: Serving) -> str:
    """Who answers a new request."""
    answer = await send(serving.port, b"GET /shop/1 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
    return answer.partition(b"\r\n\r\n")[2].decode()


async def test_a_successor_leaves_no_request_unaccounted_for(serving: Serving) -> None:
    put(serving)
    old = await serving.start()
    async with Crowd(serving.port, 8, "/shop/1") as crowd:
        await crowd.progress(200)
        await serving.start("--takeover")
        assert await serving.end(old) == 0
        await crowd.progress(200)
    assert crowd.failures == []
    assert await serving.stop() == 0
    ledger = stored(serving)
    assert ledger.closes
    assert (ledger.seen, ledger.in_flight) == (crowd.answered, 0)
    assert set(ledger.compared) == {"mismatch"}


async def test_without_a_route_nothing_is_kept(serving: Serving) -> None:
    put(serving)
    text = serving.file.read_text(encoding="utf-8")
    serving.put(text.partition("routes:")[0] + "routes: []\n")
    await serving.start()
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        await crowd.progress(20)
    assert {path.name for path in serving.folder.glob("*.db*")} | set(map(str, serving.children("comparator"))) == set()


async def test_where_nothing_is_copied_no_comparator_is_started(serving: Serving) -> None:
    put(serving, stage="legacy")
    await serving.start()
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        await crowd.progress(20)
    assert serving.children("comparator") == []
    put(serving)
    await serving.reload()
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        await crowd.progress(20)
    assert (await quiet(serving, crowd.answered)).compared == {"mismatch": crowd.answered}


async def test_without_a_store_traffic_goes_on_and_evidence_begins_when_there_is_one(serving: Serving) -> None:
    put(serving, more="store: sqlite:///missing/strangler.db")
    await serving.start()
    await serving.complaint("no evidence is kept: ")
    async with Crowd(serving.port, 4, "/shop/1") as crowd:
        await crowd.progress(50)
    (serving.folder / "missing").mkdir()
    await serving.complaint("evidence is kept from now on")
    store = Store.open("sqlite:///missing/strangler.db", serving.folder, read_only=True)
    async with asyncio.timeout(60):
        while (ledger := await asyncio.to_thread(store.ledger)).seen < crowd.answered or ledger.in_flight:
            await asyncio.sleep(0.1)
    store.close()
    assert ledger == Ledger(crowd.answered, {"mismatch": crowd.answered})
    assert crowd.failures == []


async def test_a_comparison_that_cannot_be_loaded_is_refused_at_start(serving: Serving) -> None:
    put(serving, "strangler_test_nobody:judge")
    process = await serving.launch()
    assert await serving.end(process) == 2
    assert "routes[0].compare.python: strangler_test_nobody:judge cannot be imported" in await serving.complaints()


async def test_what_a_custom_comparison_raises_shows_nowhere(serving: Serving) -> None:
    judge = 'def judge(control, candidate):\n    raise ValueError(f"tell-tale {control.body}")\n'
    (serving.folder / "strangler_test_judge.py").write_text(judge)
    put(serving, "strangler_test_judge:judge")
    await serving.start()
    async with Crowd(serving.port, 2, "/shop/1?token=tell-tale") as crowd:
        await crowd.progress(20)
    assert (await quiet(serving, crowd.answered)).skipped == {"compare_failed": crowd.answered}
    assert await serving.stop() == 0
    assert "tell-tale" not in await serving.complaints()
    assert b"tell-tale" not in b"".join(path.read_bytes() for path in serving.folder.glob("strangler.db*"))
