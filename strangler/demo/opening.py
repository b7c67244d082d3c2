"""The first chapters, and the last: what is started, and what went where."""

from __future__ import annotations

import asyncio

from strangler.core.errors import Refusal
from strangler.core.flip import Place
from strangler.core.model import Stage
from strangler.demo import part, people
from strangler.demo.screen import routes_table
from strangler.demo.story import CROWD, Story

WHOLE = "none"  # is wrong with the build that may take the writes
RATE = 40  # requests per second of the simulated people
GOOD = "sku-missing,page-capped,price-as-string"  # what is wrong with a build of modern that shows products as legacy does
FAULTY = f"{GOOD},cache-header-lost,description-null"
TRAFFIC_SECONDS = 3600


async def two_shops(story: Story) -> None:
    """Both applications, each with a database of its own; the new one is empty."""
    space, screen, environ = story.workspace, story.screen, story.workspace.environ()
    old = ("sample_legacy", "--database", space.legacy_database, "--init-only")
    new = ("sample_modern", "--database", space.modern_database, "--init-only", "--seed-tables", "none")
    await part.together(part.succeed("legacy", *old, environ=environ), part.succeed("modern", *new, environ=environ))
    await story.balancer.open(int(space.modern_url.rpartition(":")[2]))
    story.resources.push_async_callback(story.balancer.close)
    port = space.legacy_url.rpartition(":")[2]
    serve = ("sample_legacy", "--port", port, "--database", space.legacy_database, "--numbers", "odd")
    await part.together(story.start("legacy", *serve, ready="ready on"), story.deploy("1", GOOD))
    screen.say(f"legacy  {space.legacy_url}")
    screen.say(f"modern  {space.modern_url}, build 1")


async def in_front(story: Story) -> None:
    """The proxy starts, and a flip is tried before anything is known."""
    space, screen = story.workspace, story.screen
    await story.start("proxy", "strangler", "serve", "-c", str(space.routes), ready="strangler serves")
    screen.say(f"open {space.proxy_url} in a browser: the shop, through the proxy")
    async with asyncio.timeout(part.START_SECONDS):
        while not space.has_token():
            await asyncio.sleep(0.05)
    screen.say(f"and {space.admin_url}: every route, what differs, the data; log in with {space.token}")
    ended = await story.command("flip", "read-product", "canary", "--weight", "25%")
    refused = ended.code == Refusal.exit_code and "not enough data" in ended.output
    still = story.place("read-product") == Place(Stage.SHADOW)
    screen.check("a flip without evidence is refused, with all that is missing, and nothing has moved", refused and still)


async def shopping(story: Story) -> None:
    """People come."""
    seconds = str(TRAFFIC_SECONDS + 10 * story.phase_seconds)
    traffic = ("sample_legacy.traffic", "--url", story.workspace.proxy_url, "--rate", str(RATE), "--seconds", seconds)
    await story.start("traffic", *traffic, "--json")
    await people.see_pictures(story.workspace.proxy_url, CROWD[:200])
    await story.watch()
    tally = story.tally
    story.screen.check(f"{tally.requests:,} requests went through, and none failed", tally.requests > 0 and not tally.failed)


async def the_end(story: Story) -> None:
    """What went where."""
    story.tally.read()
    story.screen.console.print(routes_table(story.config(), story.tally))
    story.screen.check(f"{story.tally.requests:,} requests in all, and none failed", not story.tally.failed)
    dead = [name for name, started in story.parts.items() if name != "traffic" and not started.running]
    story.screen.check(f"every part is still running{': not ' + ', '.join(dead) if dead else ''}", not dead)
