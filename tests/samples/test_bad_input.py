"""Whatever is sent, the answer is a 4xx that says something; the transport would raise what the application raises."""

import pytest
from httpx import AsyncClient

BODIES = (
    *("", "{", "[]", "null", '"text"', "NaN", "[" * 100_000, '{"a":' * 50_000, "1" * 5_000, '{"items": [}', "\ufeff{}"),
    *('{"customer_id": 1}', '{"customer_id": "1", "items": []}', '{"customer_id": 1, "items": {}}'),
    *('{"customer_id": true, "items": [{"product_id": 1, "quantity": 1}]}', '{"customer_id": 1, "items": [1]}'),
    *(
        f'{{"customer_id": 1, "items": [{{"product_id": 1, "quantity": {amount}}}]}}'
        for amount in ("0", "-1", "1.5", "1e400", "100")
    ),
    *(f'{{"customer_id": {number}, "items": [{{"product_id": 1, "quantity": 1}}]}}' for number in ("0", "9999", "9" * 30, "NaN")),
    '{"customer_id": 1, "items": [{"product_id": 99999999999, "quantity": 1}]}',
)
CHANGES = (
    *({}, {"name": ""}, {"name": None}, {"name": 5}, {"name": "x" * 200}, {"name": "a\0b"}, {"id": 2}, {"status": "blocked"}),
    *({"email": "nobody"}, {"email": None}, {"email": "a b@c"}, {"phone": 5}, {"phone": "1" * 41}, {"phone": ["1"]}),
)


def refused(status: int) -> bool:
    return 400 <= status < 500


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:40])
async def test_orders_that_cannot_be(shop: AsyncClient, body: str) -> None:
    answer = await shop.post("/api/orders", content=body.encode(), headers={"content-type": "application/json"})
    assert refused(answer.status_code)
    assert answer.json()["error"]


@pytest.mark.parametrize("change", CHANGES, ids=str)
async def test_changes_that_cannot_be(shop: AsyncClient, change: object) -> None:
    answer = await shop.patch("/api/customers/1", json=change)
    assert (answer.status_code, bool(answer.json()["error"])) == (422, True)


async def test_half_a_character_is_refused(shop: AsyncClient) -> None:
    answer = await shop.patch("/api/customers/1", content=b'{"name": "\\ud83d"}')
    assert answer.status_code == 422


async def test_bytes_that_are_not_text_are_refused(shop: AsyncClient) -> None:
    assert (await shop.post("/api/orders", content=b"\xff\xfe\x00{")).status_code == 400


@pytest.mark.parametrize("number", ["0", "x", "1.5", "-1", "99999999999", "9" * 500, "%00", "%D9%A3"])
async def test_numbers_that_are_none(shop: AsyncClient, number: str) -> None:
    assert (await shop.put(f"/api/orders/{number}", json={"status": "paid"})).status_code == 404
    assert (await shop.patch(f"/api/customers/{number}", json={"phone": ""})).status_code == 404


async def test_a_body_without_end(shop: AsyncClient) -> None:
    assert (await shop.post("/api/orders", content=b" " * (1 << 20) + b"{}")).status_code == 413


@pytest.mark.parametrize("query", ["interval=x", "interval=-1", "interval=nan", "interval=1e9", "count=0", "count=x"])
async def test_feeds_that_cannot_be(shop: AsyncClient, query: str) -> None:
    assert (await shop.get(f"/events?{query}")).status_code == 400


@pytest.mark.parametrize("seen", ["x", "-5", "9" * 500, "\u00b2"])
async def test_a_feed_that_never_was_starts_over(shop: AsyncClient, seen: str) -> None:
    answer = await shop.get("/events?count=1", headers={"last-event-id": seen.encode()})
    assert "id: 1\n" in answer.text


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "multipart/form-data"),
        (b"nonsense", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
        (b'--x\r\ncontent-disposition: form-data; name="file"\r\n\r\ntext\r\n--x--\r\n', "multipart/form-data; boundary=x"),
        (b"file=text", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
    ],
)
async def test_uploads_that_are_none(shop: AsyncClient, content: bytes, kind: str) -> None:
    answer = await shop.post("/api/uploads", content=content, headers={"content-type": kind})
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


@pytest.mark.parametrize(
    "cookie", ["session=", "session=\x00", "session=" + "x" * 9000, 'session="', "=;;=", "session='; DROP TABLE sess"]
)
async def test_cookies_that_are_none(legacy: AsyncClient, cookie: str) -> None:
    assert (await legacy.get("/whoami", headers={"cookie": cookie})).status_code == 401


async def test_a_login_that_is_none(legacy: AsyncClient) -> None:
    assert (await legacy.post("/login", content=b"\xff=%zz&email=%00&password=demo")).status_code == 401
    files = {"email": ("x.txt", b"anna", "text/plain")}
    assert refused((await legacy.post("/login", files=files)).status_code)
