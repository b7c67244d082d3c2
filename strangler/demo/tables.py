"""The chapters about the data: one description copies it, follows it, finds what somebody else has changed, and mends it."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import closing

import reconcile
from strangler.core.errors import Refusal
from strangler.demo.story import Story

PLAN = "repair.json"
BY_HAND = (
    "UPDATE orders SET total_cents = total_cents + 1 WHERE id = 10",
    "DELETE FROM order_items WHERE order_id = 11",
)


async def copied(story: Story) -> None:
    """From now on every change is written down; copy what is there by the mappings, and compare."""
    plan = reconcile.load(story.workspace.mappings, story.workspace.environ())
    for side in ("old", "new"):
        await asyncio.to_thread(reconcile.install_capture, plan, side=side)
    story.screen.say("every change in either database is written down from now on, by triggers; nothing in the shops knows")
    copied = [await asyncio.to_thread(reconcile.backfill, plan, name) for name in plan.names]
    compared = [asyncio.to_thread(reconcile.reconcile, plan, name) for name in plan.names]
    for name, counts, report in zip(plan.names, copied, await asyncio.gather(*compared), strict=True):
        story.screen.check(f"{name}: {counts.inserted:,} rows copied, and both sides are equal", report.clean)


async def tampered_with(story: Story) -> None:
    """What people wrote on legacy has been followed; what somebody wrote on modern's tables is found, and repaired."""
    screen = story.screen
    traffic = story.parts["traffic"]
    traffic.process.send_signal(signal.SIGTERM)
    await traffic.output()
    ended = await story.command("data", "reconcile", "orders", "order_items", show=False)
    screen.check("all that people wrote on legacy so far is in modern's database too", ended.code == 0)
    screen.say("somebody adds a cent to an order in modern's database, and deletes what another one is made of")
    await asyncio.to_thread(_by_hand, story)
    ended = await story.command("data", "reconcile", "orders", "order_items")
    screen.check("found, with key and column", ended.code == Refusal.exit_code and "total_cents" in ended.output)
    await story.command("data", "repair", "plan", "--out", PLAN, "orders", "order_items", show=False)
    ended = await story.command("data", "repair", "apply", PLAN)
    again = await story.command("data", "reconcile", show=False)
    screen.check("repaired as planned, and both sides are equal", ended.code == again.code == 0)


def _by_hand(story: Story) -> None:
    path = story.workspace.modern_database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        for statement in BY_HAND:
            connection.execute(statement)
