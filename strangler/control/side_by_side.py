"""Two answers side by side: lines of the same place face each other, what differs is marked, and the rest can be left out.

Text is as it was stored. Whoever shows it sees to what a terminal or a browser would make of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import Any

from strangler.core import exact
from strangler.core.causes import words
from strangler.core.difference import Kind, render_step
from strangler.core.records import Cause, Example

DIFFERS, ONLY_HERE = "≠", "+"
_CONTEXT = 3  # equal lines shown around a difference
_MOST_LINES = 2_000  # of a body; more are aligned by nobody
_ALIKE = 3  # differences at the same place of several items that are shown
_INDEX = re.compile(r"\[\d+\]")
KIND_WORDS = {
    Kind.TYPE: "another type",
    Kind.VALUE: "another value",
    Kind.MISSING: "control has it, the candidate has not",
    Kind.EXTRA: "the candidate has it, control has not",
    Kind.ORDER: "another order",
    Kind.LENGTH: "another length",
    Kind.HEADER: "another header",
    Kind.STATUS: "another status",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an answer.

    Attributes:
        place: of the value that begins on it, by which the other side's line is found; "" if only its text tells.
        telling: always shown, as the head of an answer and the first differences at a place are.
        hidden: how many lines it stands for, which are left out.
    """

    text: str
    place: str = ""
    mark: str = ""
    telling: bool = False
    hidden: int = 0


Row = tuple[Line | None, Line | None]
NO_BODY = Line("(no body)")


def answer(example: Example, role: str) -> list[Line]:
    """An answer as lines: status and time, headers, body."""
    view: Mapping[str, Any] = getattr(example, role)
    marks = _marks(example, role)
    took = f" after {view['duration'] * 1000:,.0f} ms" if view.get("duration") else ""
    if view.get("failure"):
        return [Line(f"no whole answer: {view['failure']}{took}", "status", DIFFERS, telling=True)]
    head = [(f"status {view.get('status')}{took}", "status")]
    head += [(f"{name}: {value}", f"header {name.lower()}") for name, value in headers_of(view)]
    lines = [Line(text, place, marks.get(place, ""), telling=True) for text, place in head]
    first = {_place(one) for one in first_of_each(example.differences)}
    body = [
        replace(line, mark=marks.get(line.place, ""), telling=line.place in first) if line.place else line
        for line in lines_of(view)
    ]
    return [*lines, Line("", "body", telling=True), *body]


def _marks(example: Example, role: str) -> dict[str, str]:
    """By place, the sign for what differs there, as seen from one side."""
    only, elsewhere = (Kind.MISSING, Kind.EXTRA) if role == "control" else (Kind.EXTRA, Kind.MISSING)
    found = {_place(one): DIFFERS for one in example.differences if one["kind"] not in (only, elsewhere)}
    return found | {_place(one): ONLY_HERE for one in example.differences if one["kind"] == only}


def _place(one: Mapping[str, Any]) -> str:
    path = str(one["path"])
    if one["kind"] == Kind.HEADER:
        return f"header {path.removeprefix('$').strip('.').lower()}"
    return "status" if one["kind"] == Kind.STATUS else path


