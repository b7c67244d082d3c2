"""What `strangler discover` makes of an hour of mixed traffic, against what the application itself says of its endpoints.

python -m benchmarks.discover              5,000 requests of three seeds, as a recording and as an access log
python -m benchmarks.discover --lines      also a million lines of a log with as many different paths: time and memory

Right is an endpoint if it took exactly the requests that one of the application's endpoints answered. Invented is one that took
others, or none of them all. Exit code 3 if a recording gives anything but what is right.
"""

from __future__ import annotations

import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

import click

from benchmarks.hour import as_log, recorded
from benchmarks.report import table
from strangler.core.match import Predicate, Tree
from strangler.core.model import Match
from strangler.core.request import Request
from strangler.core.target import canonical
from strangler.core.template import Template, parse_template
from strangler.traffic.discovery.survey import Discovery, Survey, precedence
from strangler.traffic.entry import Entry
from strangler.traffic.log import entries

Name = tuple[str, str]  # method and path


@dataclass(frozen=True, slots=True)
class Spot:
    """A template as the search tree wants it."""

    index: int
    match: Match
    methods: None = None
    predicates: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """How what was found compares with the truth.

    Attributes:
        right: endpoints that took exactly the requests of one of the application's.
        invented: those that took a part of one, parts of several, or what was none's.
        missed: the application's endpoints that none of those found is, though they were asked for.
    """

    right: tuple[Name, ...]
    invented: tuple[Name, ...]
    missed: tuple[Name, ...]


def explored(recording: Iterable[Entry]) -> Discovery:
    """What is discovered in it."""
    survey = Survey()
    for entry in recording:
        survey.add(entry)
    return survey.result(lambda target: target)


def score(found: Discovery, recording: Iterable[Entry], truth: set[Name]) -> Score:
    """Judge by the requests that an endpoint answered, so that it does not matter how a template is written."""
    theirs, ours = Finder(truth), Finder({(one.method, one.template.text) for one in found.endpoints})
    pairs: set[tuple[Name | None, Name | None]] = set()
    for entry in recording:
        if entry.status and entry.status < 400 and entry.method != "OPTIONS":
            pairs.add((theirs(entry), ours(entry)))
    met: dict[Name | None, set[Name | None]] = defaultdict(set)
    for real, name in pairs:
        met[name].add(real)
    taken = [real for reals in met.values() if len(reals) == 1 for real in reals]
    every = {(one.method, one.template.text) for one in found.endpoints}
    right = {name for name in every if len(met[name]) == 1 and None not in met[name] and taken.count(next(iter(met[name]))) == 1}
    asked = {real for real, _ in pairs if real is not None}
    known = {real for name in right for real in met[name]}
    return Score(tuple(sorted(right)), tuple(sorted(every - right)), tuple(sorted(real for real in asked - known if real)))


class Finder:
    """Which of some endpoints a request is for."""

    def __init__(self, names: Iterable[Name]) -> None:
        self._spots: dict[str, list[tuple[Template, Name]]] = defaultdict(list)
        for method, path in names:
            self._spots[method].append((parse_template(_ours(path)), (method, path)))
        self._trees, self._names = {}, {}
        for method, spots in self._spots.items():
            spots.sort(key=lambda spot: precedence(spot[0]))
            self._names[method] = [name for _, name in spots]
            self._trees[method] = Tree([Spot(index, Match(template)) for index, (template, _) in enumerate(spots)])

    def __call__(self, entry: Entry) -> Name | None:
        method = "GET" if entry.method == "HEAD" else entry.method
        path = canonical(entry.path)
        if method not in self._trees or path.ambiguous:
            return None
        spot = self._trees[method].first(Request("GET", "/", "", "", "", []), path.segments)
        return self._names[method][spot.index] if spot else None


def _ours(path: str) -> str:
    """The framework's ``/images/{id}.png`` as our templates say it."""
    return re.sub(r"\{(\w+)\}(\.\w+)", lambda found: f"{{{found[1]}:.+{re.escape(found[2])}}}", path)


def many_lines(number: int) -> Iterator[str]:
    """Lines of a log in which hardly a path comes twice, as crawlers and shops make them."""
    draw = Random(5)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(3_000)]
    for _ in range(number):
        kind = draw.random()
        slug = f"{draw.choice(words)}-{draw.choice(words)}"
        if kind < 0.4:
            path, status = f"/products/{slug}", 200
        elif kind < 0.7:
            path, status = f"/users/{draw.randrange(10**9)}/orders/{draw.randrange(10**9)}", 200
        elif kind < 0.9:
            path, status = f"/{slug}/{draw.choice(words)}.php", 404
        else:
            path, status = f"/pages/{draw.choice(words)}", 200
        said = f'"GET {path} HTTP/1.1" {status} {draw.randrange(9999)}'
        yield f'10.0.0.{draw.randrange(250)} - - [22/Oct/2026:15:00:00 +0200] {said} "-" "x"'


@click.command()
@click.option("--requests", default=5_000, show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--lines", is_flag=True, help="Also a million lines of a log.")
def main(requests: int, seeds: int, lines: bool) -> None:
    if lines:
        click.echo(_million())
    rows, wrong = [["", "requests", "endpoints", "right", "invented", "missed", "CPU ms"]], False
    for seed in range(7, 7 + seeds):
        recording, truth = recorded(requests, seed)
        for kind, material in (("recording", recording), ("log", list(entries(as_log(recording))))):
            began = time.process_time()
            found = explored(material)
            took = time.process_time() - began
            judged = score(found, material, truth)
            counts = [len(truth), len(judged.right), len(judged.invented), len(judged.missed)]
            rows.append([f"seed {seed}, {kind}", f"{len(material):,}", *map(str, counts), f"{took * 1000:.0f}"])
            wrong = wrong or (kind == "recording" and bool(judged.invented or judged.missed))
            if judged.invented or judged.missed:
                click.echo(f"seed {seed}, {kind}: invented {judged.invented}, missed {judged.missed}")
    click.echo(table(rows))
    sys.exit(3 if wrong else 0)


def _million(number: int = 1_000_000) -> str:
    before, began = _resident(), time.process_time()
    found = explored(entries(many_lines(number)))
    seconds, more = time.process_time() - began, _resident() - before
    templates = ", ".join(one.template.text for one in found.endpoints)
    return f"{number:,} lines: {seconds:.0f} s of processor time, {more:.0f} MiB at most; {templates}"


def _resident() -> float:
    """The most that this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
