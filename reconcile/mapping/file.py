"""mappings.yaml in, a `Plan` out; or every problem at once, with its place.

`spec` says what each key may hold. What only several keys together can get wrong is said here.
"""

from __future__ import annotations

from collections.abc import Mapping as Environment
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconcile.mapping.convert import CONVERTERS
from reconcile.mapping.document import parse
from reconcile.mapping.model import Plan
from reconcile.mapping.spec import FILE
from reconcile.outbox.spec import check as check_outbox
from strangler.core.errors import ConfigError, Problem
from strangler.core.spec.node import DocumentError, Map, Node, Scalar, Sequence
from strangler.core.spec.reader import INVALID, Reader, nearest
from strangler.core.spec.section import Written

Step = str | int
Steps = tuple[Step, ...]

_ORIGINS = ("column", "sql", "value", "python")


@dataclass(frozen=True, slots=True)
class File:
    """A file without problems, and the tree it was read from, for places in later messages."""

    plan: Plan
    root: Node | None

    def problem(self, steps: Steps, message: str, *, warning: bool = False) -> Problem:
        """A problem found later (in the live schema, say), at the nearest place that is written."""
        node = _find(self.root, steps)
        line, column = (node.start.line + 1, node.start.column + 1) if node else (0, 0)
        return Problem(line, column, _path(steps), message, warning)


def read(path: str | Path, environ: Environment[str, str]) -> File:
    """Read a mappings file. Raises ConfigError with every problem in it."""
    root = _parse(path)
    reader = Reader(environ)
    written: Any = {}
    if root is None:
        reader.problem(None, "", "is empty: write version, databases and mappings")
    else:
        written = FILE.read(root, "", reader)
    if isinstance(written, Written):
        _check(written, reader)
    if reader.problems:
        raise ConfigError(str(path), sorted(reader.problems, key=lambda problem: (problem.line, problem.column)))
    return File(replace(FILE.make(written), file=str(path)), root)


def mapping_names(path: str | Path) -> tuple[str, ...]:
    """The names of the mappings in a file, read without the environment: what routes may name under `data:`.

    Raises ConfigError only when the file cannot be read as YAML; its other problems are `check`'s.
    """
    root = _parse(path)
    listed = _find(root, ("mappings",), exact=True)
    items = listed.items if isinstance(listed, Sequence) else []
    names = [_find(item, ("name",), exact=True) for item in items]
    return tuple(name.text for name in names if isinstance(name, Scalar))


def _parse(path: str | Path) -> Node | None:
    try:
        return parse(Path(path).read_bytes())
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}; -c FILE names another"
        raise ConfigError(str(path), [Problem(0, 0, "", message)]) from None
    except DocumentError as error:
        raise ConfigError(str(path), [error.problem]) from None


def _find(root: Node | None, steps: Steps, *, exact: bool = False) -> Node | None:
    """The node at a path; the nearest enclosing one when it is not written, unless it must be that one."""
    node = root
    for step in steps:
        child = _child(node, step)
        if child is None:
            return None if exact else node
        node = child
    return node


def _child(node: Node | None, step: Step) -> Node | None:
    if isinstance(node, Map) and isinstance(step, str):
        pair = node.flattened().get(step)
        return pair.value if pair else None
    if isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def _path(steps: Steps) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _check(written: Written, reader: Reader) -> None:
    known = list(written.get("databases", {}))
    mappings = [entry for entry in written.get("mappings", []) if isinstance(entry, Written)]
    _database(written, "state", known, reader)
    throttle = written.get("throttle")
    if isinstance(throttle, Written) and isinstance(throttle.get("behind"), Written):
        _database(throttle["behind"], "database", known, reader)
    for entry in mappings:
        _check_mapping(entry, known, reader)
    _check_names(mappings, reader, "mapping")
    _check_targets(mappings, reader)
    outbox = written.get("outbox")
    for entry in mappings if outbox is None else ():
        if "emit" in entry:
            message = "needs an `outbox` in this file, with the sinks that get its events"
            reader.problem(entry.place("emit"), f"{entry.path}.emit", message)
    if isinstance(outbox, Written):
        _database(outbox, "database", known, reader)
        _check_names([sink for sink in outbox.get("sinks", []) if isinstance(sink, Written)], reader, "sink")
        check_outbox(outbox, reader)
    if "mappings" in written and not written["mappings"] and outbox is None:
        reader.problem(written.place("mappings"), "mappings", "is empty: describe at least one mapping, or an outbox")


def _check_mapping(entry: Written, known: list[str], reader: Reader) -> None:
    for side in ("from", "to"):
        if isinstance(entry.get(side), Written):
            _database(entry[side], "database", known, reader)
    if isinstance(entry.get("from"), Written):
        _check_source(entry["from"], reader)
    if isinstance(entry.get("columns"), Written):
        _check_columns(entry["columns"], reader)
        _check_key(entry, reader)
    if isinstance(entry.get("back"), Written):
        _check_back(entry, entry["back"], reader)
    if "emit" in entry and isinstance(entry.get("from"), Written) and "query" in _keys(entry["from"]):
        message = "needs `from.table`: of a query nobody can tell what a row was before; let the application write those events"
        reader.problem(entry.place("emit"), f"{entry.path}.emit", message)


def _database(section: Written, key: str, known: list[str], reader: Reader) -> None:
    name = section.get(key)
    if name is not None and name not in known:
        path = f"{section.path}.{key}" if section.path else key
        reader.problem(section.place(key), path, f"{name!r} is not one of `databases`{nearest(name, known)}")


