"""Bodies made to hurt, through real processes: each has its right outcome, nothing is said about an exception, and the workers
answer others in the meantime."""

from __future__ import annotations

import asyncio
import gzip
import json
from dataclasses import dataclass

import brotli

from benchmarks.crowd import Crowd
from strangler.store.store import Store
from tests.e2e.control.scripted import answer, scripted, send
from tests.e2e.control.serving import Serving
from tests.e2e.control.test_evidence import quiet

GIGABYTE, MEBIBYTE = 10**9, 2**20
TYPE = "Content-Type: application/json"


def as_json(body: bytes) -> bytes:
    return answer(body, TYPE)


def coded(name: str, body: bytes) -> bytes:
    return answer(body, TYPE, f"Content-Encoding: {name}")


def gzip_bomb() -> bytes:
    """Ten gigabytes of zeros, in members of one mebibyte, compressed once more: some tens of kilobytes."""
    return gzip.compress(gzip.compress(bytes(MEBIBYTE)) * (10 * GIGABYTE // MEBIBYTE), 1)


def zstd_bomb() -> bytes:
    """Ten gigabytes of zeros as blocks that say how often one byte is repeated (RFC 8878 section 3.1.1.2)."""
    size = 2**17
    blocks = 10 * GIGABYTE // size
    block, last = ((size << 3 | 1 << 1 | end).to_bytes(3, "little") + b"\0" for end in (0, 1))
    return b"\x28\xb5\x2f\xfd\x00\x38" + block * (blocks - 1) + last


def brotli_bomb() -> bytes:
    """As much as can be made in a moment; four times of what is decoded."""
    compressor = brotli.Compressor(quality=1)
    return bytes(b"".join(compressor.process(bytes(MEBIBYTE)) for _ in range(256)) + compressor.finish())


def large(name: str) -> bytes:
    """A document of 20 MB with one word that tells the sides apart in its middle."""
    items = [{"id": at, "name": "a name that is long enough to be of some weight", "price": "19.99"} for at in range(230_000)]
    items[115_000]["name"] = name
    return json.dumps(items).encode()


def deep(inner: str, levels: int = 10_000) -> bytes:
    return ("[" * levels + inner + "]" * levels).encode()


@dataclass(frozen=True)
class Case:
    """What each side answers, and what becomes of it: an outcome or why it was skipped, and the place that is named.

    Attributes:
        heavy: a machine that has no time may also skip it, and say so.
    """

    name: str
    legacy: bytes
    modern: bytes
    becomes: str
    where: str = ""
    heavy: bool = False


def cases() -> list[Case]:
    good, cut = as_json(b'{"n": 1}'), gzip.compress(b'{"n": 1}' * 100)[:-30]
    bombs = {"gzip": coded("gzip, gzip", gzip_bomb()), "br": coded("br", brotli_bomb()), "zstd": coded("zstd", zstd_bomb())}
    numbers = {"exact": ("9223372036854775809", "9223372036854775810"), "sum": ("0.1", "0.30000000000000004")}
    return [
        *(Case(f"{name}-bomb", good, bomb, "candidate_failed", heavy=True) for name, bomb in bombs.items()),
        *(Case(f"{name}-bomb-of-control", bomb, good, "too_complex", heavy=True) for name, bomb in bombs.items()),
        Case("truncated", good, coded("gzip", cut), "candidate_failed"),
        Case("truncated-control", coded("gzip", cut), good, "undecodable"),
        Case("levels", as_json(deep("1")), as_json(deep("2")), "mismatch"),
        Case("levels-objects", as_json(b'{"a":' * 10_000 + b"1" + b"}" * 10_000), good, "mismatch"),
        Case("large", as_json(large("one")), as_json(large("two")), "mismatch", heavy=True),
        Case("utf8", as_json(b'{"n": "\xff\xfe"}'), as_json(b'{"n": "\xff\xfd"}'), "mismatch"),
        Case("twice", as_json(b'{"n": 1, "n": 2}'), as_json(b'{"n": 2}'), "mismatch"),
        Case("nan", as_json(b'{"n": NaN}'), good, "mismatch"),
        Case("nan-both", as_json(b'{"n": NaN}'), as_json(b'{"n":NaN}'), "mismatch"),  # which is no JSON, but text
        Case("one", good, as_json(b'{"n": 1.0}'), "match"),
        Case("minus", as_json(b'{"n": 0}'), as_json(b'{"n": -0}'), "match"),
        *(
            Case(name, as_json(b'{"n": %b}' % one.encode()), as_json(b'{"n": %b}' % two.encode()), "mismatch", "$.n")
            for name, (one, two) in numbers.items()
        ),
        Case("equal-bombs", bombs["gzip"], bombs["gzip"], "match"),
    ]


def put(serving: Serving, names: list[str]) -> None:
    routes = "\n".join(f'  - {{name: {name}, match: {{path: "/{name}/1"}}, stage: shadow}}' for name in names)
    serving.put(f"""version: 1
listen: [{{address: "127.0.0.1:{serving.port}"}}]
admin: {{address: "127.0.0.1:{serving.admin}"}}
workers: 1
upstreams:
  legacy: {{url: "http://127.0.0.1:{serving.legacy.port}"}}
  modern: {{url: "http://127.0.0.1:{serving.modern.port}"}}
defaults: {{shadow: {{max_body: 32MiB, timeout: 30s}}}}
routes:
  - {{name: shop, match: {{path: "/shop/{{id}}"}}, stage: legacy}}
{routes}
""")


async def test_hostile_bodies_have_their_outcomes_and_stop_nobody(serving: Serving) -> None:
    legacy, modern = await scripted(serving)
    made = await asyncio.to_thread(cases)
    for case in made:
        legacy.script[f"/{case.name}/1"], modern.script[f"/{case.name}/1"] = case.legacy, case.modern
    put(serving, [case.name for case in made])
    await serving.start()
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        for case in made:
            request = f"GET /{case.name}/1 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"
            got = await send(serving.port, request.encode())
            assert got.endswith(case.legacy.partition(b"\r\n\r\n")[2]), case.name
            await crowd.progress(5)
        await quiet(serving, len(made))
        await crowd.progress(5)
    assert crowd.failures == []
    store = Store.open("sqlite:///strangler.db", serving.folder, read_only=True)
    ledgers = store.ledgers()
    became = {name: [*one.compared, *one.skipped, *one.lost] for name, one in ledgers.items() if name != "shop"}
    in_haste = [case.name for case in made if case.heavy and became[case.name] in (["busy"], ["compare_timeout"])]
    places = {case.name: [row.cause.pattern for row in store.causes(case.name)] for case in made if case.where}
    store.close()
    assert became == {case.name: became[case.name] if case.name in in_haste else [case.becomes] for case in made}
    assert places == {case.name: [case.where] for case in made if case.where}
    assert await serving.stop() == 0
    assert "Traceback" not in await serving.complaints()
