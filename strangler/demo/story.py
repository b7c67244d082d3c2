"""The chapters. Each starts or changes something real, looks at what came of it from outside, and says whether it was
as claimed. A later feature adds its chapter to `CHAPTERS`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import reconcile
from strangler.config import file
from strangler.config.edit import Change, edit
from strangler.config.load import load
from strangler.core.explain import explain
from strangler.core.model import Stage
from strangler.core.request import Request
from strangler.core.units import Share, format_percent
from strangler.demo import part, people
from strangler.demo.part import Part
from strangler.demo.screen import Screen, routes_table
from strangler.demo.tally import Tally
from strangler.demo.workspace import Workspace

PAGE = "/api/products/1"
ROUTES = ("product-page", "read-product")  # the group `products` of the worked example
MAPPINGS = ("customers", "products", "orders", "order_items")  # order_items refer to orders, so they come last
CROWD = people.crowd(400)
SHARE_TOLERANCE = 0.09  # four standard deviations of a quarter or a half of 400 people
RATE = 60  # requests per second of the simulated people
LOOK_SECONDS = 0.25


@dataclass(slots=True)
class Story:
    """What the chapters share. `phase_seconds` is how long each of the three live phases lasts."""

    workspace: Workspace
    screen: Screen
    phase_seconds: float
    resources: AsyncExitStack
    parts: dict[str, Part] = field(default_factory=dict)
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        self.tally = Tally(self.workspace.access_log)

    async def start(self, name: str, *arguments: str, ready: str = "") -> Part:
        """Start a part that is stopped when the story ends."""
        started = await part.start(name, *arguments, environ=self.workspace.environ(), ready=ready)
        self.resources.push_async_callback(started.stop)
        self.parts[name] = started
        return started

    async def watch(self) -> None:
        """Let the traffic flow for one phase, showing the table of routes to whoever watches."""
        config = load(self.workspace.routes, self.workspace.environ())
        with self.screen.live() as live:
            ends = asyncio.get_running_loop().time() + self.phase_seconds
            while asyncio.get_running_loop().time() < ends:
                await asyncio.sleep(LOOK_SECONDS)
                self.tally.read()
                if self.screen.console.is_terminal:
                    live.update(routes_table(config, self.tally), refresh=True)

    async def flip(self, weight: Share) -> None:
        """Change the weight of the group in the file, in place, and have the proxy read it."""
        snapshot = file.read(self.workspace.routes)
        file.write(snapshot, edit(snapshot.text, [Change(name, Stage.CANARY, weight) for name in ROUTES]))
        self.parts["proxy"].process.send_signal(signal.SIGHUP)
        await self.parts["proxy"].until("reloaded")

    async def on_modern(self) -> frozenset[str]:
        """Who of the crowd is served by modern now."""
        return await people.on_modern(self.workspace.proxy_url, PAGE, CROWD)


async def two_shops(story: Story) -> None:
    """Both applications, each with a database of its own; the new one is empty."""
    space, screen = story.workspace, story.screen
    screen.chapter("Two shops: a monolith, and the services that will replace it")
    await part.run("legacy", "sample_legacy", "--database", space.legacy_database, "--init-only", environ=space.environ())
    create = ("sample_modern", "--database", space.modern_database, "--init-only", "--seed-tables", "none")
    await part.run("modern", *create, environ=space.environ())
    for name, module, database in (
        ("legacy", "sample_legacy", space.legacy_database),
        ("modern", "sample_modern", space.modern_database),
    ):
        port = getattr(space, f"{name}_url").rpartition(":")[2]
        extra = ("--seed-tables", "none") if name == "modern" else ()
        await story.start(name, module, "--port", port, "--database", database, *extra, ready="ready on")
        screen.say(f"{name:<7} {getattr(space, f'{name}_url')}")


async def one_description_of_the_data(story: Story) -> None:
    """Copy the data over by the mappings, and compare."""
    screen = story.screen
    screen.chapter("One description of the data copies it, and proves that it arrived")
    plan = reconcile.load(story.workspace.mappings, story.workspace.environ())
    for name in MAPPINGS:
        counts = await asyncio.to_thread(reconcile.backfill, plan, name)
        report = await asyncio.to_thread(reconcile.reconcile, plan, name)
        screen.check(f"{name}: {counts.inserted:,} rows copied, and both sides are equal", report.clean)


async def nothing_changes(story: Story) -> None:
    """The proxy goes in front, and people go on shopping."""
    space, screen = story.workspace, story.screen
    screen.chapter("The proxy goes in front, people go on shopping")
    await story.start("proxy", "strangler", "serve", "-c", str(space.routes), ready="strangler serves")
    seconds = str(3 * story.phase_seconds + 60)
    traffic = ("sample_legacy.traffic", "--url", space.proxy_url, "--rate", str(RATE), "--seconds", seconds)
    await story.start("traffic", *traffic, "--json")
    screen.say(f"open {space.proxy_url} in a browser: the shop, through the proxy")
    await story.watch()
    screen.check(
        f"{story.tally.requests:,} requests went through, and none failed", story.tally.requests > 0 and not story.tally.failed
    )


async def why(story: Story) -> None:
    """Ask why somebody is where they are."""
    config = load(story.workspace.routes, story.workspace.environ())
    person = CROWD[0]
    request = Request("GET", PAGE, headers=[(b"cookie", f"user={person}".encode())])
    explanation = explain(config, request)
    where, decision = explanation.stand, explanation.decision
    served = getattr(decision, "upstream", "nobody")
    story.screen.chapter("Every decision can be explained")
    if where:
        story.screen.say(f"strangler explain GET {PAGE} -H 'cookie: user={person}'")
        story.screen.say(f"→ {served}: bucket {where.bucket:.4f}, {where.in_words}")
    on_modern = person in await story.on_modern()
    story.screen.check(f"{person} is served by {served}, as explained", on_modern == (served == "modern"))


async def a_flip_and_back(story: Story) -> None:
    """More people on modern, nobody moves back; then everybody back at once."""
    screen = story.screen
    screen.chapter("One number moves people over, and takes them back")
    quarter = await story.on_modern()
    _check_share(screen, "25% of the people see the new product page", quarter, Share(0.25))
    await story.flip(Share(0.5))
    half = await story.on_modern()
    _check_share(screen, "flipped to 50%, in the file, while people shop", half, Share(0.5))
    screen.check("nobody who was on modern moved back", quarter <= half)
    await story.watch()
    await story.flip(Share(0.0))
    screen.check("back to 0%: on their next request all are on legacy", not await story.on_modern())
    await story.watch()
    screen.check(f"{story.tally.requests:,} requests so far, and none failed", not story.tally.failed)


def _check_share(screen: Screen, claim: str, on_modern: frozenset[str], weight: Share) -> None:
    share = len(on_modern) / len(CROWD)
    screen.check(f"{claim}: {format_percent(Share(share))} of {len(CROWD)} asked", abs(share - weight) < SHARE_TOLERANCE)


async def the_data_moved_on(story: Story) -> None:
    """People have shopped on legacy: the comparison must see it, and the same backfill must mend it."""
    screen = story.screen
    screen.chapter("Meanwhile the old database moved on, and the comparison notices")
    traffic = story.parts["traffic"]
    traffic.process.send_signal(signal.SIGTERM)
    await traffic.output()
    plan = reconcile.load(story.workspace.mappings, story.workspace.environ())
    drifted = [name for name in MAPPINGS if not (await asyncio.to_thread(reconcile.reconcile, plan, name)).clean]
    screen.check(f"what people wrote shows as drift: {', '.join(drifted) or 'nothing'}", bool(drifted))
    for name in drifted:
        counts = await asyncio.to_thread(reconcile.backfill, plan, name)
        report = await asyncio.to_thread(reconcile.reconcile, plan, name)
        screen.check(f"{name}: {counts.inserted:,} inserted, {counts.updated:,} updated, and both sides are equal", report.clean)


async def the_end(story: Story) -> None:
    """What went where."""
    story.tally.read()
    config = load(story.workspace.routes, story.workspace.environ())
    story.screen.chapter("What went where")
    story.screen.console.print(routes_table(config, story.tally))
    dead = [name for name, started in story.parts.items() if name != "traffic" and not started.running]
    story.screen.check(f"every part is still running{': not ' + ', '.join(dead) if dead else ''}", not dead)


Chapter = Callable[[Story], Awaitable[None]]
CHAPTERS: tuple[Chapter, ...] = (
    two_shops,
    one_description_of_the_data,
    nothing_changes,
    why,
    a_flip_and_back,
    the_data_moved_on,
    the_end,
)