def headers_of(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of a request or an answer."""
    return [(str(name), str(value)) for name, value in view.get("headers", ())]


def lines_of(view: Mapping[str, Any]) -> list[Line]:
    """A body as lines, JSON spread out; and what is not there of it, or not as it should be."""
    body = view.get("body") or ""
    said = [f"({view['note']})"] if view.get("note") else []
    said += [f"(cut: only this was kept of {view.get('size', 0):,} bytes)"] if view.get("cut") else []
    notes = [Line(text) for text in said]
    if not body:
        return notes or [NO_BODY]
    try:
        return [*_json_lines(exact.parse(body.encode("utf-8", "surrogatepass"))), *notes]
    except (exact.NotJsonError, RecursionError):
        return [*(Line(text) for text in body.splitlines()[:_MOST_LINES]), *notes]


def _json_lines(value: Any, path: str = "$", indent: str = "", key: str = "", comma: str = "") -> Iterator[Line]:
    if isinstance(value, dict) and value:
        yield Line(f"{indent}{key}{{", path)
        last = len(value) - 1
        for index, (name, member) in enumerate(value.items()):
            name_shown = f"{json.dumps(name, ensure_ascii=False)}: "
            yield from _json_lines(member, path + render_step(name), indent + "  ", name_shown, "," * (index < last))
        yield Line(f"{indent}}}{comma}")
    elif isinstance(value, list) and value:
        yield Line(f"{indent}{key}[", path)
        for index, item in enumerate(value):
            yield from _json_lines(item, f"{path}[{index}]", indent + "  ", "", "," * (index < len(value) - 1))
        yield Line(f"{indent}]{comma}")
    else:
        yield Line(f"{indent}{key}{_leaf(value)}{comma}", path)


def _leaf(value: Any) -> str:
    return value if isinstance(value, exact.Number) else json.dumps(value, ensure_ascii=False)


def aligned(left: list[Line], right: list[Line]) -> list[Row]:
    """Lines of the same place, or with the same text, side by side."""
    if len(left) + len(right) > 2 * _MOST_LINES:
        return list(zip_longest(left, right))
    places, others = ([line.place or line.text.strip() for line in lines] for lines in (left, right))
    rows: list[Row] = []
    for tag, start, end, other_start, other_end in SequenceMatcher(None, places, others, autojunk=False).get_opcodes():
        if tag == "equal":
            rows += zip(left[start:end], right[other_start:other_end], strict=True)
        else:
            rows += ((_alone(line), None) for line in left[start:end])
            rows += ((None, _alone(line)) for line in right[other_start:other_end])
    return rows


def _alone(line: Line) -> Line:
    """A line that the other side has not: where there are no places to tell by, that is the difference."""
    is_bracket = not line.text.strip(" {}[],")
    return line if line.place or line.mark or is_bracket else replace(line, mark=DIFFERS, telling=True)


def folded(rows: list[Row], whole: bool) -> list[Row]:
    """Rows without the equal ones that stand far from any that differs."""
    telling = {index for index, row in enumerate(rows) if any(line and line.telling for line in row)}
    near = {index + offset for index in telling for offset in range(-_CONTEXT, _CONTEXT + 1)}
    shown: list[Row] = []
    for is_near, group in groupby(enumerate(rows), lambda numbered: whole or numbered[0] in near):
        some = [row for _, row in group]
        shown += some if is_near or len(some) == 1 else [_left_out(some)]
    return shown


def _left_out(rows: list[Row]) -> Row:
    differing = sum(any(line and line.mark for line in row) for row in rows)
    what = f"lines, {differing:,} of which differ as those above" if differing else "equal lines"
    note = Line(f"… {len(rows):,} {what}", hidden=len(rows))
    return note, note


def first_of_each(differences: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first few at each place, whatever the index: a list of a hundred items tells no more than three."""
    seen: Counter[tuple[str, str]] = Counter()
    first = []
    for one in differences:
        seen[pattern_of(one), one["kind"]] += 1
        if seen[pattern_of(one), one["kind"]] <= _ALIKE:
            first.append(one)
    return first


def pattern_of(one: Mapping[str, Any]) -> str:
    """Where a difference is, whatever the index."""
    return _INDEX.sub("[*]", str(one["path"]))


def in_words(one: Mapping[str, Any], causes: Sequence[Cause]) -> str:
    """What a difference is, if a cause explains it as that says."""
    places = (pattern_of(one), one["path"])
    cause = next((cause for cause in causes if cause.kind == one["kind"] and cause.pattern in places), None)
    said = words(cause).partition(": ")[2] if cause and cause.transform else ""
    return said or KIND_WORDS[one["kind"]]
