"""Draft rules: read from one line, and replayed on what is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strangler.config.spec import TREAT_EQUAL as WORDS_OF_THE_FILE
from strangler.core.compare.rules import rules_for
from strangler.core.compare.view import View
from strangler.core.difference import Kind
from strangler.core.document import Content, Document
from strangler.core.exact import parse
from strangler.core.jsonpath import parse_pattern
from strangler.core.model import Compare, Match, Noisy, Route, Tolerance, Unordered
from strangler.core.template import parse_template
from strangler.core.what_if import EXAMPLES, TREAT_EQUAL, Effect, Stored, draft, drafted, replay, subject

ROUTE = Route(0, "read-order", Match(parse_template("/orders/{id}")))
P = parse_pattern

DRAFTS = [
    # rule, what it adds, what it is about
    ("ignore $.generated_at", Compare(ignore=(P("$.generated_at"),)), "$.generated_at"),
    ("ignore $['odd name'][0]", Compare(ignore=(P("$['odd name'][0]"),)), "$['odd name'][0]"),
    ("ignore $..password", Compare(ignore=(P("$..password"),)), "$..password"),
    ('ignore $["a"][*]', Compare(ignore=(P('$["a"][*]'),)), "$.a[*]"),
    ("unordered $.tags", Compare(unordered=(Unordered(P("$.tags")),)), "$.tags"),
    ("unordered $.items key sku", Compare(unordered=(Unordered(P("$.items"), "sku"),)), "$.items"),
    ("unordered $['my key list'] key sku", Compare(unordered=(Unordered(P("$['my key list']"), "sku"),)), "$['my key list']"),
    ("tolerance $.total abs 0.01", Compare(tolerance=(Tolerance(P("$.total"), 0.01),)), "$.total"),
    ("tolerance $.at seconds 2", Compare(tolerance=(Tolerance(P("$.at"), None, 2),)), "$.at"),
    ("tolerance $.at abs 1 seconds 2", Compare(tolerance=(Tolerance(P("$.at"), 1, 2),)), "$.at"),
    ("treat_equal null_missing", Compare(treat_equal=("null_missing",)), ""),
    (" treat_equal  case, whitespace ", Compare(treat_equal=("case", "whitespace")), ""),
    ("header Location", Compare(headers=("content-type",)), "location"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "changed", "about"), DRAFTS)
def test_a_rule_is_read(rule, changed, about):
    assert draft(Compare(), rule) == changed
    assert drafted(ROUTE, rule).compare == changed
    assert subject(rule) == about


def test_a_draft_adds_to_what_is_there():
    compare = draft(draft(Compare(ignore=(P("$.a"),), treat_equal=("case",)), "ignore $.b"), "treat_equal case")
    assert compare == Compare(ignore=(P("$.a"), P("$.b")), treat_equal=("case",))


def test_noise_is_a_rule_of_the_route():
    assert drafted(ROUTE, "noise $.id uuid").noise.fields == (Noisy(P("$.id"), "uuid"),)
    assert subject("noise $.id uuid") == "$.id"


REFUSED = [
    # rule, what to write instead
    ("", "is no rule: write one of ignore"),
    ("ignroe $.a", "is no rule: write one of ignore $.generated_at"),
    ("ignore", "is not complete: write, for example, ignore $.generated_at"),
    ("ignore total", "write $.total"),
    ("unordered items", "write, for example, unordered $.items key sku"),
    ("tolerance $.total", "needs how far: write tolerance $.total abs 0.01"),
    ("tolerance $.total abs -1", "'-1' is no distance"),
    ("tolerance $.total abs nan", "'nan' is no distance"),
    ("tolerance $.at seconds 2s", "'2s' is no distance: write a number such as 0.01"),
    ("tolerance $.total within 1", "cannot be read at ' within 1'"),
    ("treat_equal null", "cannot be treated as equal: write null_missing, number_string"),
    ("header etag", "is not compared now: compared are content-type, location"),
    ("noise $.id random", "is no kind of noise: write clock"),
    ("noise $.id", "write, for example, noise $.id uuid"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "advice"), REFUSED)
def test_what_cannot_be_read_is_refused_with_what_to_write(rule, advice):
    with pytest.raises(ValueError) as refusal:
        drafted(ROUTE, rule)
    assert advice in str(refusal.value)


def test_noise_is_no_rule_of_comparing():
    with pytest.raises(ValueError, match="stands under noise"):
        draft(Compare(), "noise $.id uuid")


@pytest.mark.parametrize("rule", EXAMPLES.values())
def test_examples_are_rules(rule):
    route = drafted(Route(0, "r", ROUTE.match, compare=Compare(headers=("cache-control",))), rule)
    assert route.rules != ROUTE.rules


def test_the_words_are_those_of_the_file():
    assert TREAT_EQUAL == WORDS_OF_THE_FILE


def stored(control: Any, candidate: Any) -> Stored:
    return Stored(*(View(200, (), Document(Content.JSON, parse(json.dumps(body).encode()))) for body in (control, candidate)))


PAIRS = [
    stored({"at": 1, "total": 1}, {"at": 2, "total": 1}),
    stored({"at": 1, "total": 1}, {"at": 2, "total": 2}),
    stored({"total": 1}, {"total": 3}),
    stored({"total": {"net": 1}}, {"total": {"net": 3}}),
    stored({"a": 1}, {"a": 1}),
]

EFFECTS = [
    ("ignore $.at", Effect(1, 3, 1)),
    ("ignore $.total", Effect(2, 2, 1, {("$.total.net", Kind.VALUE): 1})),
    ("ignore $.total.net", Effect(1, 3, 1)),
    ("ignore $", Effect(4, 0, 1, {("$.at", Kind.VALUE): 2, ("$.total", Kind.VALUE): 2, ("$.total.net", Kind.VALUE): 1})),
    ("tolerance $.total abs 1", Effect(0, 4, 1)),
    ("tolerance $.total abs 2", Effect(1, 3, 1)),
    ("treat_equal case", Effect(0, 4, 1)),
]


@pytest.mark.parametrize(("rule", "effect"), EFFECTS)
def test_what_a_rule_would_do(rule, effect):
    assert replay(PAIRS, rules_for(ROUTE), rules_for(drafted(ROUTE, rule)), {subject(rule)}) == effect


def test_a_rule_for_no_place_hides_whatever_it_clears_except_what_was_asked_about():
    pairs = [stored({"a": "x", "b": "y"}, {"a": "X", "b": "Y"}), stored({"a": "x"}, {"a": "X"})]
    rules = rules_for(ROUTE), rules_for(drafted(ROUTE, "treat_equal case"))
    assert replay(pairs, *rules, {"$.a"}) == Effect(2, 0, 0, {("$.b", Kind.VALUE): 1})


def test_of_a_rule_for_no_place_it_is_told_what_passes_and_not_what_it_hides():
    pairs = [stored({"a": "x", "b": "y"}, {"a": "X", "b": "Y"}), stored({"a": "x"}, {"a": "X"})]
    rules = rules_for(ROUTE), rules_for(drafted(ROUTE, "treat_equal case"))
    assert replay(pairs, *rules, {""}) == Effect(2, 0, 0, {}, {("$.a", Kind.VALUE): 2, ("$.b", Kind.VALUE): 1})
