"""Transforms: what is named, and what is left without a name because it could be anything."""

from __future__ import annotations

import pytest

from strangler.core.causes.explain import STEPS, best, explanations
from strangler.core.exact import Number as N

NAMED = [
    # control, candidate, name
    (N("1"), "1", "number_to_string"),
    ("1.50", N("1.5"), "string_to_number"),
    (N("12.5"), N("1250"), "times_100"),
    (N("1250"), N("12.50"), "divided_by_100"),
    (N("1.00"), N("100"), "times_100"),
    ("12.5", "1250", "times_100"),
    (N("1717243200"), N("1717243200000"), "times_1000"),
    (N("1717243200000"), "1717243200", "number_to_string+divided_by_1000"),
    (N("12.345"), N("12.35"), "rounded"),
    (N("12.345"), N("12.34"), "rounded"),
    (N("12.349"), N("12.34"), "rounded"),
    (N("12.35"), N("12.3456"), "unrounded"),
    (N("-12.345"), N("-12.35"), "rounded"),
    (N("0.30000000000000004"), N("0.3"), "rounded"),
    (True, "true", "boolean_to_string"),
    (False, "No", "boolean_to_string"),
    ("Y", True, "string_to_boolean"),
    (True, N("1"), "boolean_to_number"),
    (N("0"), False, "number_to_boolean"),
    (None, "", "empty_null"),
    ([], None, "empty_null"),
    (None, {}, "empty_null"),
    ("Berlin", "BERLIN", "case"),
    ("straße", "STRASSE", "case"),
    ("Berlin", " Berlin\n", "whitespace"),
    ("a  b", "a b", "whitespace"),
    ("/orders", "/orders/", "trailing_slash"),
    ("https://shop/orders/?page=2", "https://shop/orders?page=2", "trailing_slash"),
    ("http://legacy:8080/orders/1", "https://shop.example.org/orders/1", "url_host"),
    ("http://legacy/orders/1", "/orders/1", "url_host"),
    ("2024-06-01T12:00:00Z", "2024-06-01T14:00:00+02:00", "timezone"),
    ("2024-06-01T12:00:00Z", "2024-06-01T12:00:00+02:00", "timezone_shift"),
    ("2024-06-01T12:00:00", "2024-06-01T13:00:00", "timezone_shift"),
    ("2024-06-01 12:00:00", "2024-06-01 06:30:00", "timezone_shift"),
    (N("1717243200"), N("1717250400"), "timezone_shift"),
    ("2024-06-01T12:00:00", "2024-06-01T12:00:00Z", "timezone_missing"),
    ("2024-06-01T12:00:00Z", N("1717243200"), "date_format"),
    ("2024-06-01T14:00:00+02:00", N("1717243200000"), "date_format"),
    (N("1717243200"), "2024-06-01T12:00:00", "date_format"),
    ("2024-06-01", "2024-06-01T00:00:00", "date_format"),
    ("2024-06-01T00:00:00Z", "2024-06-01", "date_format"),
    ("2024-06-01T12:00:00", "2024-06-01 12:00:00", "date_format"),
    ("2024-06-01T12:00:00Z", "2024-06-01T12:00:00+00:00", "date_format"),
    ("2024-06-01T12:00:00Z", "2024-06-01T12:00:00.000Z", "date_format"),
    ("2024-06-01T12:00:00Z", "Sat, 01 Jun 2024 12:00:00 GMT", "date_format"),
    ("2024-06-01", "01.06.2024", "date_format"),
    ("2024-06-01", "6/1/2024", "date_format"),
    ("2024-06-01T12:30:00", "20240601T123000", "date_format"),
    ("2024-06-01T12:00:00.123Z", "2024-06-01T12:00:00Z", "seconds_cut"),
    ("2024-06-01T12:00:00Z", "2024-06-01T12:00:00.123Z", "seconds_added"),
    ("x", ["x"], "wrapped"),
    (N("5"), {"amount": N("5")}, "wrapped"),
    ({"value": "x"}, "x", "unwrapped"),
    ([N("1")], {"items": [N("1")]}, "wrapped"),
    ({"a": N("1")}, '{"a": 1}', "json_to_string"),
    ("[true]", [True], "string_to_json"),
    ("Tom & Jerry", "Tom &amp; Jerry", "html_escaped"),
    ("it&#39;s", "it&apos;s", "html_escaped"),
    ("é", "e\u0301", "unicode_form"),
    ("Müller", "MÃ¼ller", "mojibake"),
    ("a b/c", "a%20b/c", "percent_encoded"),
    ("00042", "42", "leading_zeros"),
    ("application/json", "application/json; charset=utf-8", "media_parameters"),
    # two after each other
    (N("12.5"), "1250", "number_to_string+times_100"),
    (N("12.345"), "12.35", "number_to_string+rounded"),
    (N("12.345"), N("1235"), "times_100+rounded"),
    (N("12345"), N("123.5"), "divided_by_100+rounded"),
    (N("42"), "00042", "number_to_string+leading_zeros"),
    (N("5"), {"value": "5"}, "wrapped+number_to_string"),
    (" Berlin", "berlin", "whitespace+case"),
    ("http://a/Orders", "https://b/orders", "url_host+case"),
    ("http://a/orders", "https://b/orders/", "trailing_slash+url_host"),
    ("2024-06-01T12:00:00Z", N("1717250400"), "date_format+timezone_shift"),
    ("2024-06-01 12:00:00", "2024-06-01T12:00:00Z", "date_format+timezone_missing"),
    ("2024-06-01T12:00:00.9Z", N("1717243200"), "date_format+seconds_cut"),
    ("MÜLLER", "MÃ¼ller", "mojibake+case"),
]  # fmt: skip


