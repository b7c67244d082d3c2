"""What each endpoint does, in either application unless it says otherwise."""

import csv
import hashlib
import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from httpx import AsyncClient
from starlette.applications import Starlette

from sample_legacy import facts
from sample_legacy.app import create_app as create_legacy
from sample_legacy.shared.numbers import BY_NAME
from sample_modern.app import create_app as create_modern

from .conftest import client_of, running
from .harness import Conversation, multipart

ORDER = {"customer_id": 1, "items": [{"product_id": 1, "quantity": 2}]}
LISTED = [product for product in facts.load().products if not product.deleted]


async def test_products_are_listed_page_by_page(shop: AsyncClient) -> None:
    pages = [(await shop.get(f"/api/products?page={number}&size=20")).json() for number in (1, 2, 3)]
    assert [item["id"] for page in pages for item in page["items"]] == [product.id for product in LISTED]
    assert {page["total"] for page in pages} == {len(LISTED)}


async def test_products_of_a_category(shop: AsyncClient) -> None:
    listing = (await shop.get("/api/products?category=toys&size=100")).json()
    assert {item["category"] for item in listing["items"]} == {"toys"}
    assert listing["total"] == len(listing["items"]) == sum(product.category == "toys" for product in LISTED)


async def test_a_product_without_a_description_has_no_such_field(shop: AsyncClient) -> None:
    assert "description" not in (await shop.get("/api/products/3")).json()
    assert (await shop.get("/api/products/5")).json()["description"] == ""


async def test_a_float_price_is_told_in_cents(shop: AsyncClient) -> None:
    assert (await shop.get("/api/products/2")).json()["price"] == 0.3


async def test_an_order_adds_up(shop: AsyncClient) -> None:
    order = (await shop.get("/api/orders/10")).json()
    # 2 x 60.00 is 120.00; five percent off is 6.00; free shipping from 50.00
    assert {key: order[key] for key in ("subtotal", "discount", "shipping", "total", "currency")} == {
        **{"subtotal": 120.0, "discount": 6.0, "shipping": 0.0, "total": 114.0},
        "currency": "EUR",
    }


async def test_an_order_of_someone_who_is_gone(shop: AsyncClient) -> None:
    assert (await shop.get("/api/orders/7")).json()["customer"] == {"id": 6, "name": None}


async def test_an_order_of_something_that_is_gone(shop: AsyncClient) -> None:
    item = (await shop.get("/api/orders/8")).json()["items"][0]
    assert (item["name"], item["sku"], item["unit_price"]) == (None, None, 75.5)


async def test_times_are_told_in_utc(shop: AsyncClient) -> None:
    assert (await shop.get("/api/orders/6")).json()["created_at"] == "2024-12-31T22:59:59Z"
    assert (await shop.get("/api/orders/4")).json()["created_at"] == "2024-10-27T00:30:00Z"  # the first of the two
    assert (await shop.get("/api/orders/5")).json()["created_at"] == "2024-03-31T01:30:00Z"  # never was


async def test_orders_by_customer_and_status(shop: AsyncClient) -> None:
    orders = (await shop.get("/api/orders?customer=1&status=new")).json()["items"]
    assert {(order["customer_id"], order["status"]) for order in orders} == {(1, "new")}


async def test_search_ignores_case(shop: AsyncClient) -> None:
    assert [item["id"] for item in (await shop.get("/api/search?q=O'BRIEN")).json()["items"]] == [5]


async def test_placing_an_order_and_seeing_it_through(own_shop: AsyncClient) -> None:
    made = await own_shop.post("/api/orders", json=ORDER)
    assert made.status_code == 201
    where = made.headers["location"]
    assert where == f"/api/orders/{len(facts.load().orders) + 1}"
    assert (made.json()["total"], made.json()["created_at"]) == (44.93, "2026-07-31T22:30:00Z")
    assert (await own_shop.put(where, json={"status": "shipped"})).status_code == 409
    assert (await own_shop.put(where, json={"status": "paid"})).json()["paid_at"] == "2026-07-31T22:30:00Z"
    assert (await own_shop.put(where, json={"status": "shipped"})).status_code == 200
    assert (await own_shop.get(where)).json()["status"] == "shipped"


async def test_deleting_an_order_unless_money_has_moved(own_shop: AsyncClient) -> None:
    made = await own_shop.post("/api/orders", json=ORDER)
    where = made.headers["location"]
    assert (await own_shop.delete(where)).status_code == 204
    assert (await own_shop.get(where)).status_code == (await own_shop.delete(where)).status_code == 404
    paid = (await own_shop.post("/api/orders", json=ORDER)).headers["location"]
    assert paid != where, "the number is not given again"
    await own_shop.put(paid, json={"status": "paid"})
    refused = await own_shop.delete(paid)
    assert (refused.status_code, refused.json()) == (409, {"error": "An order that is paid cannot be deleted"})
    assert len((await own_shop.get(paid)).json()["items"]) == 1


