"""`strangler diffs show`: one mismatch, both answers side by side if the terminal is wide, else one under the other.

Control and candidate stand in the same place always, and each is said with the side that it was: legacy or modern.
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

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.cli.diffs_screen import indented, steps_table
from strangler.cli.terminal import WIDE, age, clean, count, moment, shorten
from strangler.control.diffs import other_side
from strangler.core import exact
from strangler.core.causes import words
from strangler.core.difference import Kind, render_step
from strangler.core.records import Cause, Example
from strangler.store.rows import ExampleRow

DIFFERS, ONLY_HERE = "≠", "+"
_CONTEXT = 3  # equal lines shown around a difference
_MOST_LINES = 2_000  # of a body; more are aligned by nobody
_MOST_DIFFERENCES = 50
_ALIKE = 3  # differences at the same place of several items that are shown
_LONGEST_VALUE = 60
_INDEX = re.compile(r"\[\d+\]")
_KIND_WORDS = {
    Kind.TYPE: "another type",
    Kind.VALUE: "another value",
    Kind.MISSING: "control has it, the candidate has not",
    Kind.EXTRA: "the candidate has it, control has not",
    Kind.ORDER: "another order",
    Kind.LENGTH: "another length",
    Kind.HEADER: "another header",
    Kind.STATUS: "another status",
}


def screen(
    row: ExampleRow, now: float, width: int, *, ignored: Sequence[tuple[str, str]] = (), whole: bool = False
) -> Iterator[RenderableType]:
    """All of it: what it is, what was asked, what differs, and the two answers.

    Args:
        now: seconds since 1970.
        ignored: path and rule of every difference that does not count.
        whole: equal lines are not left out.
    """
    example = row.example
    yield Text(clean(f"{str(example.outcome).replace('_', ' ')} {row.id} on {example.route}"), "bold")
    build = f", modern build {example.stratum.version}" if example.stratum.version else ""
    when = f"{age(now - example.at)} ago ({moment(example.at)})"
    yield Text(clean(f"{when}, stage {example.stratum.stage}{build}, request id {example.request_id or 'none'}"))
    for cause in example.causes:
        yield Text(clean(f"  {words(cause)}"), "yellow")
    yield Text()
    yield from _request(example)
    yield Text()
    yield from _differences(example, whole)
    yield from allowed(ignored)
    yield _answers(example, width, whole)
    yield Text(f"{DIFFERS} differs   {ONLY_HERE} only on this side", "dim")
    if row.causes:
        yield steps_table([(f"strangler diffs accept {row.causes[0]} --dry-run", "if it is meant to differ: the rule to write")])


def _request(example: Example) -> Iterator[RenderableType]:
    yield Text(clean(f"{example.method} {example.target}"), "bold")
    for name, value in _headers(example.request):
        yield Text(clean(f"  {name}: {value}"), "dim")
    body = [line for line in _lines_of(example.request) if line is not _NO_BODY]
    if body:
        yield Group(*(Text("  " + line.text) for line in body))


def _differences(example: Example, whole: bool) -> Iterator[RenderableType]:
    if not example.differences:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in ("path", "kind", f"control ({example.stratum.control})", f"candidate ({other_side(example)})", "in words"):
        table.add_column(title, overflow="fold")
    told = [one for one in example.differences if one["kind"] in _KIND_WORDS]
    shown = told if whole else _first_of_each(told)[:_MOST_DIFFERENCES]
    for one in shown:
        values = (_value(one, side) for side in ("control", "candidate"))
        table.add_row(clean(str(one["path"])), str(one["kind"]), *values, clean(_in_words(one, example.causes)))
    yield table
    if len(shown) < len(told):
        yield Text(f"and {count(len(told) - len(shown), 'difference')} more of these kinds (--whole shows them)")
    beyond = sum(int(one.get("count", 0)) for one in example.differences)
    if beyond:
        yield Text(f"and {count(beyond, 'difference')} more, which were not kept")
    yield Text()


def _first_of_each(differences: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first few at each place, whatever the index: a list of a hundred items tells no more than three."""
    seen: Counter[tuple[str, str]] = Counter()
    first = []
    for one in differences:
        seen[_pattern(one), one["kind"]] += 1
        if seen[_pattern(one), one["kind"]] <= _ALIKE:
            first.append(one)
    return first


def _pattern(one: Mapping[str, Any]) -> str:
    return _INDEX.sub("[*]", str(one["path"]))


def _value(one: Mapping[str, Any], side: str) -> str:
    """A value as it is written in the body, so that "1" and 1 look different."""
    value = one.get(side)
    return "–" if value is None else shorten(clean(str(value)), _LONGEST_VALUE)


def _in_words(one: Mapping[str, Any], causes: Sequence[Cause]) -> str:
    places = (_pattern(one), one["path"])
    cause = next((cause for cause in causes if cause.kind == one["kind"] and cause.pattern in places), None)
    said = words(cause).partition(": ")[2] if cause and cause.transform else ""
    return said or _KIND_WORDS[one["kind"]]


