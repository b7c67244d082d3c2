"""What only legacy has: the endpoints that nobody has begun to rewrite."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from httpx import AsyncClient


async def test_categories_say_what_is_in_them(legacy: AsyncClient) -> None:
    listed = (await legacy.get("/api/categories")).json()
    assert [item["name"] for item in listed["items"]] == ["books", "garden", "kitchen", "music", "toys"]
    for item in listed["items"]:
        one = (await legacy.get(f"/api/categories/{item['name']}")).json()
        products = (await legacy.get(f"/api/products?category={item['name']}&size=100")).json()
        assert one["products"] == item["products"] == products["total"]
        assert one["first"] == products["items"][:3]
    assert (await legacy.get("/api/categories/cars")).status_code == 404


async def test_a_product_is_found_by_its_number_in_the_warehouse(legacy: AsyncClient) -> None:
    product = (await legacy.get("/api/products/9")).json()
    assert (await legacy.get(f"/api/products/by-sku/{product['sku']}")).json() == product
    assert (await legacy.get("/api/products/9/stock")).json() == {
        "product_id": 9, "stock": product["stock"], "available": product["stock"] > 0,
    }  # fmt: skip
    for path in ("/api/products/by-sku/XX-0009", "/api/products/by-sku/9", "/api/products/0/stock", "/api/products/x/stock"):
        assert (await legacy.get(path)).status_code == 404, path


async def test_parts_of_an_order_are_those_of_the_order(legacy: AsyncClient) -> None:
    order = (await legacy.get("/api/orders/2")).json()
    assert (await legacy.get("/api/orders/2/items")).json()["items"] == order["items"]
    invoice = (await legacy.get("/api/orders/2/invoice")).text
    assert invoice.startswith(f"Invoice 000002 of {order['created_at']}\n")
    assert f"{order['total']:.2f}" in invoice
    listed = (await legacy.get("/api/orders")).json()
    assert (await legacy.get("/api/orders/recent")).json()["items"] == listed["items"][:5]


async def test_customers_have_their_orders(legacy: AsyncClient) -> None:
    listed = (await legacy.get("/api/customers?size=3")).json()
    assert [item["id"] for item in listed["items"]] == [1, 2, 3]
    assert (await legacy.get("/api/customers/1/orders")).json() == (await legacy.get("/api/orders?customer=1")).json()
    assert (await legacy.get("/api/customers/6/orders")).status_code == 404  # deleted


async def test_a_day_adds_up(legacy: AsyncClient) -> None:
    total = (await legacy.get("/api/orders?size=1")).json()["total"]
    pages = [(await legacy.get(f"/api/orders?size=100&page={number}")).json()["items"] for number in range(1, total // 100 + 2)]
    orders = [order for page in pages for order in page]
    days = {order["id"]: datetime.fromisoformat(order["created_at"]).astimezone(ZoneInfo("Europe/Amsterdam")) for order in orders}
    date = str(days[orders[0]["id"]].date())
    of_the_day = [order for order in orders if str(days[order["id"]].date()) == date]
    told = (await legacy.get(f"/api/reports/days/{date}")).json()
    revenue = round(sum(order["total"] for order in of_the_day if order["status"] != "cancelled"), 2)
    assert (told["date"], told["orders"], told["revenue"]) == (date, len(of_the_day), revenue)
    for wrong in ("yesterday", "2024-1-5"):
        assert (await legacy.get(f"/api/reports/days/{wrong}")).status_code == 404


async def test_machines_find_their_files(legacy: AsyncClient) -> None:
    assert "Disallow: /account" in (await legacy.get("/robots.txt")).text
    assert "http://shop/about" in (await legacy.get("/sitemap.xml")).text
    assert (await legacy.get("/static/shop.5d1e0c7a.css")).headers["content-type"].startswith("text/css")
    assert (await legacy.get("/static/nothing.css")).status_code == 404
    assert "corner shop" in (await legacy.get("/about")).text
