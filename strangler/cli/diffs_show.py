"""`strangler diffs show`: one mismatch, both answers side by side if the terminal is wide, else one under the other.

Control and candidate stand in the same place always, and each is said with the side that it was: legacy or modern.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.cli.diffs_screen import indented, steps_table
from strangler.cli.terminal import WIDE, age, clean, count, moment, shorten
from strangler.control.diffs import other_side
from strangler.control.side_by_side import (
    DIFFERS,
    KIND_WORDS,
    NO_BODY,
    ONLY_HERE,
    Line,
    aligned,
    answer,
    first_of_each,
    folded,
    headers_of,
    in_words,
    lines_of,
)
from strangler.core.causes import words
from strangler.core.records import Example
from strangler.store.rows import ExampleRow

_MOST_DIFFERENCES = 50
_LONGEST_VALUE = 60


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
    for name, value in headers_of(example.request):
        yield Text(clean(f"  {name}: {value}"), "dim")
    body = [line for line in lines_of(example.request) if line is not NO_BODY]
    if body:
        yield Group(*(Text("  " + clean(line.text)) for line in body))


def _differences(example: Example, whole: bool) -> Iterator[RenderableType]:
    if not example.differences:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in ("path", "kind", f"control ({example.stratum.control})", f"candidate ({other_side(example)})", "in words"):
        table.add_column(title, overflow="fold")
    told = [one for one in example.differences if one["kind"] in KIND_WORDS]
    shown = told if whole else first_of_each(told)[:_MOST_DIFFERENCES]
    for one in shown:
        values = (_value(one, side) for side in ("control", "candidate"))
        table.add_row(clean(str(one["path"])), str(one["kind"]), *values, clean(in_words(one, example.causes)))
    yield table
    if len(shown) < len(told):
        yield Text(f"and {count(len(told) - len(shown), 'difference')} more of these kinds (--whole shows them)")
    beyond = sum(int(one.get("count", 0)) for one in example.differences)
    if beyond:
        yield Text(f"and {count(beyond, 'difference')} more, which were not kept")
    yield Text()


def _value(one: Mapping[str, Any], side: str) -> str:
    """A value as it is written in the body, so that "1" and 1 look different."""
    value = one.get(side)
    return "–" if value is None else shorten(clean(str(value)), _LONGEST_VALUE)


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


def _answers(example: Example, width: int, whole: bool) -> RenderableType:
    control, candidate = (answer(example, side) for side in ("control", "candidate"))
    titles = [f"control: {example.stratum.control} (the client got this)", f"candidate: {other_side(example)}"]
    if width < WIDE:
        parts: list[RenderableType] = []
        for title, lines, others in ((titles[0], control, candidate), (titles[1], candidate, control)):
            shown = [_text(line) for line, _ in folded(aligned(lines, others), whole) if line]
            parts += [Text(title, "bold"), indented(Group(*shown)), Text()]
        return Group(*parts)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=True)
    for title in titles:
        table.add_column(title, overflow="fold", ratio=1, header_style="bold")
    for row in folded(aligned(control, candidate), whole):
        table.add_row(*(_text(line) if line else "" for line in row))
    return table


def _text(line: Line) -> Text:
    more = " (--whole shows them)" if line.hidden else ""
    return Text(f"{line.mark or ' '} {clean(line.text)}{more}", "bold yellow" if line.mark else "")
