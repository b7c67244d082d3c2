"""Deciding and checking at 10,000 routes beside 10 of the same shape.

    python benchmarks/routing.py [--rounds 9]

For each shape of table, `Table.decide` is timed on requests for routes all over the file, small and large table in turn,
so that a busy machine slows both alike; the ratio is the median of the rounds' ratios. Then `strangler check` runs as a
whole process on the large file. The targets: at most 1.3 times the time, and two seconds.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from strangler.config.load import check
from strangler.core.decide import Table
from strangler.core.request import Request

HEAD = 'version: 1\nupstreams: {legacy: {url: "http://127.0.0.1:9001"}, modern: {url: "http://127.0.0.1:9002"}}\nroutes:\n'
SMALL, LARGE = 10, 10_000
REQUESTS = 2_000  # per measurement, so that one takes some ten milliseconds

Shape = tuple[Callable[[int], str], Callable[[int], Request]]  # the match of a route in YAML, and a request for that route


def _literals(number: int) -> str:
    return f'path: "/api/v1/resource{number}/list"'


def _parameters(number: int) -> str:
    return f'path: "/api/resource{number}/{{id}}/items/{{item}}"'


def _one_path(number: int) -> str:
    return f'host: shop{number}.example.org, path: "/api/orders/{{id}}"'


def _wildcards(number: int) -> str:
    return f'host: "*.shop{number}.example.org", path: "/{{rest...}}"'


def _mixed(number: int) -> str:
    return (
        f'path: "/api/orders{number}"',
        f'path: "/api/{{tenant}}/orders{number}/{{id:[0-9]+}}", methods: [GET, HEAD]',
        f'host: "*.eu{number}.example.org", path: "/files/{{name...}}"',
        f'host: shop{number}.example.org, path: "/api/{{kind}}/{{id}}", headers: {{x-version: "2"}}',
        f'path: "/pages/{number}/{{rest...}}"',
    )[number % 5]


def _ask(path: str, host: str = "www.example.org", headers: tuple[tuple[bytes, bytes], ...] = ()) -> Request:
    common = ((b"host", host.encode()), (b"user-agent", b"bench"), (b"accept", b"*/*"), (b"x-user-id", b"42"))
    return Request("GET", path, "", host, "192.0.2.1", (*common, *headers))


def _ask_mixed(number: int) -> Request:
    return (
        _ask(f"/api/orders{number}"),
        _ask(f"/api/acme/orders{number}/{number}"),
        _ask("/files/a/b/c.pdf", f"cdn.eu{number}.example.org"),
        _ask("/api/order/7", f"shop{number}.example.org", ((b"x-version", b"2"),)),
        _ask(f"/pages/{number}/news/today"),
    )[number % 5]


SHAPES: dict[str, Shape] = {
    "distinct literals": (_literals, lambda number: _ask(f"/api/v1/resource{number}/list")),
    "parameters": (_parameters, lambda number: _ask(f"/api/resource{number}/{number}/items/7")),
    "one path on many hosts": (_one_path, lambda number: _ask(f"/api/orders/{number}", f"shop{number}.example.org")),
    "many wildcard hosts": (_wildcards, lambda number: _ask("/a/b/c", f"cdn.shop{number}.example.org")),
    "mixed": (_mixed, _ask_mixed),
    "mixed, nothing matches": (_mixed, lambda number: _ask(f"/none/of/them{number}", f"host{number}.example.com")),
}
STAGES = (
    "stage: legacy",
    "stage: shadow",
    'stage: canary, weight: 25%, sticky: {by: "header:x-user-id"}',
    "stage: modern",
    "stage: retired",
)


def write(folder: Path, shape: str, count: int) -> Path:
    """A file of `count` routes, a fifth at each stage; which kind of route stands at which stage changes."""
    match = SHAPES[shape][0]
    lines = [
        f"  - {{name: route-{number}, match: {{{methods(match(number))}}}, {STAGES[(number + number // 5) % 5]}}}\n"
        for number in range(count)
    ]
    file = folder / f"{shape.replace(' ', '-')}-{count}.yaml"
    file.write_text(HEAD + "".join(lines), encoding="utf-8")
    return file


def methods(match: str) -> str:
    return match if "methods:" in match else f"{match}, methods: [GET]"


def table(file: Path) -> Table:
    outcome = check(file, {})
    assert outcome.config is not None, outcome.problems[:3]
    return Table(outcome.config)


def seconds_each(decider: Table, requests: list[Request]) -> float:
    decide = decider.decide
    started = time.perf_counter()
    for request in requests:
        decide(request, 0.5)
    return (time.perf_counter() - started) / len(requests)


def compare(shape: str, folder: Path, rounds: int) -> tuple[float, float, float]:
    """Microseconds per decision with few and with many routes, and the median ratio."""
    ask, rng = SHAPES[shape][1], random.Random(1)
    few, many = (table(write(folder, shape, count)) for count in (SMALL, LARGE))
    for_few = [ask(rng.randrange(SMALL)) for _ in range(REQUESTS)]
    for_many = [ask(rng.randrange(LARGE)) for _ in range(REQUESTS)]
    pairs = []
    gc.collect()
    gc.freeze()  # as a worker does after loading; the table is not rubbish
    for _ in range(rounds + 1):
        pairs.append((seconds_each(few, for_few), seconds_each(many, for_many)))
    del pairs[0]  # warms the caches
    small, large = (statistics.median(column) * 1e6 for column in zip(*pairs, strict=True))
    return small, large, statistics.median(many_time / few_time for few_time, many_time in pairs)


def check_seconds(file: Path, rounds: int) -> float:
    """The median of whole runs of `strangler check`, the interpreter's start included."""
    command, times = [sys.executable, "-m", "strangler", "check", "-c", str(file)], []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time routing and checking at 10,000 routes.")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    print(f"{'shape':<24}{SMALL:>7} routes{LARGE:>10,} routes{'ratio':>8}{'check, whole process':>23}")
    with tempfile.TemporaryDirectory() as name:
        for shape in SHAPES:
            small, large, ratio = compare(shape, Path(name), arguments.rounds)
            took = check_seconds(write(Path(name), shape, LARGE), 3)
            print(f"{shape:<24}{small:>11.2f} µs{large:>14.2f} µs{ratio:>8.2f}{took:>21.2f} s")


if __name__ == "__main__":
    main()
