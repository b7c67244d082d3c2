"""`strangler serve` with certificates: at start, on reload, at the admin address; and what the metrics say of upstreams."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.e2e.control.serving import SECONDS, Serving
from tests.e2e.proxy.certificates import Certificates
from tests.exposition import Family, parse

FILE = """version: 1
listen: [{{address: "127.0.0.1:{listen}", tls: {{cert: cert.pem, key: key.pem}}}}]
admin: {{address: "127.0.0.1:{admin}", tls: {{cert: cert.pem, key: key.pem}}}}
workers: 2
upstreams:
  legacy: {{url: "http://127.0.0.1:{legacy}"}}
  modern: {{url: "http://127.0.0.1:{modern}", health: {{path: /healthz, every: 50ms, fail: 2, pass: 2}}}}
routes:
  - {{name: shop, match: {{path: "/shop/{{id}}"}}, stage: modern}}
"""


@pytest.fixture
def certificates(serving: Serving) -> Certificates:
    """Beside a file that names them."""
    made = Certificates(serving.folder)
    made.issue("127.0.0.1")
    ports = {"listen": serving.port, "admin": serving.admin, "legacy": serving.legacy.port, "modern": serving.modern.port}
    serving.put(FILE.format(**ports))
    return made


async def get(context: ssl.SSLContext, port: int, path: str) -> tuple[int, bytes]:
    """The serial number of the certificate, and the answer."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        serial = int(writer.get_extra_info("ssl_object").getpeercert()["serialNumber"], 16)
        writer.close()
    return serial, answer


async def metrics(context: ssl.SSLContext, serving: Serving) -> dict[str, Family]:
    _, answer = await get(context, serving.admin, "/metrics")
    return parse(answer.partition(b"\r\n\r\n")[2].decode())


async def test_a_renewed_certificate_is_taken_up_on_reload(serving: Serving, certificates: Certificates) -> None:
    await serving.launch()
    assert await serving.line("serves") == f"strangler serves https://127.0.0.1:{serving.port}"
    context = certificates.client
    before, answer = await get(context, serving.port, "/")
    assert answer.endswith(b"legacy")
    assert (await get(context, serving.admin, "/healthz"))[0] == before
    certificates.issue("127.0.0.1")
    await serving.reload()
    after = {(await get(context, serving.port, "/"))[0] for _ in range(8)}
    assert len(after) == 1
    assert after != {before}
    assert {(await get(context, serving.admin, "/healthz"))[0]} == after


async def test_a_bad_pair_starts_nothing_and_is_one_line(serving: Serving, certificates: Certificates) -> None:
    Path(serving.folder / "key.pem").write_text("x")
    await serving.launch()
    assert await serving.end() == 2
    [line] = (await serving.complaints()).splitlines()
    assert f"listen 127.0.0.1:{serving.port}: " in line
    assert "are not a certificate chain and its key in PEM" in line


async def test_a_bad_pair_on_reload_keeps_what_was_served(serving: Serving, certificates: Certificates) -> None:
    process = await serving.start()
    before, _ = await get(certificates.client, serving.port, "/")
    Path(serving.folder / "key.pem").write_text("x")
    process.send_signal(1)
    await serving.complaint("are not a certificate chain and its key in PEM")
    await serving.complaint("what was served before goes on")
    assert (await get(certificates.client, serving.port, "/"))[0] == before


async def test_the_metrics_say_how_things_stand_with_upstreams(serving: Serving, certificates: Certificates) -> None:
    await serving.start()
    context = certificates.client
    workers = {(("upstream", "modern"), ("worker", str(number))) for number in (1, 2)}

    async def healthy() -> dict[object, float]:
        return {
            labels: value
            for (_, labels), value in (await metrics(context, serving))["strangler_upstream_healthy"].samples.items()
        }

    async with asyncio.timeout(SECONDS):
        while await healthy() != dict.fromkeys(workers, 1):
            await asyncio.sleep(0.05)
    await serving.modern.close()
    async with asyncio.timeout(SECONDS):
        while await healthy() != dict.fromkeys(workers, 0):
            await asyncio.sleep(0.05)
    assert (await get(context, serving.port, "/shop/1"))[1].endswith(b"legacy")
    states = (await metrics(context, serving))["strangler_upstream_breaker_state"].samples
    assert {labels: value for (_, labels), value in states.items()} == dict.fromkeys(workers, 0)
