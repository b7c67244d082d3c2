"""What the demo shows: chapters as they happen, a table of the routes, and the summary. Plain lines when nobody watches."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from strangler.core.model import Config, Stage
from strangler.core.units import Share, format_percent
from strangler.demo.tally import UNMATCHED, Tally


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the demo claims, and whether it was so."""

    claim: str
    held: bool


@dataclass(slots=True)
class Screen:
    """Prints. `checks` collects every claim, for the summary and the exit code."""

    console: Console = field(default_factory=Console)
    checks: list[Check] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        self.console.print(f"\n[bold]{escape(title)}[/bold]")

    def say(self, text: str) -> None:
        self.console.print(f"  {escape(text)}", highlight=False, soft_wrap=True)

    def command(self, line: str) -> None:
        """A command, as people type it."""
        self.console.print(f"  [dim]$[/dim] [bold cyan]{escape(line)}[/bold cyan]", highlight=False, soft_wrap=True)

    def output(self, text: str) -> None:
        """What a command has printed."""
        for line in text.rstrip().splitlines():
            indent = "    " if line.strip() else ""
            self.console.print(Text.assemble(indent, Text.from_ansi(line.rstrip())), highlight=False, soft_wrap=True)

    def check(self, claim: str, held: bool) -> None:
        """Say whether a claim held, and remember it."""
        self.checks.append(Check(claim, held))
        mark = "[green]✓[/green]" if held else "[bold red]✗ NOT SO:[/bold red]"
        self.console.print(f"  {mark} {escape(claim)}", highlight=False, soft_wrap=True)

    def live(self) -> Live:
        """A place for the table that redraws itself, while somebody watches."""
        return Live(console=self.console, refresh_per_second=4, transient=True, auto_refresh=False)

    def summary(self) -> bool:
        """The last lines; whether everything held."""
        failed = [check for check in self.checks if not check.held]
        self.console.print()
        if failed:
            self.console.print(f"[bold red]{len(failed)} of {len(self.checks)} claims did not hold:[/bold red]")
            for check in failed:
                self.say(f"✗ {check.claim}")
        else:
            self.console.print(f"[bold green]All {len(self.checks)} claims held.[/bold green]")
        return not failed


def routes_table(config: Config, tally: Tally) -> Table:
    """One line per route: where it stands, how many requests it got, and who answered how many of them."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for title in ("route", "stage", "requests", "legacy", "modern", "failed", "median"):
        table.add_column(title, justify="left" if title in ("route", "stage") else "right", no_wrap=True)
    stages = {route.name: _stage(route.stage, route.weight) for route in config.routes}
    for name in [*stages, UNMATCHED]:
        counted = tally.routes.get(name)
        if counted is None:
            table.add_row(name, stages.get(name, "legacy"), "0", "", "", "", "")
            continue
        served = [str(counted.served_by[upstream] or "") for upstream in ("legacy", "modern")]
        median = f"{counted.median * 1000:.1f} ms"
        table.add_row(name, stages.get(name, "legacy"), str(counted.requests), *served, str(counted.failed or ""), median)
    return table


def _stage(stage: Stage, weight: Share) -> str:
    return f"{stage} {format_percent(weight)}" if stage is Stage.CANARY else str(stage)
