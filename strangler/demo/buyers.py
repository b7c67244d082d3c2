"""People who order all the time while the writes change hands, and the ledger of what they were told."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from pathlib import Path

import httpx

from strangler.demo.people import CUSTOMERS, MODERN_HEADER, PRODUCTS

PAUSE = 0.4  # seconds between two orders of one of them


class Buyers:
    """A handful of customers, from `start` to `stop`.

    Attributes:
        told: how many orders each side has acknowledged.
        longest: seconds that one of them waited at most.
        turned_away: what was not acknowledged, in words.
    """

    def __init__(self, ledger: Path) -> None:
        self._ledger, self._tasks = ledger, list[asyncio.Task[None]]()
        self._visits = itertools.count(1)
        self.told = {"legacy": 0, "modern": 0}
        self.longest, self.turned_away = 0.0, list[str]()

    def start(self, url: str) -> None:
        """Open the shop's door to them."""
        self._tasks = [asyncio.create_task(self._shop(url, customer)) for customer in CUSTOMERS]

    async def stop(self) -> None:
        """Let each finish the order that it is at."""
        tasks, self._tasks = self._tasks, []
        await asyncio.gather(*tasks)

    async def _shop(self, url: str, customer: int) -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60, verify=False) as client:  # plain HTTP
            while self._tasks:
                await self._order(client, customer, 1 + next(self._visits) % 5)
                await asyncio.sleep(PAUSE)

    async def _order(self, client: httpx.AsyncClient, customer: int, pieces: int) -> None:
        basket = {"customer_id": customer, "items": [{"product_id": PRODUCTS[0], "quantity": pieces}]}
        begun = time.monotonic()
        try:
            answer = await client.post("/api/orders", json=basket, headers={"cookie": f"user=customer-{customer}"})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            self.turned_away.append(str(error) or type(error).__name__)
            return
        self.longest = max(self.longest, time.monotonic() - begun)
        side = "modern" if MODERN_HEADER in answer.headers else "legacy"
        self.told[side] += 1
        line = {"order": answer.json()["id"], "customer": customer, "pieces": pieces, "by": side}
        with self._ledger.open("a", encoding="utf-8") as ledger:
            ledger.write(f"{json.dumps(line)}\n")