def _check_source(source: Written, reader: Reader) -> None:
    keys = _keys(source)
    if ("table" in keys) == ("query" in keys):
        reader.problem(source.node, source.path, "needs exactly one of `table` and `query`")
    if "captured_from" in keys and "query" not in keys:
        reader.problem(source.place("captured_from"), f"{source.path}.captured_from", "belongs to a `query`")
    if "query" in keys and "captured_from" not in keys:
        reader.problem(source.node, source.path, "`captured_from` is missing: which tables make a key of this query change")
    if "query" in keys and "where" in keys:
        reader.problem(source.place("where"), f"{source.path}.where", "belongs to a `table`: write it into the query")

    for table, columns in source.get("captured_from", {}).items():
        if columns is not INVALID and "key" in source and len(columns) != len(source["key"]):
            message = f"names {len(columns)} columns, from.key has {len(source['key'])}: name those that carry it, in its order"
            reader.problem(source.place("captured_from", table), f"{source.path}.captured_from.{table}", message)


def _check_back(entry: Written, back: Written, reader: Reader) -> None:
    columns, source, target = back.get("columns"), entry.get("from"), entry.get("to")
    if isinstance(source, Written) and "query" in _keys(source):
        message = "needs `from.table`: nobody can tell where rows of a query go; several mappings of one table can go back"
        reader.problem(back.node, back.path, message)
    if not isinstance(columns, Written):
        return
    _check_columns(columns, reader)
    for name in back.get("defaults", {}):
        if name in columns:
            reader.problem(back.place("defaults", name), f"{back.path}.defaults.{name}", "stands under `columns` as well")
    keys = zip((source or {}).get("key", ()), (target or {}).get("key", ()), strict=False)
    for old, new in keys:
        written = columns.get(old)
        if isinstance(written, Written) and dict(written) != {"column": new}:
            message = f"is the key, and must take the new one unchanged: write `{old}: {new}`, or leave it out"
            reader.problem(columns.place(old), f"{columns.path}.{old}", message)


def _check_columns(columns: Written, reader: Reader) -> None:
    if not columns:
        reader.problem(columns.node, columns.path, "is empty: name at least the key's columns")
    for column in columns.values():
        if isinstance(column, Written):
            _check_column(column, _keys(column), reader)


def _check_column(column: Written, keys: set[str], reader: Reader) -> None:
    origins = [key for key in _ORIGINS if key in keys]
    if len(origins) != 1:
        found = f"has {' and '.join(origins)}" if origins else "has no value"
        reader.problem(column.node, column.path, f"{found}: write exactly one of {', '.join(_ORIGINS)}")
    elif origins[0] in ("value", "python") and keys & {"map", "convert"}:
        reader.problem(column.node, column.path, "`map` and `convert` follow `column` or `sql`")
    if {"map", "convert"} <= keys:
        reader.problem(column.node, column.path, "write `map` or `convert`, not both")
    if ("needs" in keys) != ("python" in keys):
        reader.problem(column.node, column.path, "`python` and `needs` go together: the function, and the columns it is given")
    _check_zone(column, keys, reader)


def _check_zone(column: Written, keys: set[str], reader: Reader) -> None:
    converter = CONVERTERS.get(column.get("convert", ""))
    if converter and converter.needs_zone and "zone" not in keys:
        message = f"`{column['convert']}` needs a zone: write `zone: Europe/Amsterdam`, or whichever clock wrote the column"
        reader.problem(column.place("convert"), f"{column.path}.convert", message)
    if "zone" in keys and not (converter and converter.needs_zone):
        reader.problem(column.place("zone"), f"{column.path}.zone", "belongs to `convert: local_time`")


def _check_key(entry: Written, reader: Reader) -> None:
    """Every new row carries its old key, unchanged: both sides are walked in one order, and a row is found from either."""
    source, target = entry.get("from"), entry.get("to")
    if not (isinstance(source, Written) and isinstance(target, Written) and "key" in source and "key" in target):
        return
    if len(source["key"]) != len(target["key"]):
        message = f"has {len(target['key'])} columns, from.key has {len(source['key'])}: name them in the same order"
        reader.problem(target.place("key"), f"{target.path}.key", message)
        return
    for old, new in zip(source["key"], target["key"], strict=True):
        column = entry["columns"].get(new)
        if column is INVALID or (isinstance(column, Written) and dict(column) == {"column": old}):
            continue
        message = f"{new!r} must take the old key unchanged: write `{new}: {old}` under columns"
        reader.problem(target.place("key"), f"{target.path}.key", message)


def _check_names(entries: list[Written], reader: Reader, noun: str) -> None:
    seen: dict[str, Written] = {}
    for entry in entries:
        name = entry.get("name")
        if name is not None and seen.setdefault(name, entry) is not entry:
            line = seen[name].place("name").start.line + 1
            reader.problem(entry.place("name"), f"{entry.path}.name", f"{name!r} is already a {noun} (line {line})")


def _check_targets(mappings: list[Written], reader: Reader) -> None:
    """Two mappings that feed one table would delete each other's rows, unless each says which rows are its own."""
    seen: dict[tuple[Any, Any], Written] = {}
    for entry in mappings:
        target = entry.get("to")
        if not isinstance(target, Written) or not {"database", "table"} <= target.keys():
            continue
        first = seen.setdefault((target["database"], target["table"]), target)
        if first is not target and ("where" not in first or "where" not in target):
            message = f"another mapping writes to {target['table']} as well: give both a `where`, else each deletes the other's"
            reader.problem(target.place("table"), f"{target.path}.table", message)


def _keys(section: Written) -> set[str]:
    """The keys as written, readable or not; a shorthand stands for its first key."""
    return set(section.node.flattened()) if isinstance(section.node, Map) else set(section)
