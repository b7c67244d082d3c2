"""Who may import whom, which file alone imports a heavy dependency, and how modules are named (DESIGN, section 2)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("strangler", "reconcile", "sample_legacy", "sample_modern")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Everything a file imports, wherever it stands in it: ``from a.b import c`` is a.b.c, whatever c is."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


IMPORTS = {path: sorted(set(imports(path))) for path in FILES}


def inside(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def offenders(places: tuple[str, ...], *refused: str, allowed: tuple[str, ...] = ()) -> list[str]:
    """``file imports name`` for all files below `places` that import something refused and not allowed."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, names in IMPORTS.items()
        if inside(module_of(path), *places)
        for name in names
        if inside(name, *refused) and not inside(name, *allowed)
    ]


ADAPTERS = ("proxy", "engines", "evidence", "traffic", "store", "config")
MAY_IMPORT = {
    "core": (),
    **dict.fromkeys(ADAPTERS, ("core",)),
    "control": ("core", *ADAPTERS),
    "web": ("core", *ADAPTERS, "control"),
    "demo": ("core", *ADAPTERS, "control"),
    "cli": ("core", *ADAPTERS, "control", "web", "demo"),
}
ROOMS = sorted(path.name for path in (ROOT / "strangler").iterdir() if (path / "__init__.py").exists())


def test_every_room_of_the_house_is_known():
    assert set(ROOMS) <= set(MAY_IMPORT)
    assert {path.name for path in (ROOT / "strangler").glob("*.py")} <= {"__init__.py", "__main__.py", "supervisor.py"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room):
    allowed = tuple(f"strangler.{other}" for other in (room, *MAY_IMPORT[room]))
    assert offenders((f"strangler.{room}",), "strangler", allowed=(*allowed, "strangler.__version__")) == []


STANDARD_AND_PURE = {
    *(
        "__future__",
        "abc",
        "base64",
        "bisect",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
    ),
    *("enum", "fractions", "functools", "gzip", "hashlib", "heapq", "hmac", "html", "ipaddress", "itertools", "json", "math"),
    *("operator", "re", "statistics", "string", "struct", "sys", "textwrap", "types", "typing", "unicodedata", "urllib.parse"),
    *("xml", "zlib"),
}


def test_the_core_is_standard_library_without_clock_chance_or_world():
    assert [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, names in IMPORTS.items()
        if inside(module_of(path), "strangler.core")
        for name in names
        if not inside(name, "strangler.core", *STANDARD_AND_PURE)
    ] == []


def test_the_core_neither_asks_the_time_nor_touches_the_world():
    calls = re.compile(
        r"\b(datetime\.now|datetime\.utcnow|date\.today|open|print|input|sys\.(argv|stdin|stdout|stderr|exit|modules))\b[(.\[]"
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        if inside(module_of(path), "strangler.core")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if calls.search(line) and not re.search(r"\.open\(|def open\(", line)
    ]
    assert found == []


def test_reconcile_works_alone():
    assert offenders(("reconcile",), "strangler", allowed=("strangler.core",)) == []
    assert offenders(("reconcile",), "sample_legacy", "sample_modern") == []


MEETINGS = ("strangler/control/cutover/sides.py", "strangler/control/letters.py")


