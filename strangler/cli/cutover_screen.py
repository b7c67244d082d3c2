"""What is said of a cutover: each step as it ends, then the answer, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from strangler.cli.diffs_screen import indented, steps_table
from strangler.cli.terminal import clean, count, took
from strangler.control.cutover.order import Effect, Order
from strangler.core.cutover import SHOWN, Step

Done = Mapping[str, Any]

_WIDTH = max(len(step) for step in SHOWN)


def step_line(told: Mapping[str, Any]) -> Table | None:
    """A step that has ended, or that has trouble; None for what nobody needs to see. Its words stand below each other."""
    step, seconds, words = Step(told["step"]), told["seconds"], clean(told["words"])
    table = Table.grid(padding=(0, 2, 0, 0))
    if seconds is None and words:
        table.add_row(Text(f"  {step:<{_WIDTH}}", "yellow"), Text(words, "yellow"))
    elif seconds is not None and step in SHOWN:
        table.add_row(Text(f"  {step:<{_WIDTH}}"), Text(f"{took(seconds):>7}"), Text(words))
    return table if table.row_count else None


def planned_screen(order: Order, done: Done) -> Iterator[RenderableType]:
    """A rehearsal."""
    if done["objections"]:
        yield from refused_screen(order, done, would="would be refused")
    else:
        yield Text(clean(f"{order.name}: nothing stands against it"), "bold green")
        for flip in done["flips"]:
            yield Text(clean(f"  {flip['route']}: {flip['from']['stage']} → {flip['to']['stage']}"))
        yield Text(clean(f"  the {order.to} side gets {', '.join(done['mappings'])}"))
    yield from _numbers(done["rehearsal"])
    if not done["objections"]:
        asked = f"{' --back' if order.back else ''}{' --force --reason WHY' if order.force else ''}"
        yield indented(steps_table([(clean(f"strangler cutover {order.name}{asked}"), "does it")]))


def _numbers(rehearsal: Mapping[str, Any]) -> Iterator[Text]:
    if not rehearsal:
        return
    lag, estimated = rehearsal["lag"], rehearsal["estimated"]
    arrives = f"a change takes {took(lag)} to the other side" if lag is not None else "no relay runs: no change arrives there"
    yield Text(f"  {arrives}")
    yield Text(f"  {count(rehearsal['waiting'], 'key')} on the way, {count(rehearsal['to_verify'], 'key')} to compare")
    if estimated is not None:
        yield Text(f"  writes would wait for the data for about {took(estimated)}, and for those in flight")


def refused_screen(order: Order, done: Done, would: str = "refused") -> Iterator[RenderableType]:
    """Every reason, each on a line."""
    yield Text.assemble((f"{would}: ", "bold red"), (clean(f"cutover of {order.name} to the {order.to} side"), "bold"))
    for objection in done["objections"]:
        yield _reason(objection)
    if would == "refused":
        yield Text("  nothing was begun, and nobody waited")
        back = " --back" if order.back else ""
        yield indented(steps_table([(clean(f"strangler cutover {order.name}{back} --dry-run"), "looks again")]))


def _reason(words: str) -> Table:
    """Its lines stand below each other, behind the mark."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_row(Text("  ✗", "bold red"), Text(clean(words)))
    return table


def ended_screen(order: Order, done: Done) -> Iterator[RenderableType]:
    """One that was begun."""
    effect, name = Effect(done["effect"]), clean(order.name)
    if effect is Effect.DONE:
        epochs = ", ".join(f"{clean(each)} (epoch {said['epoch']})" for each, said in done["owners"].items())
        yield Text(f"{name}: live: the {order.to} side owns {epochs or clean(', '.join(done['mappings']))}", "bold green")
    elif effect is Effect.REVERTED:
        yield Text(f"{name}: taken back: everything is as it was", "bold red")
        yield Text(clean(f"  {done['why']}"))
    else:
        yield Text(f"{name}: not settled: its writes wait, or are told to come again, until it is", "bold red")
        yield Text(clean(f"  {done['why']}"))
    if done["held"] is not None:
        waited = f"; {count(done['waited'], 'write')} waited at the end" if done["waited"] else ""
        yield Text(f"  writes waited for {took(done['held'])} at most{waited}")
    for note in done["notes"]:
        yield Text(clean(f"  {note}"), "yellow")
    yield indented(steps_table(_next(order, effect, name)))


def _next(order: Order, effect: Effect, name: str) -> list[tuple[str, str]]:
    status = (f"strangler status {name}", "how it goes")
    if effect is Effect.UNSETTLED:
        return [("strangler status", "how far it is"), ("strangler data owner", "what both databases say")]
    if effect is Effect.REVERTED:
        back = " --back" if order.back else ""
        return [(f"strangler cutover {name}{back} --dry-run", "what stands against it now"), status]
    if order.back:
        return [(f"strangler resume {name}", "when it may climb again"), status]
    return [(f"strangler rollback {name}", "takes it back: writes and data, the same way"), status]
