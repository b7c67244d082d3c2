"""The screens of `strangler diffs`: per route the answer, then its causes, then the ledger, then what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from strangler.cli.diffs_follow import More, News
from strangler.cli.terminal import age, clean, count, moment, share, shorten
from strangler.control.diffs import Report
from strangler.core.causes import words
from strangler.core.difference import Kind
from strangler.core.ledger import Ledger
from strangler.core.model import Stage
from strangler.core.outcome import INTENDED, SKIPS, Outcome
from strangler.core.what_if import Effect
from strangler.store.rows import CauseRow, ExampleRow

_LONGEST_TARGET = 60


def overview(reports: Sequence[Report], now: float, *, window: str = "", single: bool = False) -> Iterator[RenderableType]:
    """Routes with evidence first, the ones that disagree most on top; then, in short, those without.

    Args:
        now: seconds since 1970.
        window: how far back was looked, as it was asked for; "" for all under the current rules.
        single: only one route was asked for, so what is missing for it is explained.
    """
    known = [one for one in reports if one.compared]
    waiting = [one for one in reports if not one.compared]
    for one in sorted(known, key=lambda one: (one.agreed / one.compared, -one.compared)):
        yield _route(one, now, window)
        yield Text()
    if single:
        yield from (_empty(one, window) for one in waiting)
        return
    telling = [one for one in waiting if one.earlier or one.ledger.seen or (window and one.begun is not None)]
    yield from (_empty(one, window) for one in telling)
    silent = [one for one in waiting if one not in telling]
    if silent:
        yield _silent(silent, alone=len(silent) == len(reports))


def _route(one: Report, now: float, window: str) -> RenderableType:
    parts: list[RenderableType] = []
    failed = one.outcomes.get(Outcome.CANDIDATE_FAILED, 0)
    if failed:
        parts.append(Text(f"{count(failed, 'time')} the candidate gave no whole answer ({share(failed, one.compared)})", "red"))
    if one.causes:
        number = len(one.causes) + one.more
        parts.append(Text(f"{count(number, 'cause')} of {count(one.mismatches, 'mismatch', 'mismatches')}:"))
        parts.append(indented(_causes(one)))
    parts += [Text(clean(f"noise: {each.pattern} {each.note}"), "dim") for each in one.noise]
    parts.append(ledger_line(one.ledger))
    parts += _next(one)
    name = f"{'/'.join(one.methods)} {one.route.name}".strip()
    return Group(Text.assemble((clean(name), "bold"), ": ", _answer(one, now, window)), indented(Group(*parts)))


def _answer(one: Report, now: float, window: str) -> Text:
    ignored = one.outcomes.get(Outcome.IGNORED, 0)
    style = "bold green" if one.agreed == one.compared else "bold yellow"
    text = Text.assemble((f"{share(one.agreed, one.compared)} agree", style), f" over {one.compared:,}")
    if ignored:
        text.append(f", {ignored:,} of them only because the route's rules allow a difference")
    build = f", modern build {clean(one.version)}" if one.version else ", modern's build is not known"
    return text.append(f" ({_since(one, now, window)}{build})")


def _since(one: Report, now: float, window: str) -> str:
    if window:
        return f"in the last {window}"
    what = {"rules": "since the rules changed", "build": "since this build came"}.get(one.why_begun, "since the first,")
    return f"{what} {age(now - one.begun)} ago" if one.begun is not None else "under the current rules"


def _causes(one: Report) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("pairs", justify="right", no_wrap=True)
    table.add_column("what differs", overflow="fold")
    table.add_column("cause", no_wrap=True)
    table.add_column("example", no_wrap=True)
    for line in one.causes:
        row = line.row
        state = " (accepted)" if row.state == "accepted" else ""
        said = Text(clean(words(row.cause)) + state)
        table.add_row(share(row.count, max(one.mismatches, row.count), 0), f"{row.count:,}", said, row.id, line.example or "–")
    if one.more:
        table.add_row("", "", Text(f"and {one.more:,} more: --limit {len(one.causes) + one.more}"), "", "")
    return table


def ledger_line(ledger: Ledger) -> Text:
    """``seen = compared + skipped + lost + in flight``, with coverage, and loudly if it does not close."""
    compared = sum(ledger.compared.values())
    parts = [f"compared {compared:,}", _labelled("skipped", ledger.skipped), _labelled("lost", ledger.lost)]
    text = Text(f"ledger, in all: seen {ledger.seen:,} = {' + '.join(parts)} + in flight {ledger.in_flight:,}")
    if ledger.coverage is not None:
        meant = ledger.seen - sum(ledger.skipped.get(label, 0) for label in INTENDED)
        text.append(f"; coverage {share(compared, meant)}")
    if not ledger.closes:
        text.append("  DOES NOT CLOSE: tell us", "bold red")
    return text


def _labelled(noun: str, numbers: Mapping[str, int]) -> str:
    if not numbers:
        return f"{noun} 0"
    ranked = sorted(numbers.items(), key=lambda item: -item[1])
    return f"{noun} {sum(numbers.values()):,} ({', '.join(f'{label} {number:,}' for label, number in ranked)})"


def _next(one: Report) -> list[RenderableType]:
    """What to do about it: the commands for the cause on top."""
    open_causes = [line for line in one.causes if line.row.state != "accepted"]
    if not open_causes:
        return []
    first = open_causes[0]
    steps = [(f"strangler diffs show {first.example}", "see one, both answers side by side")] if first.example else []
    steps.append((f"strangler diffs accept {first.row.id} --dry-run", "if it is meant to differ: the rule to write"))
    return [steps_table(steps)]


def steps_table(steps: Iterable[tuple[str, str]]) -> Table:
    """Commands to run next, and what for."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for index, (command, purpose) in enumerate(steps):
        table.add_row(Text(("next: " if not index else "      ") + command, "cyan"), Text(purpose, "dim"))
    return table


