"""Who is on which side, asked from outside: people open pages, and the answers tell who gave them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import count

import httpx

MODERN_HEADER = "x-build"  # the modern shop says which build answered; the legacy shop has never heard of builds
AT_ONCE = 8  # people who wait for an answer at the same time
PRODUCTS = (1, 2, 3, 4, 5, 7, 8, 9)  # that are still sold
ORDERS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 11)  # of long ago
CUSTOMERS = (1, 2, 3, 4, 5)  # who may buy
SEARCHES = ("tea", "cafe", "wooden", "kettle")

_OF_A_CUSTOMER = (("/api/orders?customer=", "&"), ("/api/customers/", "?"))

_visits = count()


def crowd(number: int) -> list[str]:
    """Names of people, always the same ones."""
    return [f"visitor-{each}" for each in range(number)]


async def see_products(url: str, people: Iterable[str]) -> frozenset[str]:
    """Each of `people` looks at a product; those whom modern served. Raises httpx.HTTPError if one gets no good answer.

    Equal requests count once for the guard, so every visit says which one it is, as links in a newsletter do.
    """
    return await _ask(url, ((person, f"/api/products/{_product(visit)}?visit={visit}") for person, visit in _numbered(people)))


async def see_pictures(url: str, people: Iterable[str]) -> frozenset[str]:
    """The same for pictures of products."""
    return await _ask(url, ((person, f"/images/{_product(visit)}.png?visit={visit}") for person, visit in _numbered(people)))


async def see_orders(url: str, people: Iterable[str]) -> frozenset[str]:
    """The same for orders, lists of them, and customers."""
    paths = (
        *(f"/api/orders/{order}?" for order in ORDERS),
        *(f"{path}{customer}{more}" for customer in CUSTOMERS for path, more in _OF_A_CUSTOMER),
    )
    return await _ask(url, ((person, f"{paths[visit % len(paths)]}visit={visit}") for person, visit in _numbered(people)))


async def look_around(url: str, people: Iterable[str]) -> frozenset[str]:
    """The same for the list of products and the search."""
    paths = ("/api/products?", *(f"/api/search?q={words}&" for words in SEARCHES))
    return await _ask(url, ((person, f"{paths[visit % len(paths)]}visit={visit}") for person, visit in _numbered(people)))


def _numbered(people: Iterable[str]) -> Iterator[tuple[str, int]]:
    return ((person, next(_visits)) for person in people)


def _product(visit: int) -> int:
    return PRODUCTS[visit % len(PRODUCTS)]


async def _ask(url: str, visits: Iterable[tuple[str, str]]) -> frozenset[str]:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, verify=False) as client:  # plain HTTP
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(person: str, path: str) -> str | None:
            async with gate:
                answer = await client.get(path, headers={"cookie": f"user={person}"})
                answer.raise_for_status()
                return person if MODERN_HEADER in answer.headers else None

        served = await asyncio.gather(*(ask(person, path) for person, path in visits))
    return frozenset(person for person in served if person is not None)
