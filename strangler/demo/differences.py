"""The chapters about what was compared: differences have names, and what differs does not climb."""

from __future__ import annotations

from contextlib import closing

from strangler.core.errors import Refusal
from strangler.core.flip import Place
from strangler.core.model import Stage
from strangler.demo import people
from strangler.demo.story import GUESTS, Story
from strangler.store.store import Store

# What was planted in modern where everybody looks: route, path and kind, and its words in planted.yaml.
PLANTED = (
    ("search", "$.items[*].price", "type", "a price is text and no longer a number"),
    ("list-products", "$.items[*].sku", "missing", "a product in the list has no stock-keeping number"),
)


async def named(story: Story) -> None:
    """What was planted in modern is found in what people asked for, and named."""
    await people.look_around(story.workspace.proxy_url, GUESTS)
    await story.until(lambda: set(_found(story)) >= {(route, path, kind) for route, path, kind, _ in PLANTED})
    ended = await story.command("diffs", "search")
    found = _found(story)
    for route, path, kind, words in PLANTED:
        story.screen.check(f"planted in {route}, found and named {path}, {kind}: {words}", (route, path, kind) in found)
    story.screen.check("`diffs` says so", "$.items[*].price" in ended.output)


async def refused(story: Story) -> None:
    """The guard has evidence now, and it speaks against the search."""
    ended = await story.command("flip", "search", "canary", "--weight", "25%")
    refused = ended.code == Refusal.exit_code and "parity" in ended.output and "fail" in ended.output
    still = story.place("search") == Place(Stage.SHADOW)
    story.screen.check("the guard refuses it for what differs, with numbers", refused and still)


def _found(story: Story) -> list[tuple[str, str, str]]:
    """Route, path and kind of all causes that are stored."""
    config = story.config()
    with closing(Store.open(config.store, config.folder, read_only=True)) as store:
        return [(row.route, row.cause.pattern, str(row.cause.kind)) for row in store.causes(limit=1000)]
