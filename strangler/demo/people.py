"""Who is on which side, asked from outside: a crowd of people opens one page, and the answers tell who gave them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import httpx

MODERN_HEADER = "x-build"  # the modern shop says which build answered; the legacy shop has never heard of builds


def crowd(count: int) -> list[str]:
    """Names of people, always the same ones."""
    return [f"visitor-{number}" for number in range(count)]


async def on_modern(url: str, path: str, people: Iterable[str]) -> frozenset[str]:
    """Those of `people` whom modern serves at `path`. Raises httpx.HTTPError if one gets no good answer."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        gate = asyncio.Semaphore(16)

        async def ask(person: str) -> bool:
            async with gate:
                answer = await client.get(path, headers={"cookie": f"user={person}"})
                answer.raise_for_status()
                return MODERN_HEADER in answer.headers

        people = list(people)
        served = await asyncio.gather(*(ask(person) for person in people))
    return frozenset(person for person, modern in zip(people, served, strict=True) if modern)