def _empty(one: Report, window: str) -> Text:
    """Why there is nothing to see, and how to get it."""
    name, ledger = clean(one.route.name), one.ledger
    if window and one.begun is not None:
        return Text(f"{name}: nothing was compared in the last {window}; without --since all of it is shown.")
    if one.earlier:
        return Text(
            f"{name}: nothing compared yet under the current rules; {count(one.earlier, 'pair')} were under earlier ones, which "
            "no longer count. The next requests do."
        )
    if one.route.stage in (Stage.LEGACY, Stage.RETIRED) or one.route.stage not in one.route.shadow.during:
        return Text(f"{name} stands at {one.route.stage}, where nothing is copied. Set `stage: shadow` on it in routes.yaml.")
    if ledger.seen:
        return Text.assemble(f"{name}: nothing compared yet. ", ledger_line(ledger), _main_reason(ledger))
    methods = ", ".join(one.route.shadow.methods)
    return Text(
        f"{name}: nothing compared yet. What differs appears here within seconds of its first {methods} request, "
        "while `strangler serve` runs."
    )


def _main_reason(ledger: Ledger) -> str:
    reasons = [label for label, _ in sorted(ledger.skipped.items(), key=lambda item: -item[1]) if label in SKIPS]
    return f" (mostly {reasons[0]}: {SKIPS[reasons[0]]})" if reasons else ""


def _silent(reports: Sequence[Report], *, alone: bool) -> RenderableType:
    """Routes of which nothing is known: which of them will show something, and how the others could."""
    copied = [one for one in reports if one.route.stage in one.route.shadow.during]
    if len(copied) == 1:
        return _empty(copied[0], "")
    if copied:
        text = f"nothing compared yet: {', '.join(clean(one.route.name) for one in copied)}"
        return Text(f"{text}. What differs appears here within seconds, while `strangler serve` runs." if alone else text)
    return Text("Nothing is compared yet. Set `stage: shadow` on a route in routes.yaml, and it appears here." if alone else "")


