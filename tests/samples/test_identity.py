"""Who is asking, as the modern shop reads it: what it believes, and what it does not."""

from typing import Any

import pytest
from httpx import AsyncClient

from sample_modern.identity import user_of
from tests.samples.conftest import KEY
from tests.samples.vouching import MOMENT, claims, signed, vouching

ANNA = {"id": 1, "name": "Anna"}


@pytest.mark.parametrize("now", [MOMENT - 5, MOMENT, MOMENT + 29.9])
def test_a_signed_header_is_believed_while_it_is_fresh(now: float) -> None:
    assert user_of(signed(claims(ANNA)), KEY, "modern", now) == ANNA


@pytest.mark.parametrize(
    ("header", "key", "audience", "now"),
    [
        (signed(claims(ANNA)), KEY, "modern", MOMENT + 30),
        (signed(claims(ANNA)), KEY, "modern", MOMENT - 5.1),
        (signed(claims(ANNA)), KEY, "billing", MOMENT),
        (signed(claims(ANNA), key=b"x" * 32), KEY, "modern", MOMENT),
        (signed(claims(ANNA), key=b""), b"", "modern", MOMENT),
        (signed(claims(ANNA), version="v2"), KEY, "modern", MOMENT),
        (signed(claims(ANNA))[:-1], KEY, "modern", MOMENT),
        (signed(claims(ANNA)).replace("v1.", "v1.A"), KEY, "modern", MOMENT),
        (signed(claims(ANNA)).rpartition(".")[0], KEY, "modern", MOMENT),
        (signed(claims(ANNA)).rpartition(".")[0] + ".", KEY, "modern", MOMENT),
        ("", KEY, "modern", MOMENT),
        ("1", KEY, "modern", MOMENT),
        ("v1..", KEY, "modern", MOMENT),
        ("v1.é.é", KEY, "modern", MOMENT),
        ("." * 1000, KEY, "modern", MOMENT),
    ],
)
def test_anything_else_is_nobody(header: str, key: bytes, audience: str, now: float) -> None:
    assert user_of(header, key, audience, now) is None


@pytest.mark.parametrize("user", [{}, {"id": "1"}, {"id": True}, {"id": 1.0}, {"id": None}, {"name": "Anna"}])
async def test_a_user_without_a_number_is_no_customer(faithful: AsyncClient, user: Any) -> None:
    assert (await faithful.get("/whoami", headers={"x-user": signed(claims(user))})).status_code == 401


async def test_the_customer_is_the_one_who_was_vouched_for(faithful: AsyncClient) -> None:
    assert (await faithful.get("/whoami", headers=vouching(3))).json()["id"] == 3
