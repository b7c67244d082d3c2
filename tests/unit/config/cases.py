"""Reads ``problems.txt``; as a command, prints it with the problems as they are now: python -m tests.unit.config.cases"""

from __future__ import annotations

import re
from pathlib import Path

from strangler.core.errors import Problem
from tests.unit.given import HEAD, outcome

FILE = Path(__file__).with_name("problems.txt")
SECRET = "hunter2-hunter2"
ENVIRON = {"SECRET": SECRET, "W": "5%", "S": "shadow"}


def paragraphs() -> list[str]:
    return FILE.read_text(encoding="utf-8").strip("\n").split("\n\n")


def split(paragraph: str) -> tuple[str, list[str]]:
    """YAML, and the problems expected of it."""
    lines = paragraph.split("\n")
    written = [line for line in lines if not line.startswith(("→", "# "))]
    return "\n".join(written) + "\n", [line.removeprefix("→ ") for line in lines if line.startswith("→")]


def found(text: str) -> list[str]:
    whole = text if re.match(r"-? ?version|upstreams: |---|null|- ", text) else HEAD + text
    return [shown(problem) for problem in outcome(whole, ENVIRON).problems]


def shown(problem: Problem) -> str:
    return problem.render("x").removeprefix("x:")


if __name__ == "__main__":
    for paragraph in paragraphs():
        text, _ = split(paragraph)
        comments = [line for line in paragraph.split("\n") if line.startswith("# ")]
        print(
            "\n".join(
                comments + ([text.rstrip("\n")] if text.strip() else []) + [f"→ {line}" for line in found(text) if text.strip()]
            )
        )
        print()