def allowed(ignored: Sequence[tuple[str, str]]) -> Iterator[RenderableType]:
    """Differences that do not count, by path, and the rules that say so."""
    if not ignored:
        return
    yield Text(f"{count(len(ignored), 'difference')} allowed by the route's rules as they are now:")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    for path, rule in ignored[:_MOST_DIFFERENCES]:
        table.add_row(clean(path), clean(f"by {rule}"))
    yield indented(table)
    yield Text()


# the answers


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an answer.

    Attributes:
        place: of the value that begins on it, by which the other side's line is found; "" if only its text tells.
        telling: always shown, as the head of an answer and the first differences at a place are.
    """

    text: str
    place: str = ""
    mark: str = ""
    telling: bool = False


_NO_BODY = Line("(no body)")


def _answers(example: Example, width: int, whole: bool) -> RenderableType:
    control, candidate = (_answer(example, side) for side in ("control", "candidate"))
    titles = [f"control: {example.stratum.control} (the client got this)", f"candidate: {other_side(example)}"]
    if width < WIDE:
        parts: list[RenderableType] = []
        for title, lines, others in ((titles[0], control, candidate), (titles[1], candidate, control)):
            shown = [_text(line) for line, _ in _folded(_aligned(lines, others), whole) if line]
            parts += [Text(title, "bold"), indented(Group(*shown)), Text()]
        return Group(*parts)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True)
    for title in titles:
        table.add_column(title, overflow="fold", ratio=1, header_style="bold")
    for row in _folded(_aligned(control, candidate), whole):
        table.add_row(*(_text(line) if line else "" for line in row))
    return table


def _text(line: Line) -> Text:
    return Text(f"{line.mark or ' '} {line.text}", "bold yellow" if line.mark else "")


def _answer(example: Example, role: str) -> list[Line]:
    """An answer as lines: status and time, headers, body."""
    view: Mapping[str, Any] = getattr(example, role)
    marks = _marks(example, role)
    took = f" after {view['duration'] * 1000:,.0f} ms" if view.get("duration") else ""
    if view.get("failure"):
        return [Line(clean(f"no whole answer: {view['failure']}{took}"), "status", DIFFERS, telling=True)]
    head = [(f"status {view.get('status')}{took}", "status")]
    head += [(f"{name}: {value}", f"header {name.lower()}") for name, value in _headers(view)]
    lines = [Line(clean(text), place, marks.get(place, ""), telling=True) for text, place in head]
    first = {_place(one) for one in _first_of_each(example.differences)}
    body = [
        replace(line, mark=marks.get(line.place, ""), telling=line.place in first) if line.place else line
        for line in _lines_of(view)
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


def _headers(view: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(name), str(value)) for name, value in view.get("headers", ())]


def _lines_of(view: Mapping[str, Any]) -> list[Line]:
    """A body as lines, JSON spread out; and what is not there of it, or not as it should be."""
    body = view.get("body") or ""
    said = [f"({view['note']})"] if view.get("note") else []
    said += [f"(cut: only this was kept of {view.get('size', 0):,} bytes)"] if view.get("cut") else []
    notes = [Line(clean(text)) for text in said]
    if not body:
        return notes or [_NO_BODY]
    try:
        return [*_json_lines(exact.parse(body.encode("utf-8", "surrogatepass"))), *notes]
    except (exact.NotJsonError, RecursionError):
        return [*(Line(clean(text)) for text in body.splitlines()[:_MOST_LINES]), *notes]


def _json_lines(value: Any, path: str = "$", indent: str = "", key: str = "", comma: str = "") -> Iterator[Line]:
    if isinstance(value, dict) and value:
        yield Line(f"{indent}{key}{{", path)
        last = len(value) - 1
        for index, (name, member) in enumerate(value.items()):
            name_shown = f"{clean(json.dumps(name, ensure_ascii=False))}: "
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
    return value if isinstance(value, exact.Number) else clean(json.dumps(value, ensure_ascii=False))


_Row = tuple[Line | None, Line | None]


def _aligned(left: list[Line], right: list[Line]) -> list[_Row]:
    """Lines of the same place, or with the same text, side by side."""
    if len(left) + len(right) > 2 * _MOST_LINES:
        return list(zip_longest(left, right))
    places, others = ([line.place or line.text.strip() for line in lines] for lines in (left, right))
    rows: list[_Row] = []
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


def _folded(rows: list[_Row], whole: bool) -> list[_Row]:
    """Rows without the equal ones that stand far from any that differs."""
    telling = {index for index, row in enumerate(rows) if any(line and line.telling for line in row)}
    near = {index + offset for index in telling for offset in range(-_CONTEXT, _CONTEXT + 1)}
    shown: list[_Row] = []
    for is_near, group in groupby(enumerate(rows), lambda numbered: whole or numbered[0] in near):
        some = [row for _, row in group]
        shown += some if is_near or len(some) == 1 else [_left_out(some)]
    return shown


def _left_out(rows: list[_Row]) -> _Row:
    differing = sum(any(line and line.mark for line in row) for row in rows)
    what = f"lines, {differing:,} of which differ as those above" if differing else "equal lines"
    note = Line(f"… {len(rows):,} {what} (--whole shows them)")
    return note, note
