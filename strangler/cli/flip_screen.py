"""What is said of a flip: the answer first, then why, then what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.cli.diffs_screen import indented, steps_table
from strangler.cli.terminal import clean, took
from strangler.control.flipping.draft import unmet
from strangler.control.flipping.order import Done, Effect, Order, Refused
from strangler.core.flip import Place
from strangler.core.guard.verdict import Finding, Judgement, Verdict
from strangler.core.model import Stage

MARKS = {Verdict.PASS: ("✓", "green"), Verdict.FAIL: ("✗", "bold red"), Verdict.NOT_ENOUGH: ("?", "yellow")}

# What to look at, or to do, about a condition that is not met; {route} is filled in.
REMEDIES: dict[str, tuple[str, str]] = {
    "parity": ("strangler diffs {route}", "what differs, and why"),
    "recent": ("strangler diffs {route} --since 15m", "what differs now"),
    "errors": ("strangler diffs {route}", "which answers modern owes"),
    "latency": ("strangler status {route}", "how long both sides take"),
    "coverage": ("strangler diffs {route}", "why requests were not compared"),
    "version": ("strangler check", "with `version: header:NAME` at modern"),
    "comparing": ("strangler status", "whether the proxy runs and compares"),
    "health": ("strangler status", "whether modern answers"),
    "data": ("strangler data reconcile", "whether the data is the same on both sides"),
    "journal": ("strangler journal {route}", "which flip is open"),
}


def done_screen(order: Order, done: Done, crew: str, seconds: float) -> Iterator[RenderableType]:
    """A flip that was made. `crew` says who decides by it now."""
    if done.effect is Effect.NOTHING:
        yield Text(clean(f"{order.name} stands there already: nothing to do"))
        return
    for flip in done.flips:
        yield Text(clean(str(flip)), "bold")
    if done.effect is Effect.LIVE:
        yield Text(f"  live: {crew} by it, {took(seconds)} after you asked", "green")
    else:
        yield Text("  the file is changed, and nobody serves it now: it takes effect at the next `strangler serve`", "yellow")
    if order.force:
        yield Text(clean(f"  forced against the guard, as the journal shows: {order.reason}"), "yellow")
    if done.held:
        yield Text("  held: nothing climbs there again until somebody resumes")
    for note in done.notes:
        yield Text(clean(f"  {note}"), "yellow")
    yield indented(steps_table(_way_back(order.name, done)))


def _way_back(name: str, done: Done) -> list[tuple[str, str]]:
    name = clean(name)
    before = max((flip.before for flip in done.flips), key=lambda place: place.height)
    if any(flip.up for flip in done.flips):
        steps = [(f"strangler rollback {name}", "takes it back; needs no evidence")]
        return [*steps, (f"strangler status {name}", "how it goes")]
    return [
        (f"strangler resume {name}", "when it may climb again, and then"),
        (f"strangler flip {name} {command_of(before)}", "to where it stood"),
    ]


def command_of(place: Place) -> str:
    """A place, as `flip` takes it."""
    return str(place).replace(" ", " --weight ") if place.stage is Stage.CANARY else str(place)


def refused_screen(order: Order, refused: Refused, *, dry_run: bool = False) -> Iterator[RenderableType]:
    """Why a flip was refused, or would be: all of it, each reason on a line of its own, and what to do."""
    for flip in refused.flips:
        yield Text.assemble(("would be refused: " if dry_run else "refused: ", "bold red"), (clean(str(flip)), "bold"))
    told = set(unmet(refused.flips, refused.judgements))
    others = [objection for objection in refused.objections if objection not in told or not refused.judgements]
    if others:
        yield indented(_marked([(Verdict.FAIL, "", clean(other)) for other in others]))
    yield from verdicts(refused.judgements)
    steps = _remedies(order, refused)
    if steps:
        yield indented(steps_table(steps))


def _remedies(order: Order, refused: Refused) -> list[tuple[str, str]]:
    """What to do first: about the conditions that fail, then about those that lack data; each command once."""
    found: dict[str, str] = {}
    ranked = [(name, finding) for name, judgement in refused.judgements.items() for finding in judgement.unmet]
    for name, finding in sorted(ranked, key=lambda each: each[1].verdict is not Verdict.FAIL):
        if finding.verdict is Verdict.NOT_ENOUGH and finding.more is not None:
            found.setdefault(clean(f"strangler status {order.name}"), "how far the samples have come")
        elif finding.condition in REMEDIES:
            command, purpose = REMEDIES[finding.condition]
            found.setdefault(clean(command.format(route=name)), purpose)
    steps = list(found.items())[:3]
    if any("strangler resume" in objection for objection in refused.objections):
        steps.insert(0, (clean(f"strangler resume {order.name}"), "if the reason for the hold is gone"))
    elif steps and not order.force:
        steps.append((clean(f"{_again(order)} --force --reason WHY"), "against the guard"))
    return steps


def _again(order: Order) -> str:
    weight = f" --weight {order.weight * 100:.6g}%" if order.weight is not None else ""
    return f"strangler flip {order.name} {order.stage}{weight}"


def verdicts(judgements: Mapping[str, Judgement]) -> Iterator[RenderableType]:
    """What the guard says, route by route: what is not met first, in full, then what is."""
    for name, judgement in judgements.items():
        if len(judgements) > 1:
            yield Text(clean(f"  {name}: {judgement.verdict}"), "bold")
        met = [finding for finding in judgement.findings if finding.verdict is Verdict.PASS]
        nothing = Finding("guard", Verdict.NOT_ENOUGH, "nothing is known of it")
        yield indented(_marked([_line(finding) for finding in (*judgement.unmet, *met) or (nothing,)]))


def _line(finding: Finding) -> tuple[Verdict, str, str]:
    said = finding.words if finding.verdict is Verdict.PASS else f"{finding.verdict}: {finding.words}"
    return finding.verdict, finding.condition, clean(said)


def _marked(lines: Sequence[tuple[Verdict, str, str]]) -> Table:
    """Lines with a mark and the name of a condition before them, and their words below each other."""
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for verdict, name, words in lines:
        mark, style = MARKS[verdict]
        table.add_row(Text(f"{mark} {name}".rstrip(), style), Text(words))
    return table


def planned_screen(order: Order, done: Done, changes: Sequence[str]) -> Iterator[RenderableType]:
    """A dry run: the lines of the file that would change, and the verdict, condition by condition."""
    if done.effect is Effect.NOTHING:
        yield Text(clean(f"{order.name} stands there already: nothing to do"))
        return
    if done.objections:
        yield from refused_screen(order, Refused(done.flips, done.objections, done.judgements), dry_run=True)
    else:
        for flip in done.flips:
            yield Text.assemble(("would be made: ", "bold green"), (clean(str(flip)), "bold"))
        yield from verdicts(done.judgements)
    yield Group(Text("the file would change:"), *map(_changed, changes))
    yield Text("nothing is written: leave --dry-run out to flip")


def _changed(line: str) -> Text:
    return Text(f"  {clean(line)}", {"+": "green", "-": "red"}.get(line[:1], "dim"))
