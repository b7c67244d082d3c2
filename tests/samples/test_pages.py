"""Names with markup in them are text on every page."""

import re

import pytest
from httpx import AsyncClient

from tests.samples.vouching import vouching


@pytest.mark.parametrize("path", ["/products", "/products/4", "/products?category=garden"])
async def test_a_product_name_is_text(shop: AsyncClient, path: str) -> None:
    page = (await shop.get(path)).text
    assert "&lt;b&gt;Bold&lt;/b&gt; lamp" in page
    assert "<b>" not in page
    assert "<i>" not in page


async def test_a_customer_name_is_text(own_legacy: AsyncClient, faithful: AsyncClient) -> None:
    await own_legacy.post("/login", data={"email": "bobby@example.org", "password": "demo"})
    for page in (await own_legacy.get("/account")).text, (await faithful.get("/account", headers=vouching(5))).text:
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "<script" not in page


async def test_what_was_typed_comes_back_as_text(legacy: AsyncClient) -> None:
    form = {"email": '"><script>', "password": "x", "next": '/a"><script>'}
    assert "<script" not in (await legacy.post("/login", data=form)).text
    assert "<script" not in (await legacy.get("/login", params={"next": '/"><script>'})).text


async def test_every_link_on_a_page_leads_somewhere(legacy: AsyncClient) -> None:
    for start in ("/", "/products", "/products?category=toys", "/products/1", "/login", "/nowhere"):
        page = (await legacy.get(start)).text
        for target in set(re.findall(r'(?:href|src)="([^"]+)"', page)):
            assert (await legacy.get(target.replace("&amp;", "&"))).status_code in (200, 302), (start, target)


async def test_no_page_needs_the_network(legacy: AsyncClient) -> None:
    for path in ("/", "/products", "/products/1", "/login"):
        assert "http" not in (await legacy.get(path)).text.replace("http-equiv", "")