def cause_screen(row: CauseRow, examples: Sequence[ExampleRow], now: float) -> Iterator[RenderableType]:
    """One cause, and its newest examples."""
    yield Text(clean(f"{row.route}: {words(row.cause)}"), "bold")
    seen = f"{count(row.count, 'pair')}, first {age(now - row.first_seen)} ago, last {age(now - row.last_seen)} ago"
    build = f", modern build {clean(row.version)}" if row.version else ""
    yield Text(f"  {seen}{build}{', accepted' if row.state == 'accepted' else ''}")
    if not examples:
        yield Text("  No example is kept any more (`retention:` says how long); the next mismatch brings one.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in ("example", "when", "request", "differences"):
        table.add_column(title, overflow="fold" if title == "request" else "ellipsis", no_wrap=title != "request")
    for each in examples:
        one = each.example
        target = shorten(clean(f"{one.method} {one.target}"), _LONGEST_TARGET)
        table.add_row(each.id, f"{age(now - one.at)} ago", Text(target), f"{len(one.differences)}")
    yield indented(table)
    yield indented(
        steps_table(
            [
                (f"strangler diffs show {examples[0].id}", "see it, both answers side by side"),
                (f"strangler diffs accept {row.id} --dry-run", "if it is meant to differ: the rule to write"),
            ]
        )
    )


def accept_screen(rule: str, place: str, changes: Sequence[str], found: Effect, dry_run: bool) -> Iterator[RenderableType]:
    """A rule that was written, or would be: the changed lines, what it clears, and what comes next."""
    yield Text(clean(f"{rule}: {'would be added' if dry_run else 'added'} to {place}"), "bold")
    for line in (line for line in changes if not line.startswith("@@")):
        yield Text(f"  {clean(line)}", {"+": "green", "-": "red"}.get(line[:1], "dim"))
    yield from effect_screen(found)
    if dry_run:
        yield Text("nothing is written: leave --dry-run out to write it")
    else:
        yield Text("`strangler serve` takes it up within a second, and counts anew under the new rules")


def effect_screen(found: Effect) -> Iterator[RenderableType]:
    """What a rule would do to the stored mismatches."""
    looked_at = found.cleared + found.remaining
    if not looked_at + found.unclear:
        yield Text("  no mismatch is stored whole, so nothing can be said about what it clears")
        return
    yield Text(
        f"  clears {found.cleared:,} of {count(looked_at, 'stored mismatch', 'stored mismatches')}; {found.remaining:,} stay"
    )
    if found.unclear:
        yield Text(f"  {found.unclear:,} more do not differ as they are stored, so nothing can be said about them")
    if found.hidden:
        yield Text("  and would also hide:", "bold yellow")
        yield from _vanishing(found.hidden, "yellow")
    elif found.passed:
        yield Text("  it is about no place; these would pass wherever they are:", "bold")
        yield from _vanishing(found.passed, "")
    else:
        yield Text("  hides nothing else")


def _vanishing(causes: Mapping[tuple[str, Kind], int], style: str) -> Iterator[Text]:
    for (pattern, kind), number in causes.items():
        yield Text(clean(f"    {pattern} ({kind}) in {count(number, 'mismatch', 'mismatches')}"), style)


def followed(each: News, now: float) -> str:
    """A new mismatch, or how many more there were, on one line."""
    if isinstance(each, More):
        place = f"{each.row.route}  {each.number:,} more of cause {each.row.id}"
        return clean(f"{moment(now)}            {place}  {words(each.row.cause)}")
    one = each.example
    causes = "; ".join(words(cause) for cause in one.causes) or str(one.outcome)
    return clean(f"{moment(one.at)}  {each.id}  {one.route}  {one.method} {shorten(one.target, _LONGEST_TARGET)}  {causes}")


def indented(part: RenderableType) -> RenderableType:
    """Something below its heading."""
    return Padding(part, (0, 0, 0, 2), expand=False)


def show(console: Console, parts: Iterable[RenderableType]) -> None:
    """Print all of it, without the spaces that tables leave at the end of lines."""
    for part in parts:
        with console.capture() as printed:
            console.print(part)
        lines = (line.rstrip(" ") for line in printed.get().splitlines())
        click.echo("\n".join(lines), color=console.is_terminal)
