"""The chapters about the data: one description copies it, finds what has drifted, and mends it."""

from __future__ import annotations

import asyncio
import signal

import reconcile
from strangler.demo.story import Story

MAPPINGS = ("customers", "products", "orders", "order_items")  # order_items refer to orders, so they come last


async def copied(story: Story) -> None:
    """Copy the data over by the mappings, and compare."""
    plan = reconcile.load(story.workspace.mappings, story.workspace.environ())
    for name in MAPPINGS:
        counts = await asyncio.to_thread(reconcile.backfill, plan, name)
        report = await asyncio.to_thread(reconcile.reconcile, plan, name)
        story.screen.check(f"{name}: {counts.inserted:,} rows copied, and both sides are equal", report.clean)


async def moved_on(story: Story) -> None:
    """People have shopped on legacy: the comparison must see it, and the same backfill must mend it."""
    screen = story.screen
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
