"""What looks like money or a quantity."""

from __future__ import annotations

import pytest

from strangler.core.exact import Number
from strangler.core.noise.money import holds_money, is_decimal, is_money_name


@pytest.mark.parametrize(
    "name", ["price", "unitPrice", "unit_price", "UNIT_PRICE", "TotalNet", "qty", "amount_due", "orderTotal", "sum", "priceEUR"]
)
def test_names_of_money(name):
    assert is_money_name(name)


@pytest.mark.parametrize("name", ["id", "summary", "network", "taxonomy", "created_at", "feedback", "amounted", "", 3])
def test_other_names(name):
    assert not is_money_name(name)


@pytest.mark.parametrize("value", [Number("1.5"), "12.50", "-3,99", "1.234,50 EUR", "$5.00", "€ 5.00", "1,234.50"])
def test_decimals(value):
    assert is_decimal(value)


@pytest.mark.parametrize("value", [Number("15"), "12", "1.2.x", "v1", "2024-06-01", "", None, True, 1.5, [], "x" * 100])
def test_no_decimals(value):
    assert not is_decimal(value)


def test_money_is_found_however_deep():
    assert holds_money([{"a": {"b": [Number("1.5")]}}])
    assert holds_money({"a": {"price": None}})
    assert not holds_money([{"a": {"b": [Number("1")]}}])
