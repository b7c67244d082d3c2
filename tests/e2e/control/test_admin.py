"""The admin address: what it says, and to whom."""

import asyncio
import time
from itertools import product

import httpx

from benchmarks.crowd import Crowd
from tests.e2e.control.serving import SECONDS, Serving
from tests.exposition import parse, total

OTHERS = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "192.0.2.1", "")  # names of hosts


async def test_everything_asked_is_counted_where_it_belongs(serving: Serving) -> None:
    await serving.start()
    async with Crowd(serving.port, 4, "/shop/1") as crowd:
        await crowd.progress(40)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", trust_env=False) as client:
        assert (await client.post("/other", content=b"12345")).status_code == 200
        assert (await client.get("/shop/1", headers={"host": "a/b"})).status_code == 400
    serving.modern._server.close()
    serving.write(stage="modern")
    await serving.reload()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{serving.port}", trust_env=False) as client:
        assert (await client.get("/shop/1")).text == "legacy", "it falls back"
        assert (await client.post("/shop/1")).status_code == 502
    metrics = parse((await serving.ask("/metrics")).text)
    asked = "strangler_requests_total"
    assert total(metrics, asked, route="shop", stage="legacy", served_by="legacy", code_class="2xx") == crowd.answered
    assert total(metrics, asked, route="", served_by="legacy", code_class="2xx") == 1
    assert total(metrics, asked, route="shop", stage="modern", served_by="legacy", code_class="2xx") == 1
    assert total(metrics, asked, route="shop", stage="modern", served_by="modern", code_class="5xx") == 1
    assert total(metrics, asked) == crowd.answered + 4
    assert total(metrics, "strangler_request_bytes_total", route="") == 5
    assert total(metrics, "strangler_refusals_total", reason="connect_failed") == 1
    assert total(metrics, "strangler_upstream_failures_total", upstream="modern") == 2
    assert total(metrics, "strangler_upstream_fallbacks_total", upstream="modern") == 1
    assert total(metrics, "strangler_config_revision") in (2, 3), (
        "the look once a second may have seen the file before the signal"
    )
    assert total(metrics, "strangler_workers_ready") == total(metrics, "strangler_workers") == 2
    assert total(metrics, "strangler_faults_total") == 0


async def test_open_connections_are_a_gauge_over_all_workers(serving: Serving) -> None:
    await serving.start()
    async with Crowd(serving.port, 8, "/shop/1"):
        assert await open_connections(serving, 8) == 8
    assert await open_connections(serving, 0) == 0


async def open_connections(serving: Serving, expected: int) -> float:
    """How many the gauge says, as soon as it says what is expected, else after some time."""
    ends = time.monotonic() + SECONDS
    while (found := total(parse((await serving.ask("/metrics")).text), "strangler_connections_open")) != expected:
        if time.monotonic() > ends:
            break
        await asyncio.sleep(0.05)
    return found


async def test_health_and_readiness(serving: Serving) -> None:
    await serving.start()
    health, ready = await serving.ask("/healthz"), await serving.ask("/readyz")
    assert (health.status_code, health.text) == (200, "ok\n")
    assert ready.json() == {"ready": True, "reasons": [], "revision": 1, "problems": ""}


async def test_names_of_this_machine_are_answered_and_others_are_not(serving: Serving) -> None:
    await serving.start()
    async with httpx.AsyncClient(trust_env=False) as client:
        for host, path in product(OTHERS, ("/healthz", "/readyz", "/metrics")):
            answer = await client.get(f"http://127.0.0.1:{serving.admin}{path}", headers={"host": host})
            assert answer.status_code in (400, 421), host
            assert "strangler_" not in answer.text, host
        for host in ("localhost", f"LOCALHOST:{serving.admin}", "127.0.0.1", f"[::1]:{serving.admin}"):
            answer = await client.get(f"http://127.0.0.1:{serving.admin}/healthz", headers={"host": host})
            assert answer.status_code == 200
