"""The screens of `strangler status` and `strangler top`: what needs a person first, then every route on a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.cli.diffs_screen import indented, steps_table
from strangler.cli.flip_screen import command_of, verdicts
from strangler.cli.terminal import age, clean, count, moment, rate, share, took
from strangler.control.standings import SAID, Attention, Overview, Standing, Traffic, Unit, attention
from strangler.core.cutover import OLD, Record
from strangler.core.guard.verdict import Verdict
from strangler.core.model import Side, Stage

FEW = 24  # units that are all shown
MOST_NOTES = 8
NARROW = 64  # columns below which a table cannot be read
_SPLIT, _PERCENTILES = 86, 112  # columns from which these are shown
_STYLES = {SAID[Verdict.PASS]: "green", SAID[Verdict.FAIL]: "bold red"}

Cell = Callable[[Unit], Text]


def overview(
    seen: Overview, path: Path, width: int, *, everything: bool = False, members: bool = False
) -> Iterator[RenderableType]:
    """All of it.

    Args:
        width: of the terminal, in columns.
        everything: also what there is nothing to say of.
        members: the routes of a group, each on a line of its own, below it.
    """
    yield from head(seen, path)
    notes = attention(seen.units, seen.record)
    if notes:
        yield from _notes(notes)
    chosen = seen.units if everything or len(seen.units) <= FEW else telling(seen.units, notes)
    if not seen.standings:
        yield Text("no routes: everything goes to legacy. Write the first one into the file: `strangler explain GET /` checks it")
    elif chosen:
        lines = [line for unit in chosen for line in _lines(unit, members or everything)]
        yield _cards(lines) if width < NARROW else _table(lines, width)
    hidden = [unit for unit in seen.units if unit not in chosen]
    if hidden:
        yield Text(_rest(hidden), "dim")


def head(seen: Overview, path: Path) -> Iterator[RenderableType]:
    """Whether anybody serves, and what is not known."""
    proxy, name = seen.proxy, clean(str(path))
    total = sum((each.traffic for each in seen.standings if each.traffic is not None), Traffic())
    if not proxy.workers:
        yield Text(f"nobody serves {name} here: `strangler serve` starts it. This is the file, and the last evidence", "bold red")
    elif proxy.problems or not proxy.current:
        yield Text(f"{name} is not what is served: what was served before goes on", "bold red")
        yield from (Text(clean(f"  {line}"), "red") for line in proxy.problems.splitlines())
        yield Text("  the stages below are those of the file")
    else:
        known = any(each.traffic is not None for each in seen.standings)
        flow = f", {rate(total.total)} on routes" if known else ""
        who = f" (pid {proxy.pid})" if proxy.pid else ""
        yield Text(f"{name} is served by {count(proxy.workers, 'worker')}{who}{flow}", "bold")
    if proxy.silent and proxy.workers:
        yield Text(clean(f"  live numbers are not known: {proxy.silent}"), "yellow")
    for clause in seen.trouble:
        yield Text(clean(f"  {clause}"), "yellow")


def _notes(notes: Sequence[Attention]) -> Iterator[RenderableType]:
    yield Text("needs attention:", "bold yellow")
    for note in notes[:MOST_NOTES]:
        text = Text.assemble((clean(note.unit), "bold"), clean(f": {note.words}"))
        yield indented(Group(text, Text(f"  {clean(note.command)}", "cyan")) if note.command else text)
    if len(notes) > MOST_NOTES:
        yield Text(f"  and {len(notes) - MOST_NOTES} more: strangler status ROUTE says them", "yellow")


def telling(units: Sequence[Unit], notes: Sequence[Attention]) -> tuple[Unit, ...]:
    """Of many, those that somebody has to look at or can do something with: under way, ready to climb, in trouble."""
    named = {note.unit for note in notes}
    return tuple(
        unit
        for unit in units
        if unit.name in named
        or any(place.stage is Stage.CANARY for place in unit.places)
        or (unit.verdict is Verdict.PASS and unit.places[0].stage is not Stage.LEGACY)
    )


def _rest(hidden: Sequence[Unit]) -> str:
    stages = Counter(unit.places[0].stage for unit in hidden)
    told = ", ".join(f"{stages[stage]:,} at {stage}" for stage in Stage if stages[stage])
    return f"and {len(hidden):,} more with nothing to do ({told}): --all shows them"


def _lines(unit: Unit, members: bool) -> Iterator[tuple[str, Unit]]:
    """A unit, and the routes in it if they are asked for: what stands in the first column, and of what the others tell."""
    yield unit.name, unit
    if members and len(unit.standings) > 1:
        yield from ((f"  {each.route.name}", Unit(each.route.name, (each,))) for each in unit.standings)


def _table(lines: Sequence[tuple[str, Unit]], width: int) -> Table:
    columns: list[tuple[str, Cell, bool]] = [("stage", _stage, True), ("traffic", _traffic, True), ("agree", _agree, True)]
    if width >= _SPLIT:
        columns.insert(2, ("by modern", _by_modern, True))
    if width >= _PERCENTILES:
        columns.append(("p95 legacy / modern", _percentiles, True))
    columns.append(("next step", _next, False))
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("route", overflow="fold")
    for title, _, unbroken in columns:
        table.add_column(title, no_wrap=unbroken, overflow="fold")
    for name, unit in lines:
        table.add_row(Text(clean(name)), *(cell(unit) for _, cell, _ in columns))
    return table


def _cards(lines: Sequence[tuple[str, Unit]]) -> Group:
    """The same where there is no room for a table: two lines each."""
    parts: list[RenderableType] = []
    for name, unit in lines:
        parts.append(Text.assemble((clean(name), "bold"), "  ", _stage(unit)))
        told = Text(", ").join([Text.assemble(_traffic(unit)), Text.assemble(_agree(unit), " agree")])
        parts.append(Text.assemble("  ", told, "; next ", _next(unit)))
    return Group(*parts)


def _stage(unit: Unit) -> Text:
    return Text(str(unit.places[0])) if len(unit.places) == 1 else Text("mixed", "yellow")


def _traffic(unit: Unit) -> Text:
    return Text(rate(unit.traffic.total)) if unit.traffic is not None else Text("–", "dim")


def _by_modern(unit: Unit) -> Text:
    traffic = unit.traffic
    return Text(share(round(traffic.modern * 1e6), round(traffic.total * 1e6)) if traffic and traffic.total else "–")


def _agree(unit: Unit) -> Text:
    agree, compared = unit.agreement
    if not compared:
        return Text("–", "dim")
    return Text(f"{share(agree, compared, 2)} of {compared:,}")


def _percentiles(unit: Unit) -> Text:
    return Text(" / ".join(_took(unit.percentile(side)) for side in (Side.LEGACY, Side.MODERN)))


def _took(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return took(seconds) if seconds < float("inf") else "> 11 s"


def _next(unit: Unit) -> Text:
    if unit.step is None:
        return Text("–", "dim")
    word, style = _word(unit)
    held = (" (held)", "yellow") if unit.hold is not None else ""
    return Text.assemble(f"{unit.step.after}: ", (word, style), held)


def _word(unit: Unit) -> tuple[str, str]:
    """The verdict in short, and its style."""
    return unit.said, _STYLES.get(unit.said, "dim" if unit.verdict is None else "yellow")


# One route, or one group.


def details(seen: Overview, unit: Unit, path: Path) -> Iterator[RenderableType]:
    """Everything about what flips as one: where it stands, how it goes, what the next step needs, and what to do."""
    yield from head(seen, path)
    yield Text.assemble((clean(unit.name), "bold"), " stands at ", (str(_stage(unit)), "bold"), _since(unit, seen.now))
    for note in attention([unit], seen.record if seen.record.move and seen.record.move.name == unit.name else None):
        yield Text(clean(f"  {note.words}"), "bold yellow")
    several = len(unit.standings) > 1
    for standing in unit.standings:
        yield indented(_facts(standing, named=several, record=seen.record))
    step = unit.step
    if step is None:
        return
    yield Text.assemble(f"next step, {step.after}: ", (str(unit.verdict or "not known"), _word(unit)[1]))
    judged = {each.route.name: each.judgement for each in unit.standings if each.judgement is not None}
    yield from verdicts(judged)
    yield indented(steps_table(_steps(unit)))


def _since(unit: Unit, now: float) -> str:
    times = [standing.since for standing in unit.standings if standing.since is not None]
    return f", since {moment(max(times))} ({age(max(now - max(times), 0))})" if times else ""


def _facts(one: Standing, *, named: bool, record: Record) -> RenderableType:
    unit = Unit(one.route.name, (one,))
    version = one.evidence.version if one.evidence is not None else ""
    traffic = f"{rate(one.traffic.total)}, {_by_modern(unit)} by modern" if one.traffic is not None else "not known"
    build = f", modern build {version}" if version else ""
    agree = (
        f"{_agree(unit)} pairs agree under the current rules{build}" if one.agreement[1] else "nothing under the current rules"
    )
    facts = [
        ("traffic", traffic),
        ("compared", agree),
        ("p95", f"{', '.join(f'{side} {_took(one.percentile(side))}' for side in Side)}"),
    ]
    if one.route.data:
        facts.append(("data", "; ".join(_owned(name, record) for name in one.route.data)))
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, words in facts:
        table.add_row(Text(name), Text(clean(words)))
    return Group(Text(clean(one.route.name)), indented(table)) if named else table


def _owned(name: str, record: Record) -> str:
    owner, epoch = record.owners.get(name, (OLD, 1))
    return f"{name}: owned by the {owner} side (epoch {epoch})"


def _steps(unit: Unit) -> list[tuple[str, str]]:
    name, step = clean(unit.name), unit.step
    steps = []
    if unit.hold is not None:
        steps.append((f"strangler resume {name}", "if the reason for the hold is gone"))
    elif unit.verdict is Verdict.PASS and step is not None:
        steps.append((f"strangler flip {name} {command_of(step.after)}", "the next step"))
    if unit.agreement[0] < unit.agreement[1]:
        steps.append((clean(f"strangler diffs {unit.standings[0].route.name}"), "what differs, and why"))
    if unit.places[0].stage is not Stage.LEGACY:
        steps.append((f"strangler rollback {name}", "takes it back; needs no evidence"))
    return [*steps, (f"strangler journal {name}", "how it came here")]