@pytest.mark.parametrize(("create", "name", "share"), [(create_legacy, "odd", 1), (create_modern, "even", 0)])
async def test_two_shops_that_take_turns_share_the_numbers(
    create: Callable[..., Starlette], name: str, share: int, tmp_path: Path
) -> None:
    with running(create(f"sqlite:///{tmp_path}/shop.db", numbers=BY_NAME[name])) as app:
        async with client_of(app) as client:
            given = [(await client.post("/api/orders", json=ORDER)).json()["id"] for _ in range(3)]
    first = len(facts.load().orders) + 1
    first += first % 2 != share
    assert given == [first, first + 2, first + 4]


async def test_changing_a_customer(own_shop: AsyncClient) -> None:
    changed = await own_shop.patch("/api/customers/1", json={"name": "Anna Bakker", "email": "Anna@Example.org", "phone": None})
    assert changed.status_code == 200
    customer = (await own_shop.get("/api/customers/1")).json()
    assert (customer["name"], customer["email"], customer["phone"]) == ("Anna Bakker", "anna@example.org", None)


async def test_the_summary_counts_what_there_is(shop: AsyncClient) -> None:
    summary = (await shop.get("/api/reports/summary")).json()
    kept = [order for order in facts.load().orders if not order.deleted]
    assert sum(summary["orders"].values()) == len(kept)
    assert summary["revenue"] == sum(order.total_cents for order in kept if order.status != "cancelled") / 100
    assert summary["generated_at"] == "2026-07-31T22:30:00+00:00"


async def test_the_sales_are_a_table_of_all_orders(shop: AsyncClient) -> None:
    answer = await shop.get("/api/reports/sales.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="sales.csv"'
    assert "content-length" not in answer.headers
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [int(row["order_id"]) for row in rows] == [order.id for order in facts.load().orders if not order.deleted]
    assert rows[7]["customer"] == 'Pat "Ace" O\'Neil & Sons'


async def test_a_picture_is_a_real_one(shop: AsyncClient) -> None:
    body = (await shop.get("/images/3.png")).content
    assert body.startswith(b"\x89PNG\r\n\x1a\n")
    position, kinds = 8, []
    while position < len(body):
        (size,) = struct.unpack(">I", body[position : position + 4])
        chunk = body[position + 4 : position + 8 + size]
        assert struct.unpack(">I", body[position + 8 + size : position + 12 + size]) == (zlib.crc32(chunk),)
        kinds.append(chunk[:4])
        position += 12 + size
    assert kinds == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]


async def test_a_picture_one_has_is_not_sent_again(shop: AsyncClient) -> None:
    headers = (await shop.get("/images/3.png")).headers
    tag = headers["etag"]
    for asked in ({"if-none-match": tag}, {"if-none-match": f'"x", W/{tag}'}, {"if-modified-since": headers["last-modified"]}):
        answer = await shop.get("/images/3.png", headers=asked)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await shop.get("/images/3.png", headers={"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-5", 206, slice(-5, None)),
        ("bytes=10-99999999", 206, slice(10, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
        ("bytes=-0", 416, slice(0, 0)),
        ("bytes=9-3", 200, slice(None)),
        ("bytes=0-1,5-6", 200, slice(None)),
        ("bytes=-", 200, slice(None)),
        ("lines=0-9", 200, slice(None)),
    ],
)
async def test_a_part_of_a_picture(shop: AsyncClient, asked: str, status: int, expected: slice) -> None:
    whole = (await shop.get("/images/3.png")).content
    answer = await shop.get("/images/3.png", headers={"range": asked})
    assert (answer.status_code, answer.content) == (status, whole[expected])
    if status == 206:
        start, stop, _ = expected.indices(len(whole))
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(whole)}"


async def test_a_part_of_another_version_is_the_whole(shop: AsyncClient) -> None:
    assert (await shop.get("/images/3.png", headers={"range": "bytes=0-9", "if-range": '"old"'})).status_code == 200


