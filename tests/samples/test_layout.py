"""Who may import whom: the rewrite knows nothing of the application that it replaces."""

import ast
from collections.abc import Iterator
from pathlib import Path

import sample_legacy
import sample_modern

LEGACY, MODERN = (Path(package.__path__[0]) for package in (sample_legacy, sample_modern))


def imported(folder: Path) -> Iterator[tuple[str, str]]:
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from ((file.name, f"{node.module}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((file.name, alias.name) for alias in node.names)


def test_modern_takes_only_the_facts_and_the_contract_from_legacy() -> None:
    taken = {name for _, name in imported(MODERN) if name.startswith("sample_legacy")}
    assert taken
    assert not [name for name in taken if not name.startswith(("sample_legacy.facts", "sample_legacy.shared"))]


def test_legacy_does_not_know_modern() -> None:
    assert not [name for _, name in imported(LEGACY) if name.startswith("sample_modern")]


def test_the_contract_knows_no_application() -> None:
    taken = {name for _, name in imported(LEGACY / "shared") if name.startswith("sample_legacy")}
    assert not [name for name in taken if not name.startswith(("sample_legacy.facts", "sample_legacy.shared"))]


def test_neither_knows_the_proxy() -> None:
    for folder in (LEGACY, MODERN):
        assert not [name for _, name in imported(folder) if name.startswith(("strangler", "reconcile"))]
