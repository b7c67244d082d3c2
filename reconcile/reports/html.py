"""One page that stands alone: every compared table's verdict now and over time, where it drifts, and the command to go on.

It is made from the same documents that `--json` prints, so the two never differ; values are in it only if they are in those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from reconcile.reports.report import SHOWN, Drift, Verdict

Document = Mapping[str, Any]

_MARKS = {Verdict.CLEAN: "✓", Verdict.DRIFT: "✗", Verdict.CANNOT_SAY: "?"}
_WORDS = {Verdict.CLEAN: "clean", Verdict.DRIFT: "drift", Verdict.CANNOT_SAY: "cannot say"}
_MEANING = {
    Drift.MISSING: "on the owner's side only",
    Drift.EXTRA: "on the other side only",
    Drift.CHANGED: "on both, and different",
}
_COUNTED = {  # what else a pass may have counted, and what that means
    "in_flight": "on their way when the pass looked",
    "stuck": "on their way for far too long, or given up",
    "undecided": "changing each time they were looked at",
    "normalisation": "different only in how Unicode is spelled",
}
MOST_PAST = 30  # passes that are shown


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier pass: when it ended, in seconds since 1970, its verdict, and how many rows had drifted."""

    ended_at: float
    verdict: str
    drifted: int = 0
    full: bool = True


@dataclass(frozen=True, slots=True)
class Sheet:
    """One mapping's part of the page."""

    document: Document
    past: Sequence[Past] = ()

    @property
    def name(self) -> str:
        return str(self.document["mapping"])

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.document["verdict"])

    @property
    def drifted(self) -> int:
        return sum(int(self.document.get(kind, 0)) for kind in Drift)

    @property
    def looked_at(self) -> str:
        """Which keys; a page never says more than was done."""
        if not self.document["covered"]:
            return "not all keys looked at"
        return (
            "all keys looked at" if self.document["full"] else "only keys looked at that were captured since the last clean pass"
        )

    @property
    def counts(self) -> list[tuple[str, int, str]]:
        """What was counted: kind, rows, meaning."""
        kinds = {kind.value: meaning for kind, meaning in _MEANING.items()} | _COUNTED
        found = ((kind, self.document.get(kind, 0), meaning) for kind, meaning in kinds.items())
        return [(kind.replace("_", " "), count, meaning) for kind, count, meaning in found if isinstance(count, int) and count]

    @property
    def columns(self) -> list[tuple[str, int, float]]:
        """Column, rows that differ in it, and the width of its bar (0 to 100), the worst first."""
        found = sorted(self.document.get("columns", {}).items(), key=lambda item: (-item[1], item[0]))
        most = max((count for _, count in found), default=1)
        return [(name, count, 100 * count / most) for name, count in found]

    @property
    def samples(self) -> Sequence[Document]:
        return list(self.document.get("differences", ()))[:SHOWN]

    @property
    def commands(self) -> list[tuple[str, str]]:
        """What to type now, and what for."""
        return [(command.format(self.name), purpose) for command, purpose in _COMMANDS[self.verdict]]


_COMMANDS: Mapping[Verdict, Sequence[tuple[str, str]]] = {
    Verdict.CLEAN: (),
    Verdict.DRIFT: (
        ("strangler data reconcile {} --values", "what the rows hold, on your screen only"),
        ("strangler data repair plan {}", "what would be written; nothing is, before `repair apply`"),
    ),
    Verdict.CANNOT_SAY: (("strangler data status", "what keeps it from saying"),),
}


def render(sheets: Iterable[Sheet], *, now: float, title: str) -> str:
    """The page, complete. `now` in seconds since 1970."""
    found = list(sheets)
    counted = {verdict: sum(sheet.verdict is verdict for sheet in found) for verdict in Verdict}
    return _template().render(sheets=found, counted=counted, now=now, title=title, answer=_answer(found, counted))


def _answer(sheets: Sequence[Sheet], counted: Mapping[Verdict, int]) -> str:
    if not sheets:
        return "Nothing was compared"
    if counted[Verdict.CLEAN] == len(sheets):
        return "Both sides are equal" if len(sheets) == 1 else f"All {len(sheets)} mappings are clean"
    told = [(Verdict.DRIFT, "drifted"), (Verdict.CANNOT_SAY, "could not be told"), (Verdict.CLEAN, "clean")]
    parts = [f"{counted[verdict]} {words}" for verdict, words in told if counted[verdict]]
    return f"Of {len(sheets)} mapping{'s' * (len(sheets) != 1)}: {', '.join(parts)}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _key(key: Sequence[Any]) -> str:
    return ", ".join(str(part) for part in key)


@cache
def _template() -> Template:
    loader = PackageLoader("reconcile.reports")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"moment": _moment, "key": _key, "mark": _MARKS.__getitem__, "words": _WORDS.__getitem__}
    environment.filters["verdict"] = Verdict
    environment.globals["most_past"] = MOST_PAST
    return environment.get_template("reconcile.html")
