"""Path patterns: the same in a request with one entry as in one with a thousand."""

from __future__ import annotations

import pytest

from strangler.core.causes.pattern import pattern_of
from strangler.core.difference import Kind
from strangler.core.document import Element

UUID = "6f1c9a52-0c1e-4d6e-9c5b-0a4b7d1f2e3a"
ENTRY = {"name": "x", "size": None}

CASES = [
    # document, path, pattern
    ({"items": [{"price": "1"}]}, ("items", 0, "price"), "$.items[*].price"),
    ([["a"]], (0, 0), "$[*][*]"),
    ({"odd name": 1}, ("odd name",), "$['odd name']"),
    ({}, (), "$"),
    # names that are data by their own looks
    ({"17": ENTRY}, ("17", "name"), "$[*].name"),
    ({"by": {UUID: "x"}}, ("by", UUID), "$.by[*]"),
    ({UUID.upper(): "x"}, (UUID.upper(),), "$[*]"),
    ({"2024-06-01": 1}, ("2024-06-01",), "$[*]"),
    ({"2024-06-01T12:00:00Z": 1}, ("2024-06-01T12:00:00Z",), "$[*]"),
    ({"a@example.org": 1}, ("a@example.org",), "$[*]"),
    ({"SKU-1": 1}, ("SKU-1",), "$[*]"),
    ({"order:17": 1}, ("order:17",), "$[*]"),
    ({"SKU00042": 1}, ("SKU00042",), "$[*]"),
    ({"9f86d081884c7d65": 1}, ("9f86d081884c7d65",), "$[*]"),
    # names that are data by their entries
    ({"users": {"alice": ENTRY}}, ("users", "alice", "name"), "$.users[*].name"),
    ({"users": {"alice": ENTRY, "bob": ENTRY}}, ("users", "bob", "name"), "$.users[*].name"),
    ({"usersById": {"alice": ENTRY, "bob": ENTRY}}, ("usersById", "bob"), "$.usersById[*]"),
    ({"book": {f"a{chr(97 + at)}": ENTRY for at in range(20)}}, ("book", "ab", "name"), "$.book[*].name"),
    ({"rate": {"EUR": "1", "USD": "2", "GBP": "3"}}, ("rate", "USD"), "$.rate[*]"),
    # names that are a schema
    ({"billing": ENTRY, "shipping": ENTRY}, ("billing", "name"), "$.billing.name"),
    ({"customer": {"address": ENTRY}}, ("customer", "address", "name"), "$.customer.address.name"),
    ({"details": {"address": ENTRY}}, ("details", "address", "name"), "$.details.address.name"),
    ({"totals": {"net": "1", "gross": "2", "tax": "3"}}, ("totals", "net"), "$.totals.net"),
    ({f"field_{chr(97 + at)}": "x" for at in range(20)}, ("field_a",), "$.field_a"),
    ({"address1": "x", "line_2": "y", "md5": "z", "sha256": "z"}, ("address1",), "$.address1"),
    ({"line_2": "y"}, ("line_2",), "$.line_2"), ({"sha256": "y"}, ("sha256",), "$.sha256"), ({"utf8": "y"}, ("utf8",), "$.utf8"),
    ({"address": {"home": ENTRY, "work": {"other": 1}}}, ("address", "home"), "$.address.home"),
    ({"ID": 1, "NO": 2}, ("NO",), "$.NO"),
    ({"ID": 1, "QTY": 2, "SKU": 3}, ("QTY",), "$.QTY"),
    ({"status": {"alice": ENTRY}}, ("status", "alice"), "$.status.alice"),
    # a path that leads nowhere in these documents
    ({}, ("a", 0, "b"), "$.a[*].b"),
    # in markup an index is there only where there are siblings of one name
    (Element("order"), ("order", "item", 1, "@sku"), "$.order.item['@sku']"),
    (Element("order"), ("order", "item", "@sku"), "$.order.item['@sku']"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "path", "pattern"), CASES)
def test_patterns(document, path, pattern):
    assert pattern_of(path, Kind.VALUE, document, document) == pattern
    assert pattern_of(path, Kind.VALUE, None, document) == pattern


def test_a_header_goes_by_its_name_and_the_status_by_that_word():
    assert pattern_of(("cache-control",), Kind.HEADER, None, None) == "cache-control"
    assert pattern_of((), Kind.STATUS, None, None) == "status"


@pytest.mark.parametrize("entries", [1, 2, 3, 10, 1000])
def test_a_dictionary_of_ids_has_one_pattern_however_many_are_in_it(entries):
    document = {"stock": {f"SKU-{number}": {"count": "1"} for number in range(entries)}}
    assert pattern_of(("stock", "SKU-0", "count"), Kind.VALUE, document, document) == "$.stock[*].count"