async def test_an_upload_is_measured_and_remembered(own_shop: AsyncClient) -> None:
    content = bytes(range(256)) * 12_000  # larger than what is kept in memory
    answer = await multipart(own_shop, content, "h\u00e9t \u201cplan\u201d.png")
    assert answer.status_code == 201
    assert (answer.json()["size"], answer.json()["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert (await own_shop.get(answer.headers["location"])).json() == answer.json()
    assert answer.json()["filename"] == "h\u00e9t \u201cplan\u201d.png"


async def test_an_old_link_leads_to_the_product(shop: AsyncClient) -> None:
    answer = await shop.get("/go/3")
    assert (answer.status_code, answer.headers["location"]) == (301, "/products/3")


@pytest.mark.parametrize("path", ["/products", "/api/products", "/api/orders/1", "/images/1.png", "/healthz", "/events", "/go/3"])
async def test_head_is_get_without_the_body(shop: AsyncClient, path: str) -> None:
    head, whole = await shop.head(path), await shop.get(path + "?count=1")
    assert head.status_code == whole.status_code
    assert head.headers.get("content-type") == whole.headers.get("content-type")


async def test_large_text_is_compressed_for_those_who_can_read_it(shop: AsyncClient) -> None:
    answers = [await shop.get("/api/products?size=100", headers={"accept-encoding": coding}) for coding in ("gzip", "identity")]
    assert [answer.headers.get("content-encoding") for answer in answers] == ["gzip", None]
    assert answers[0].json() == answers[1].json()
    assert "content-encoding" not in (await shop.get("/images/3.png", headers={"accept-encoding": "gzip"})).headers


async def test_logging_in_sets_several_cookies(own_legacy: AsyncClient) -> None:
    form = {"email": " Anna.deVries@EXAMPLE.org", "password": "demo", "next": "/products?page=2"}
    answer = await own_legacy.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/products?page=2")
    cookies = answer.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["session", "returning", "flash"]
    assert "HttpOnly" in cookies[0]
    assert (await own_legacy.get("/whoami")).json() == {"id": 1, "name": "Anna de Vries", "email": "anna.devries@example.org"}
    assert "Anna de Vries" in (await own_legacy.get("/account")).text
    assert (await own_legacy.get("/logout")).status_code == 303
    assert (await own_legacy.get("/whoami")).status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "", "/a b", "/x\r\nset-cookie: a=b"]
)
async def test_logging_in_never_leads_elsewhere(own_legacy: AsyncClient, target: str) -> None:
    answer = await own_legacy.post("/login", data={"email": "jos@example.org", "password": "demo", "next": target})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")


@pytest.mark.parametrize(
    ("email", "password"), [("jos@example.org", "wrong"), ("nobody@example.org", "demo"), ("betty@example.org", "demo"), ("", "")]
)
async def test_not_everyone_gets_in(legacy: AsyncClient, email: str, password: str) -> None:
    answer = await legacy.post("/login", data={"email": email, "password": password})
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


async def test_an_account_needs_a_session(legacy: AsyncClient) -> None:
    answer = await legacy.get("/account", headers={"cookie": "session=made-up"})
    assert (answer.status_code, answer.headers["location"]) == (302, "/login?next=/account")


async def test_modern_says_which_build_answered(faithful: AsyncClient) -> None:
    assert (await faithful.get("/healthz")).headers["x-build"] == "1"


async def test_the_first_event_comes_at_once(app: Starlette) -> None:
    feed = Conversation(app, "http", "/events?interval=3600", ((b"accept-encoding", b"gzip"),))
    start = await feed.receive()
    assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
    assert b"content-encoding" not in dict(start["headers"])
    assert (await feed.receive())["body"] == b"retry: 2000\n\n"
    assert (await feed.receive())["body"] == b'id: 1\nevent: stock\ndata: {"product":1,"stock":25}\n\n'
    await feed.end({"type": "http.disconnect"})


async def test_a_feed_goes_on_where_it_stopped(shop: AsyncClient) -> None:
    whole = (await shop.get("/events?count=60&interval=0")).text
    resumed = await shop.get("/events?count=10&interval=0", headers={"last-event-id": "50"})
    assert resumed.text.removeprefix("retry: 2000\n\n") == whole[whole.index("id: 51\n") :]


async def test_a_socket_answers_and_echoes(app: Starlette) -> None:
    socket = Conversation(app, "websocket", "/ws")
    await socket.send({"type": "websocket.connect"})
    assert (await socket.receive())["type"] == "websocket.accept"
    for said, answer in (
        ('{"ask":"stock","id":3}', '{"id":3,"stock":7}'),
        ('{"ask":"stock","id":6}', '{"error":"No such product"}'),
        ('{"ask":"stock","id":true}', '{"error":"No such product"}'),
        ('{"ask":"stock","id":99999999999999999999}', '{"error":"No such product"}'),
        ('{"ask":"weather"}', '{"ask":"weather"}'),
        ("hello \U0001f6b2", "hello \U0001f6b2"),
        ("[" * 100_000, "[" * 100_000),
    ):
        await socket.send({"type": "websocket.receive", "text": said})
        assert (await socket.receive())["text"] == answer
    await socket.send({"type": "websocket.receive", "bytes": b"\x00\xff"})
    assert (await socket.receive())["bytes"] == b"\x00\xff"
    await socket.end({"type": "websocket.disconnect", "code": 1000})


async def test_what_is_not_there_says_so_in_its_own_way(shop: AsyncClient) -> None:
    assert (await shop.get("/api/nothing")).json() == {"error": "Not Found"}
    assert (await shop.get("/products/9999")).headers["content-type"] == "text/html; charset=utf-8"
    refused = await shop.delete("/api/orders")
    assert (refused.status_code, json.loads(refused.text)) == (405, {"error": "Method Not Allowed"})
    assert {"GET", "POST"} <= set(refused.headers["allow"].split(", "))
