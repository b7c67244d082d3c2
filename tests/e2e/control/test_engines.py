"""`strangler serve` with both engines in one file: workers of their own, one table, one life; and HTTP/2 clients of two kinds."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import ssl
from pathlib import Path
from subprocess import check_output

import httpx
import pytest

from tests.e2e.control.serving import SECONDS, Serving
from tests.e2e.running import free_port

FILE = """version: 1
listen:
  - {{address: "127.0.0.1:{listen}"}}
  - {{address: "127.0.0.1:{other}", engine: {engine}, tls: ca}}
admin: {{address: "127.0.0.1:{admin}"}}
upstreams: {{legacy: {{url: "http://127.0.0.1:{legacy}"}}, modern: {{url: "http://127.0.0.1:{modern}"}}}}
routes:
  - {{name: shop, match: {{path: "/shop/{{id}}", host: shop.example}}, stage: {stage}}}
reload: trusted
"""


@pytest.fixture
def other() -> int:
    return free_port()


def write(serving: Serving, other: int, engine: str = "mitmproxy", stage: str = "legacy") -> None:
    ports = {"listen": serving.port, "admin": serving.admin, "legacy": serving.legacy.port, "modern": serving.modern.port}
    serving.put(FILE.format(**ports, other=other, engine=engine, stage=stage))


def client(serving: Serving) -> httpx.AsyncClient:
    """Trusts the authority that the first start has made."""
    context = ssl.create_default_context(cafile=serving.folder / "strangler-ca" / "ca.pem")
    return httpx.AsyncClient(http2=True, verify=context, trust_env=False, timeout=SECONDS)


async def test_both_engines_serve_one_table(serving: Serving, other: int) -> None:
    write(serving, other)
    await serving.start()
    await serving.complaint("clients have to trust")
    workers = sorted(serving.children("worker"))
    assert len(workers) == 2
    async with client(serving) as http, httpx.AsyncClient(trust_env=False, timeout=SECONDS) as plain:

        async def answers() -> list[tuple[str, str]]:
            asked = {"Host": "shop.example"}
            got = [
                await plain.get(f"http://127.0.0.1:{serving.port}/shop/1", headers=asked),
                await http.get(f"https://localhost:{other}/shop/1", headers=asked),
            ]
            return [(one.http_version, one.text) for one in got]

        assert await answers() == [("HTTP/1.1", "legacy"), ("HTTP/2", "legacy")]
        write(serving, other, stage="modern")
        await serving.reload()
        assert await answers() == [("HTTP/1.1", "modern"), ("HTTP/2", "modern")]
        slow = asyncio.create_task(http.get(f"https://localhost:{other}/slow"))
        await serving.legacy.waiting.wait()
        serving.process.terminate()
        await asyncio.sleep(0)
        serving.legacy.release.set()
        assert (await slow).text == "legacy"
    assert await serving.end() == 0


async def test_a_killed_worker_costs_the_other_engine_nothing(serving: Serving, other: int) -> None:
    """Whoever connects meanwhile waits in the socket, which the supervisor holds, and is served."""
    write(serving, other)
    await serving.start()
    [native], [mitmproxy] = serving.children("worker worker 1"), serving.children("worker worker 2")
    os.kill(mitmproxy, signal.SIGKILL)
    async with client(serving) as http:
        answer = await http.get(f"https://localhost:{other}/")
    assert (answer.http_version, answer.text) == ("HTTP/2", "legacy")
    assert serving.children("worker worker 1") == [native]
    assert mitmproxy not in serving.children("worker")


async def test_another_engine_waits_for_a_takeover(serving: Serving, other: int) -> None:
    write(serving, other)
    await serving.start()
    write(serving, other, engine="native", stage="modern")
    await serving.reload()
    await serving.complaint("listen.engine in the file changed: `strangler serve --takeover`")
    async with client(serving) as http:
        answer = await http.get(f"https://localhost:{other}/shop/1", headers={"Host": "shop.example"})
    assert (answer.http_version, answer.text) == ("HTTP/2", "modern")


@pytest.mark.skipif(not shutil.which("curl") or b"HTTP2" not in check_output(["curl", "-V"]), reason="no curl that speaks HTTP/2")
async def test_curl(serving: Serving, other: int) -> None:
    write(serving, other)
    await serving.start()
    for options, version in (((), "2"), (("--http1.1",), "1.1")):
        command = ["curl", "-s", *options, "--cacert", serving.folder / "strangler-ca" / "ca.pem", "-w", " %{http_version}"]
        process = await asyncio.create_subprocess_exec(
            *command, f"https://localhost:{other}/", stdout=asyncio.subprocess.PIPE, cwd=Path(serving.folder)
        )
        said, _ = await process.communicate()
        assert said.decode() == f"legacy {version}"
