"""The chapters of the cutover: writes and the ownership of their data go over, and come home, while people order."""

from __future__ import annotations

from strangler.core.flip import Flip, Place
from strangler.core.model import Stage
from strangler.demo import people, proof
from strangler.demo.opening import WHOLE
from strangler.demo.story import GUESTS, Story

GROUP = "@orders"
BUILD = "4"
SOME = 15  # orders before the next thing happens


async def there(story: Story) -> None:
    """Rehearse it, then do it."""
    screen, buyers = story.screen, story.buyers
    screen.say("modern serves the reads of orders and customers; legacy still takes the writes, and owns their data")
    await story.deploy(BUILD, WHOLE)
    await _evidence(story)
    ended = await story.command("cutover", GROUP, "--dry-run")
    screen.check("rehearsed: nothing stands against it, and nobody was held", ended.code == 0)
    buyers.start(story.workspace.proxy_url)
    story.resources.push_async_callback(buyers.stop)
    await _orders(story, "legacy")
    ended = await story.command("cutover", GROUP, "--reason", "after the rehearsal")
    screen.check("writes and data have gone over, in one step, while people ordered", ended.code == 0)
    await _orders(story, "modern")
    await story.command("data", "owner", *proof.MAPPINGS)
    screen.check("modern takes the orders now; every change goes home to legacy", buyers.told["modern"] >= SOME)


async def home(story: Story) -> None:
    """The same way back, and what everybody was told is so."""
    screen, buyers = story.screen, story.buyers
    ended = await story.command("rollback", GROUP, "--reason", "the month is closed on legacy")
    screen.check("writes and data are legacy's again", ended.code == 0)
    before = buyers.told["legacy"]
    await story.until(lambda: buyers.told["legacy"] >= before + SOME or bool(buyers.turned_away))
    await buyers.stop()
    total = sum(buyers.told.values())
    screen.check(
        f"{total} orders meanwhile, nobody was turned away; the longest took {buyers.longest:.1f} s", not buyers.turned_away
    )
    await story.until(lambda: not proof.doubts(story.workspace.folder))
    for doubt in (doubts := proof.doubts(story.workspace.folder)):
        screen.say(doubt)
    screen.check(f"looked up by SQL: all {total} are in both databases, once, and the journal tells the same story", not doubts)


async def _evidence(story: Story) -> None:
    """Have people look at orders and customers until the guard lets all of the group pass, by what this build has answered."""
    flips = [Flip(name, story.place(name), Place(Stage.MODERN)) for name in proof.ROUTES]
    await story.evidence(flips, lambda: people.see_orders(story.workspace.proxy_url, GUESTS), BUILD)


async def _orders(story: Story, side: str) -> None:
    buyers = story.buyers
    await story.until(lambda: buyers.told[side] >= SOME or bool(buyers.turned_away))
