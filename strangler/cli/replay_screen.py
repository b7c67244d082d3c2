"""The screen of `strangler replay`: the verdict, agreement by route with its causes, then what was not compared, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from strangler.cli.diffs_screen import indented
from strangler.cli.terminal import clean, count, share, shorten, took
from strangler.control.replaying.report import MOST_SHOWN, Report, Verdict, cause_words, causes, percentile
from strangler.control.replaying.tally import RouteTally
from strangler.core.outcome import Outcome
from strangler.core.units import Share, format_percent

_LONGEST = 70  # characters of an example
_SHOWN_DETAILS = 6


def screen(report: Report) -> Iterator[RenderableType]:
    """Everything, the answer first."""
    yield _answer(report)
    yield Text(_about(report), "dim")
    if report.routes:
        yield Text()
        yield _routes(report)
        yield Text("p50, p95: how long control took → the candidate", "dim")
    for name, one in report.routes:
        if one.causes:
            yield Text()
            yield _route(report, name, one)
    yield Text()
    yield ledger_line(report)
    for label, number, sentence in report.aside:
        yield Text(f"  {number:,} {label}: {sentence}{_details(report, label)}")
    yield from _bridged(report)
    yield from (Text(clean(note), "yellow") for note in report.notes)
    if report.tally.late:
        yield Text(
            f"{count(report.tally.late, 'request')} went out more than a second late: the times are those of a slower pace"
        )


def _answer(report: Report) -> Text:
    tally = report.tally
    good = report.verdict is Verdict.PASS
    text = Text(f"{'✓' if good else '✗'} ", "bold green" if good else "bold red")
    if tally.compared:
        text.append(f"{share(tally.agreed, tally.compared)} agree", "bold").append(f" over {tally.compared:,}; ")
    return text.append(verdict_words(report))


def verdict_words(report: Report) -> str:
    """Why it passes, or does not."""
    tally, bar = report.tally, format_percent(Share(report.bar))
    if report.verdict is Verdict.INTERRUPTED:
        return "interrupted: this is what there was"
    if report.verdict is Verdict.GONE:
        return clean(f"{report.gone}; {count(tally.not_reached, 'entry', 'entries')} not reached")
    if report.verdict is Verdict.DAMAGED:
        return clean(f"the recording could not be read to its end: {report.damage[0]}")
    if report.verdict is Verdict.TOO_FEW:
        if not tally.compared:
            return "nothing was compared, which proves nothing"
        return f"too few were compared: --at-least asks for {report.least:,}"
    return f"the bar is {bar}"


def _about(report: Report) -> str:
    against = f"the answers of {report.control}" if report.control else "the recorded answers"
    builds = f"; builds: {', '.join(report.tally.versions)}" if report.tally.versions else ""
    part = ", only the first that were asked for" if report.limited else ""
    said = f"{report.file} ({report.kind}) against {report.against}, compared with {against}{part}"
    return clean(f"{said}, {took(report.seconds)}{builds}")


def _routes(report: Report) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("route", overflow="fold")
    for title in ("agree", "compared", "failed", "p50", "p95"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, one in report.routes:
        agreed = share(one.agreed, one.compared)
        mark = "✓" if one.agreed == one.compared else "✗"
        failed = one.outcomes[Outcome.CANDIDATE_FAILED]
        table.add_row(Text(f"{mark} {clean(name)}"), agreed, f"{one.compared:,}", f"{failed:,}", *_times(one))
    return table


def _times(one: RouteTally) -> tuple[str, str]:
    """How long control took → how long the candidate takes."""
    shown = []
    for part in (0.5, 0.95):
        before, after = percentile(one.recorded, part), percentile(one.live, part)
        shown.append("–" if before is None or after is None else f"{took(before)} → {took(after)}")
    return shown[0], shown[1]


def _route(report: Report, name: str, one: RouteTally) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("pairs", justify="right", no_wrap=True)
    table.add_column("what differs", overflow="fold")
    table.add_column("such as", overflow="fold")
    ranked = causes(one)
    for cause, line in ranked[:MOST_SHOWN]:
        example = report.tally.examples.get(line.example)
        asked = shorten(clean(f"{example.method} {example.target}"), _LONGEST) if example else "–"
        table.add_row(f"{line.number:,}", Text(clean(cause_words(cause))), Text(asked))
    more = len(ranked) - MOST_SHOWN
    if more > 0:
        table.add_row("", Text(f"and {more:,} more: --json and --html have them" if more else ""), "")
    number = one.compared - one.agreed
    return Group(
        Text.assemble((clean(name), "bold"), f": {count(len(ranked), 'cause')} of {count(number, 'mismatch', 'mismatches')}"),
        indented(table),
    )


def ledger_line(report: Report) -> Text:
    """``entries = compared + put aside + not reached``, and loudly if that does not close."""
    tally = report.tally
    text = Text(f"entries {tally.entries:,} = compared {tally.compared:,} + put aside {tally.aside.total():,}")
    text.append(f" + not reached {tally.not_reached:,}")
    if not tally.closes:
        text.append("  DOES NOT CLOSE: tell us", "bold red")
    return text


def _details(report: Report, label: str) -> str:
    found: Mapping[str, int] = report.tally.details.get(label, {})
    ranked = sorted(found.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{clean(name)} {number:,}" for name, number in ranked[:_SHOWN_DETAILS])
    return f" ({shown}{', …' if len(ranked) > _SHOWN_DETAILS else ''})" if shown else ""


def _bridged(report: Report) -> Iterator[Text]:
    for each in report.bridged:
        if each.learned or each.used:
            learned = _numbers({f"id of {noun}": number for noun, number in each.learned.items()})
            yield Text(clean(f"bridged to {each.system}: learned {learned or 'no id'}; used {_numbers(each.used) or 'none'}"))


def _numbers(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(found.items(), key=lambda item: -item[1]))