@pytest.mark.parametrize(("control", "candidate", "name"), NAMED)
def test_a_transform_is_named(control, candidate, name):
    assert best(explanations(control, candidate)) == name


UNNAMED = [
    # one digit fits anything: a share and a percentage, a flag and an amount
    (N("1"), N("100")), (N("100"), N("1")), (N("5"), N("500")), (N("1"), N("1000")), (N("0"), N("100")),
    (True, N("100")), (True, False), (True, N("0")), (N("100"), True),
    # nothing is left after the point, or nothing at all
    (N("0.4"), N("0")), (N("0.004"), N("0.00")), (N("1.5"), N("2")), (N("12.5"), N("0")),
    # close is not exact
    (N("12.5"), N("1251")), (N("12.345"), N("12.36")), (N("12.345"), N("12.33")), (N("12.345"), "1235.5"),
    (N("12.35"), N("1240")), (N("12.5"), N("125")),
    (N("41"), N("42")), (N("1"), "2"), (N("1"), "one"), (N("42"), "42 EUR"), (N("10"), N("20")),
    # an enumeration is an enumeration
    ("A", "active"), ("A", "B"), ("pending", "PEND"), ("1", "active"), (N("1"), "active"),
    # times that are apart, but by no zone
    ("2024-06-01T12:00:00Z", "2024-06-01T13:00:00.5Z"), ("2024-06-01T12:00:00Z", "2024-06-01T12:00:01Z"),
    ("2024-06-01T12:00:00Z", "2024-06-02T12:00:00Z"), ("2024-06-01T12:00:00Z", "2024-06-01T12:15:00Z"),
    ("2024-06-01", "2024-06-02"), ("2024-06-01", "01.07.2024"), ("2024-06-01T12:00:00Z", N("1717243201")),
    # nothing, empty and zero
    (None, N("0")), (None, False), (None, "null"), ("", N("0")), ("", " "), ("", "x"), ([], ["x"]), ("", []),
    # other texts
    ("https://alice.example", "https://bob.example/"), ("https://a.example/", "https://b.example/"),
    ("/orders", "/orders//"), ("orders", "order"), ("a", "a b"), ("007", "070"), ("", "/"),
    ("text/html", "text/plain"), ("x", ["y"]), ("x", ["x", "x"]), (["x"], {"a": "x"}), ({"a": N("1")}, '{"a": 2}'),
    ({"a": N("1")}, "{"), ("x" * 50_000, "X" * 50_000), (N("1e400"), N("1")), (N("1" * 300), N("2" * 300)), (None, None),
    ({"a": "x", "b": "y"}, "x"),
]  # fmt: skip


@pytest.mark.parametrize(("control", "candidate"), UNNAMED, ids=range(len(UNNAMED)))
def test_what_could_be_anything_has_no_name(control, candidate):
    assert best(explanations(control, candidate)) == ""
    assert best(explanations(candidate, control)) == ""


def test_every_transform_has_a_sample():
    named = {name for _, _, name in NAMED for name in name.split("+")}
    assert named | {"number_notation"} >= {step.name for step in STEPS}


def test_names_are_names_and_words_are_words():
    assert len({step.name for step in STEPS}) == len(STEPS)
    assert all(step.name.replace("_", "").isalnum() and step.words for step in STEPS)
