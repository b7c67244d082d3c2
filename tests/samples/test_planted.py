"""The planted differences are all there, and there are no others."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient, Response

from sample_modern import planted

from .conftest import client_of, modern_over, running
from .harness import compare, reads, template

KINDS = {"type", "value", "missing", "extra", "order", "length", "header", "status", "slow"}
Found = set[tuple[str, str, str, str]]


@pytest.fixture(scope="module")
def answers() -> dict[str, Response]:
    """What legacy said, asked once."""
    return {}


async def ask(client: AsyncClient, answers: dict[str, Response], path: str) -> Response:
    if path not in answers:
        answers[path] = await client.get(path)
    return answers[path]


async def differences(folder: Path, ids: str, legacy: AsyncClient, answers: dict[str, Response], paths: list[str]) -> Found:
    pauses: list[float] = []
    found: Found = set()
    with running(modern_over(folder, ids, pauses)) as app:
        async with client_of(app) as modern:
            for path in paths:
                where = compare(await ask(legacy, answers, path), await modern.get(path))
                where |= {("slow", "slow")} if pauses else set()
                found |= {("GET", template(path), *each) for each in where}
                pauses.clear()
    return found


def expected(*chosen: planted.Difference) -> Found:
    return {(each.method, each.path, each.kind, where) for each in chosen for where in each.where}


async def test_exactly_the_listed_differences_show(folder: Path, legacy: AsyncClient, answers: dict[str, Response]) -> None:
    assert await differences(folder, "all", legacy, answers, reads()) == expected(*planted.known().values())


@pytest.mark.parametrize("id", planted.known())
async def test_each_can_be_planted_alone(id: str, folder: Path, legacy: AsyncClient, answers: dict[str, Response]) -> None:
    one = planted.known()[id]
    paths = [path for path in reads() if template(path) == one.path]
    assert await differences(folder, id, legacy, answers, paths) == expected(one)


async def test_writes_differ_where_the_list_says_so(own_legacy: AsyncClient, own_planted: AsyncClient) -> None:
    names = {(each.kind, where): each.id for each in planted.known().values() for where in each.where}
    found: set[tuple[str, str]] = set()
    async for request, control, candidate in both(own_legacy, own_planted):
        found |= {(names[difference], request) for difference in compare(control, candidate)}
    assert found == {(each.id, request) for each in planted.known().values() for request in each.also}


async def both(legacy: AsyncClient, modern: AsyncClient) -> AsyncIterator[tuple[str, Response, Response]]:
    # Two benches and a cup: a discount that no single line reaches, and tags that are not in alphabetical order.
    order = {"customer_id": 1, "items": [{"product_id": 3, "quantity": 1}, {"product_id": 9, "quantity": 1}]}
    order["items"] += [{"product_id": 9, "quantity": 1}]
    made = await legacy.post("/api/orders", json=order)
    yield "POST /api/orders", made, await modern.post("/api/orders", json=order)
    number, paid = made.json()["id"], {"status": "paid"}
    path = f"/api/orders/{number}"
    yield "PUT /api/orders/{id}", await legacy.put(path, json=paid), await modern.put(path, json=paid)
    for customer in range(11, 60):
        path, phone = f"/api/customers/{customer}", {"phone": "1"}
        yield "PATCH /api/customers/{id}", await legacy.patch(path, json=phone), await modern.patch(path, json=phone)


def test_the_list_is_fit_to_be_read() -> None:
    assert 8 <= len(planted.known()) <= 12
    for each in planted.known().values():
        assert each.kind in KINDS
        assert each.what.endswith(".")
    assert {each.kind for each in planted.known().values()} == KINDS


@pytest.mark.parametrize(("words", "chosen"), [("all", 12), ("none", 0), ("sku-missing", 1), ("sku-missing, tags-sorted", 2)])
def test_choosing(words: str, chosen: int) -> None:
    assert len(planted.choose(words).chosen) == chosen


def test_a_difference_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no such planted difference: nonsense"):
        planted.choose("nonsense")
    with pytest.raises(KeyError):
        planted.choose("all")("nonsense")