def test_only_the_command_line_the_cutover_and_dead_letters_know_reconcile():
    places = tuple(f"strangler.{room}" for room in ROOMS if room not in ("cli", "demo"))
    assert [said for said in offenders(places, "reconcile") if not said.startswith(tuple(f"{name} " for name in MEETINGS))] == []
    for name in MEETINGS:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        here = {ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
        assert not [line for line in here if "reconcile" in line], f"{name}: it is loaded when somebody asks"


def test_the_samples_know_nothing_of_strangler():
    assert offenders(("sample_legacy", "sample_modern"), "strangler", "reconcile") == []
    assert offenders(("sample_legacy",), "sample_modern") == []
    shared = ("sample_legacy.facts", "sample_legacy.shared")
    assert offenders(("sample_modern",), "sample_legacy", allowed=shared) == []


@pytest.mark.parametrize(
    ("dependency", "where"),
    [
        ("yaml", {"strangler.config.document", "reconcile.mapping.document", "sample_modern.planted"}),
        ("httptools", {"strangler.proxy"}),
        ("uvloop", {"strangler.proxy", "strangler.control.worker", "strangler.web.admin"}),  # where a process starts
        ("mitmproxy", {"strangler.engines.mitm", "strangler.traffic.flows"}),
        ("h2", {"strangler.engines.mitm"}),
        ("hyperframe", {"strangler.engines.mitm"}),
        ("cryptography", {"strangler.engines.authority"}),
        ("ijson", {"strangler.traffic.listed"}),
        ("lxml", {"strangler.evidence.trees"}),
        ("brotli", {"strangler.evidence.coding"}),
        ("backports.zstd", {"strangler.evidence.coding"}),
        ("apscheduler", {"strangler.control", "reconcile.jobs"}),
        ("click", {"strangler.cli", "reconcile.cli"}),
        ("rich", {"strangler.cli", "strangler.demo", "reconcile.cli"}),
        ("jinja2", {"strangler.web", "reconcile.reports", "sample_legacy", "sample_modern"}),
        ("alembic", {"strangler.store"}),
        ("nats", {"reconcile.sinks.nats"}),
        ("confluent_kafka", {"reconcile.sinks.kafka"}),
        ("aio_pika", {"reconcile.sinks.rabbitmq"}),
        ("aiormq", {"reconcile.sinks.rabbitmq"}),
        ("redis", {"reconcile.sinks.redis"}),
        ("sqlalchemy", {"strangler.store", "reconcile", "sample_legacy", "sample_modern"}),
    ],
)
def test_a_heavy_dependency_has_its_place(dependency, where):
    everywhere = tuple({module_of(path) for path in FILES})
    elsewhere = tuple(module for module in everywhere if not inside(module, *where))
    assert [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, names in IMPORTS.items()
        if module_of(path) in elsewhere
        for name in names
        if inside(name, dependency)
    ] == []


def test_no_module_is_a_drawer():
    drawers = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common", "base", "tools"}
    assert [str(path.relative_to(ROOT)) for path in FILES if drawers & {*path.with_suffix("").parts}] == []


AVOIDED = {
    # DESIGN, section 1: the word to use instead
    "backend": "upstream",
    "mirror": "shadow",
    "tee": "shadow",
    "percentage": "weight, or Share",
    "bundle": "group",
    "master": "owner",
}


ABOUT_TRAFFIC = tuple(f"strangler.{room}" for room in ("core", "config", "proxy", "engines", "evidence", "cli", "web"))


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def test_one_vocabulary():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name} (say {AVOIDED[word]})"
        for path in FILES
        if inside(module_of(path), *ABOUT_TRAFFIC)
        for line, name in names_in(path)
        for word in re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
        if word in AVOIDED
    ]
    assert found == []


def test_public_modules_of_the_core_say_what_they_decide():
    for path in FILES:
        if inside(module_of(path), "strangler.core", "strangler.config"):
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_functions_of_the_core_are_short():
    """Median 3 to 5 lines, nearly all under 25 (STYLE)."""
    lengths = {
        f"{module_of(path)}.{node.name}": (node.end_lineno or 0) - node.body[0].lineno + 1
        for path in FILES
        if inside(module_of(path), "strangler.core", "strangler.config")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    assert sorted(lengths.values())[len(lengths) // 2] <= 8
    assert [f"{name}: {lines}" for name, lines in lengths.items() if lines > 32] == []


STARTS = {  # what is started all the time, and what it can do without
    "strangler.control.reader": {"asyncio", "httptools", "sqlalchemy"},
    "strangler.control.supervisor": {"asyncio", "ssl", "yaml", "sqlalchemy"},
    "strangler.cli.flip": {"alembic", "httpx", "pygments"},
    "strangler.store.store": {"alembic", "mako"},
    "strangler.control.worker": {"mitmproxy", "h2", "sqlalchemy"},
}


@pytest.mark.parametrize("module", STARTS)
def test_what_starts_often_loads_nothing_that_it_does_not_need(module):
    told = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()
    assert STARTS[module] & set(loaded) == set()
