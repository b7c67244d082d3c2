"""Where events go by their type and key, and that no type or key can make it go elsewhere."""

import pytest

from reconcile.sinks.event import Event
from reconcile.sinks.naming import Naming, plain, template, topic, words
from reconcile.sinks.sink import Failed, Unavailable


@pytest.mark.parametrize(
    ("pattern", "safe", "kind", "key", "name"),
    [
        ("orders", words, "order.placed", "7", "orders"),
        ("shop.{type}", words, "order.placed", "7", "shop.order.placed"),
        ("shop.{type}.{key}", words, "order.placed", "a.b", "shop.order.placed.a%2Eb"),
        ("{type}.{key}", words, "order", None, "order._"),
        ("{type}", words, "a..b", "7", "a._.b"),
        ("{type}", words, ".a.", "7", "_.a._"),
        ("{type}", words, "*.>.#", "7", "%2A.%3E.%23"),
        ("{type}", words, "$JS.API.STREAM.DELETE.shop", "7", "%24JS.API.STREAM.DELETE.shop"),
        ("{type}", words, "a b\tc\r\nPUB x", "7", "a%20b%09c%0D%0APUB%20x"),
        ("{key}", words, "t", "100%", "100%25"),
        ("{key}", words, "t", "é\u2003", "é%E2%80%83"),
        ("shop.{type}", topic, "order placed/é", "7", "shop.order_placed__"),
        ("{type}", topic, "", "7", "_"),
        ("s:{type}", plain, "a *", "7", "s:a *"),
    ],
)
def test_a_template_is_filled(pattern, safe, kind, key, name):
    assert Naming(pattern, safe).of(Event(1, "e", kind, key, b"")) == name


def test_what_everybody_meets_with_is_not_the_events_own():
    assert Naming("orders", words).absent("why") == Unavailable("why")
    assert Naming("{type}", words).absent("why") == Failed("why")


def test_a_template_with_anything_else_is_refused():
    assert template("type", "key")("a.{type}.{key}") == "a.{type}.{key}"
    with pytest.raises(ValueError, match=r"^\{id\} is not filled in here: write \{type\} or \{key\}$"):
        template("type", "key")("{id}")
