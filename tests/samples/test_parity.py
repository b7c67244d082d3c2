"""Without planted differences, modern answers what legacy answers, byte for byte."""

from httpx import AsyncClient

from tests.samples.vouching import vouching

from .harness import HEADERS, compare, multipart, reads

ORDER = {"customer_id": 1, "items": [{"product_id": 9, "quantity": 2}, {"product_id": 1, "quantity": 1}]}

WRITES = (
    ("POST", "/api/orders", ORDER),
    ("POST", "/api/orders", ORDER | {"customer_id": 7}),  # blocked
    ("POST", "/api/orders", ORDER | {"customer_id": 6}),  # deleted
    ("POST", "/api/orders", {"customer_id": 1, "items": [{"product_id": 6, "quantity": 1}]}),  # discontinued
    ("POST", "/api/orders", {"customer_id": 1, "items": []}),
    ("PUT", "/api/orders/2", {"status": "paid"}),
    ("PUT", "/api/orders/2", {"status": "paid"}),  # again, and nothing changes
    ("PUT", "/api/orders/2", {"status": "shipped"}),
    ("PUT", "/api/orders/2", {"status": "cancelled"}),  # too late
    ("PUT", "/api/orders/3", {"status": "new"}),
    ("PUT", "/api/orders/9", {"status": "paid"}),  # deleted
    ("PUT", "/api/orders/1", {"status": "lost"}),
    ("PATCH", "/api/customers/2", {"name": " Zo\u00eb \U0001f6b2 ", "phone": None}),
    ("PATCH", "/api/customers/2", {"email": "ANNA.deVries@example.org"}),  # somebody else's
    ("PATCH", "/api/customers/2", {"email": "Zoe@Example.org"}),
    ("PATCH", "/api/customers/6", {"phone": ""}),  # deleted
    ("DELETE", "/api/customers/1", None),
    ("POST", "/products/1", None),
)


async def test_every_read_is_the_same(legacy: AsyncClient, faithful: AsyncClient) -> None:
    for path in reads():
        control, candidate = await legacy.get(path), await faithful.get(path)
        assert not compare(control, candidate), path
        assert control.content == candidate.content, path


async def test_every_write_is_the_same_and_leaves_the_same(own_legacy: AsyncClient, own_modern: AsyncClient) -> None:
    for method, path, document in WRITES:
        control = await own_legacy.request(method, path, json=document)
        candidate = await own_modern.request(method, path, json=document)
        assert not compare(control, candidate), (method, path, document, candidate.text)
    for path in ("/api/orders?customer=1", "/api/orders/2", "/api/customers/2", "/api/reports/summary", "/api/reports/sales.csv"):
        assert (await own_legacy.get(path)).content == (await own_modern.get(path)).content, path


async def test_uploads_are_the_same(own_legacy: AsyncClient, own_modern: AsyncClient) -> None:
    for content in (b"", b"x" * 200_000):
        assert not compare(await multipart(own_legacy, content), await multipart(own_modern, content))
    assert (await own_legacy.get("/api/uploads/2")).json() == (await own_modern.get("/api/uploads/2")).json()


async def test_compressed_and_conditional_answers_are_the_same(legacy: AsyncClient, faithful: AsyncClient) -> None:
    for path in ("/products", "/api/orders?size=100", "/api/reports/sales.csv", "/images/1.png"):
        headers = {"accept-encoding": "gzip", "range": "bytes=10-19"}
        control, candidate = await legacy.get(path, headers=headers), await faithful.get(path, headers=headers)
        assert not compare(control, candidate)
        assert control.headers.get("content-encoding") == candidate.headers.get("content-encoding")


async def test_who_one_is_comes_from_the_session_there_and_from_a_header_here(legacy: AsyncClient, faithful: AsyncClient) -> None:
    await legacy.post("/login", data={"email": "anna.devries@example.org", "password": "demo"})
    for path in ("/whoami", "/account"):
        control, candidate = await legacy.get(path), await faithful.get(path, headers=vouching(1))
        assert control.status_code == 200
        assert control.content == candidate.content
    for header in ({}, vouching(6), vouching(-1), {"x-user": "1"}, {"x-user": "1; drop"}, {"x-user": "9" * 50}):
        assert (await faithful.get("/account", headers=header)).status_code == 401


def test_the_headers_looked_at_are_worth_looking_at() -> None:
    assert {"content-type", "location", "etag"} <= set(HEADERS)
