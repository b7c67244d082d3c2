"""From the text of a routes.yaml to a `Config`, or to every problem in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from strangler.config.document import decode, parse, without_garbage_collection
from strangler.config.rules import RULES
from strangler.config.rules.draft import Draft, Placed
from strangler.config.spec import FILE, ROUTE
from strangler.core.errors import ConfigError, Problem, UsageError
from strangler.core.frozen import Frozen
from strangler.core.model import OWN_AUTHORITY, Address, Breaker, Config, Tls, Upstream
from strangler.core.spec.node import DocumentError, Node
from strangler.core.spec.reader import INVALID, Reader, nearest
from strangler.core.spec.section import Written

_READ_APART = ("version", "defaults", "routes")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What reading a file gave: `config` is None if any of `problems` is more than a warning. `draft` is what could be
    read, with its places, for problems that are found later."""

    config: Config | None
    problems: tuple[Problem, ...]
    draft: Draft | None = None


def load(path: Path, environ: Mapping[str, str]) -> Config:
    """Read a file that must be right.

    Raises UsageError if it cannot be read, ConfigError, with every problem, if anything is wrong in it.
    """
    return sound(path, contents(path), environ)


def sound(path: Path, data: bytes, environ: Mapping[str, str]) -> Config:
    """What the bytes of a file mean, which must be right. Raises ConfigError with every problem."""
    outcome = read(data, environ, path.parent)
    if outcome.config is None:
        raise ConfigError(str(path), [problem for problem in outcome.problems if not problem.warning])
    return outcome.config


def check(path: Path, environ: Mapping[str, str]) -> Outcome:
    """Read a file and report everything about it. Raises UsageError if it cannot be read at all."""
    return read(contents(path), environ, path.parent)


def contents(path: Path) -> bytes:
    """The bytes of a file. Raises UsageError if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist: write it (README shows five lines), or name another with -c FILE") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None


def read(data: bytes, environ: Mapping[str, str], folder: Path) -> Outcome:
    """Read the bytes of a file; relative paths in it mean `folder`. Never raises for anything that `data` holds."""
    with without_garbage_collection():
        try:
            text, _ = decode(data)
            node = parse(text)
        except DocumentError as error:
            return Outcome(None, (error.problem,))
        if node is None:
            return Outcome(None, (Problem(1, 1, "", "is empty: write at least `version: 1` and `upstreams:`"),))
        outcome = _judge(node, Reader(environ), folder)
        last = text.count("\n") + 1
        return replace(outcome, problems=tuple(p if p.line <= last else _within(text, p) for p in outcome.problems))


def _within(text: str, problem: Problem) -> Problem:
    """The parser takes the end of the file for a line of its own; people look for the last line that there is."""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    return problem if problem.line <= len(lines) else replace(problem, line=len(lines), column=len(lines[-1]) + 1)


def _judge(node: Node, reader: Reader, folder: Path) -> Outcome:
    written = FILE.read(node, "", reader)
    draft = _draft(written, folder) if written is not INVALID else None
    if draft is not None:
        for rule in RULES:
            rule(draft, reader)
    problems = tuple(sorted(reader.problems, key=lambda problem: (problem.line, problem.column)))
    if draft is None or any(not problem.warning for problem in problems):
        return Outcome(None, problems, draft)
    return Outcome(_config(draft), problems, draft)


def unknown_mappings(outcome: Outcome, known: Set[str], environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Routes of a sound file that name a mapping which no mapping file has."""
    reader = Reader(environ)
    for route, placed in outcome.draft.whole() if outcome.draft else ():
        for name in route.data:
            if name not in known:
                message = f"no mapping file has a mapping {name!r}{nearest(name, sorted(known))}"
                placed.value_problem(reader, "data", message)
    return tuple(reader.problems)


def warnings_at(outcome: Outcome, key: str, said: Mapping[str, str], environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Warnings about routes of a sound file, by their names, each at a key of its route."""
    reader = Reader(environ)
    for route, placed in outcome.draft.whole() if outcome.draft else ():
        if route.name in said:
            placed.problem(reader, key, said[route.name], warning=True)
    return tuple(reader.problems)


def _draft(written: Written, folder: Path) -> Draft:
    defaults = written.get("defaults") or Written(written.node, "defaults")
    routes = []
    for index, as_written in enumerate(written.get("routes", ())):
        merged = ROUTE.overlay(as_written, defaults)
        routes.append(Placed(ROUTE.make(merged, index=index), as_written, defaults))
    values = {key: FILE.fields[key].kind.make(value) for key, value in written.items() if key not in _READ_APART}
    upstreams = _with_breakers(values.get("upstreams", {}), written.get("upstreams", {}), routes, defaults)
    return Draft(written, {**values, "upstreams": upstreams}, defaults, tuple(routes), folder)


def _with_breakers(
    upstreams: Mapping[str, Upstream | None], written: Mapping[str, Any], routes: list[Placed], defaults: Mapping[str, Any]
) -> dict[str, Upstream | None]:
    """A breaker for every upstream that never serves as legacy and says nothing about one: cutting legacy off, with
    nobody to take over, would turn a slow day into an outage."""
    legacies = {defaults.get("legacy", "legacy"), *(placed.route.legacy for placed in routes if placed.route)}
    return {
        name: replace(upstream, breaker=Breaker())
        if upstream and name not in legacies and "breaker" not in written[name]
        else upstream
        for name, upstream in upstreams.items()
    }


def _config(draft: Draft) -> Config:
    values = dict(draft.values)
    config = Config(default=draft.default, routes=tuple(placed.route for placed in draft.routes if placed.route), **values)
    return _anchored(config, draft.folder)


def _anchored(config: Config, folder: Path) -> Config:
    """Relative paths of the file, from the file's own folder: a service manager starts in another one."""
    listen = tuple(
        replace(listener, address=_anchored_address(listener.address, folder), tls=_anchored_tls(listener.tls, folder))
        for listener in config.listen
    )
    admin = replace(
        config.admin, address=_anchored_address(config.admin.address, folder), tls=_anchored_tls(config.admin.tls, folder)
    )
    upstreams = Frozen(
        (name, replace(upstream, ca=str(folder / upstream.ca)) if upstream.ca else upstream)
        for name, upstream in config.upstreams.items()
    )
    scheme, slashes, file = config.store.partition(":///")
    store = config.store
    if scheme.startswith("sqlite") and slashes and not file.startswith(":memory:"):
        store = f"{scheme}:///{folder.absolute() / file}"  # whoever opens it begins at the folder once more
    access = config.log.access
    log = config.log if access in ("off", "stdout") else replace(config.log, access=str(folder / access))
    mappings = tuple(str(folder / mapping) for mapping in config.mappings)
    return replace(
        config,
        listen=listen,
        admin=admin,
        upstreams=upstreams,
        store=store,
        log=log,
        mappings=mappings,
        folder=str(folder.absolute()),
    )


def _anchored_address(address: Address, folder: Path) -> Address:
    return Address(unix=str(folder / address.unix)) if address.unix else address


def _anchored_tls(tls: Tls | None, folder: Path) -> Tls | None:
    return tls if tls in (None, OWN_AUTHORITY) else Tls(str(folder / tls.cert), str(folder / tls.key))
