"""The screen of `strangler discover`: the answer, the endpoints in their order, what was put aside, what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from strangler.cli.terminal import age, clean, count, share, shorten, took
from strangler.traffic.discovery.endpoint import Endpoint, Query
from strangler.traffic.discovery.ranking import Ranked
from strangler.traffic.discovery.survey import Discovery

_SHOWN = 40  # endpoints, unless all are asked for
_REASONED = 5  # of which the reasons are told
_LISTED = 8


def screen(found: Discovery, ranked: tuple[Ranked, ...], *, show_all: bool, width: int) -> Iterator[RenderableType]:
    """All of it, from the answer down."""
    yield _answer(found)
    if not found.endpoints:
        yield from _aside(found)
        return
    yield Text()
    if show_all:
        yield from (_whole(number, one, found) for number, one in enumerate(ranked, 1))
    else:
        yield _table(ranked[:_SHOWN], found, width)
        if len(ranked) > _SHOWN:
            yield Text(f"and {len(ranked) - _SHOWN} more: --all shows them", "dim")
        yield from _first(ranked)
    yield from _document(found)
    yield from _crowds(found)
    yield from _aside(found)


def _answer(found: Discovery) -> Text:
    if not found.endpoints:
        return Text.assemble(("no endpoint found", "bold"), f" in {count(found.requests, 'request')}")
    span = f" of {age(found.last - found.first)}" if found.last > found.first else ""
    answer = Text.assemble((count(len(found.endpoints), "endpoint"), "bold"), f" in {count(found.requests, 'request')}{span}")
    if found.folded:
        answer.append(f"; {count(found.folded, 'request')} had paths too many to tell apart, so some endpoint may be too wide")
    return answer


def _table(ranked: tuple[Ranked, ...], found: Discovery, width: int) -> Table:
    """Paths have what the figures leave; the middle of a long one is on the next line, and never cut off."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("", "method", "path", "requests", "p95", "answers"):
        table.add_column(
            name, justify="right" if name in ("", "requests", "p95") else "left", overflow="fold", no_wrap=name != "path"
        )
    for number, one in enumerate(ranked, 1):
        endpoint = one.endpoint
        table.add_row(
            str(number),
            clean(endpoint.method),
            Text(clean(endpoint.template.text), style="" if endpoint.operation or not found.documented else "yellow"),
            f"{endpoint.requests:,} {share(endpoint.requests, found.requests, 0):>4}",
            took(endpoint.seconds[1]) if endpoint.seconds else "",
            _classes(endpoint),
        )
    return table


def _classes(endpoint: Endpoint) -> Text:
    parts = sorted(endpoint.classes.items(), key=lambda item: -item[1])
    text = Text()
    for name, number in parts[:3]:
        if text:
            text.append(" ")
        alone = len(parts) == 1
        text.append(name if alone else f"{name} {share(number, endpoint.requests, 0)}", "red" if name in ("5xx", "–") else "")
    return text


def _first(ranked: tuple[Ranked, ...]) -> Iterator[RenderableType]:
    yield Text()
    yield Text("strangle first", "bold")
    for number, one in enumerate(ranked[:_REASONED], 1):
        yield Text(f"{number}. {clean(one.endpoint.name)}")
        yield from (Padding(Text(clean(reason.words), "dim"), (0, 0, 0, 3)) for reason in one.reasons)


def _whole(number: int, ranked: Ranked, found: Discovery) -> RenderableType:
    one = ranked.endpoint
    facts = [
        ("requests", f"{one.requests:,}, {share(one.requests, found.requests)}"),
        ("answers", ", ".join(f"{status or 'none'} {times:,}" for status, times in sorted(one.statuses.items()))),
        ("content", ", ".join(one.kinds[:4])),
        ("sent", ", ".join(one.sends[:4])),
        ("query", "; ".join(_query(each) for each in one.query)),
        ("asks as", ", ".join(f"{name} {share(times, one.requests, 0)}" for name, times in one.auth.items())),
        ("cookies", ", ".join(one.cookies[:6])),
        ("varies by", ", ".join(one.varies[:6])),
        ("hosts", ", ".join(one.hosts[:4]) if len(one.hosts) > 1 else ""),
        ("size", f"{one.sizes[0]:,.0f} B, 95 % up to {one.sizes[1]:,.0f} B" if one.sizes else ""),
        ("takes", f"{took(one.seconds[0])}, 95 % up to {took(one.seconds[1])}" if one.seconds else ""),
        ("effects", "; ".join(one.effects)),
        ("again", f"{one.again[1]} of {one.again[0]} answered the same" if one.again[0] else ""),
        ("data", f"{', '.join(one.mappings)} (a guess)" if one.mappings else ""),
        (
            "document",
            ("as " + (one.operation.name or one.name) if one.operation else "not documented") if found.documented else "",
        ),
        ("such as", ", ".join(one.examples[:2])),
    ]
    told = [Text.assemble((f"{name:<10}", "dim"), clean(value)) for name, value in facts if value]
    why = [Text(clean(reason.words), "dim") for reason in ranked.reasons]
    head = Text.assemble(f"{number}. ", (clean(one.name), "bold"))
    return Group(head, Padding(Group(*told, *why), (0, 0, 1, 3)))


def _query(query: Query) -> str:
    often = "" if query.always else f" ({share(round(query.share * 1000), 1000, 0)})"
    values = f" = {', '.join(shorten(value, 20) or '(empty)' for value in query.values)}" if query.values else ""
    return f"{query.name}{often}{values}"


def _document(found: Discovery) -> Iterator[RenderableType]:
    if not found.documented:
        return
    missing = [one.name for one in found.endpoints if one.operation is None]
    base = f" (below {clean(found.base)})" if found.base else ""
    yield Text()
    known = len(found.endpoints) - len(missing)
    yield Text.assemble(("documented", "bold"), f"{base}: {known} of {count(len(found.endpoints), 'endpoint')}")
    yield from _listed("in use, but not documented", missing)
    yield from _listed("documented, but never seen", [f"{one.method} {one.template.text}" for one in found.unseen])


def _listed(title: str, names: list[str]) -> Iterator[RenderableType]:
    if names:
        yield Text(f"{title}: {len(names)}")
        yield from (Padding(Text(clean(name)), (0, 0, 0, 3)) for name in names[:_LISTED])
        if len(names) > _LISTED:
            yield Padding(Text(f"and {len(names) - _LISTED} more (--json)", "dim"), (0, 0, 0, 3))


def _crowds(found: Discovery) -> Iterator[RenderableType]:
    for place, number in found.crowds[:_LISTED]:
        yield Text()
        said = f"{number:,} words stand side by side below {shorten(clean(place), 40)}: are they values of one parameter?"
        yield Text.assemble(("doubtful", "bold"), f": {said} A recording with bodies, or --openapi, would tell.")


def _aside(found: Discovery) -> Iterator[RenderableType]:
    if not found.aside:
        return
    yield Text()
    put = sum(one.requests for one in found.aside)
    yield Text.assemble(("put aside", "bold"), f": {count(put, 'request')} ({share(put, found.requests)}), no endpoint's")
    for one in found.aside:
        yield Padding(Text(f"{one.requests:,}  {one.reason}"), (0, 0, 0, 3))
        if one.examples:
            yield Padding(
                Text(f"such as {', '.join(shorten(clean(each), 30) for each in one.examples[:3])}", "dim"), (0, 0, 0, 6)
            )
