"""Path templates and path patterns: what is read, what is refused and how."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.jsonpath import Step, parse_pattern
from strangler.core.target import canonical
from strangler.core.template import Literal, Parameter, Rest, fill, parse_template

READ = [
    ("/", [Literal("")]),
    ("/a", [Literal("a")]),
    ("/a/", [Literal("a"), Literal("")]),
    ("/a/{id}", [Literal("a"), Parameter("id")]),
    ("/{id:[0-9]{1,4}}/x", [Parameter("id", "[0-9]{1,4}"), Literal("x")]),
    ("/{id:a:b?}", [Parameter("id", "a:b?")]),
    ("/f/{path...}", [Literal("f"), Rest("path")]),
    ("/{rest...}", [Rest("rest")]),
    ("/caf\u00e9/a b", [Literal("café"), Literal("a b")]),
    ("/v1/things:batch", [Literal("v1"), Literal("things:batch")]),
    ("/a*", [Literal("a*")]),
]


@pytest.mark.parametrize(("text", "parts"), READ)
def test_templates(text, parts):
    template = parse_template(text)
    assert (list(template.parts), str(template)) == (parts, text)


REFUSED = [
    ("a", "'a' does not start with /"),
    ("", "'' does not start with /"),
    ("/a?x=1", "has a query: match it with `query:`"),
    ("/{id}?x=1", "has a query: match it with `query:`"),
    ("/a/{id", "the braces do not pair"),
    ("/a/id}", "the braces do not pair"),
    ("/a/{id}.json", "'{id}.json' must be a whole segment"),
    ("/a/{}", "'' is not a name: letters, digits, _ and -, a letter first"),
    ("/a/{1}", "'1' is not a name"),
    ("/{a...}/b", "{a...} takes the rest, so nothing can follow it"),
    ("/{a}/{a}", "the name 'a' stands there twice"),
    ("/{a}/{a...}", "the name 'a' stands there twice"),
    ("/{a:}", "a regex must match within one segment: not empty, and no / in it"),
    ("/{a:x/y}", "a regex must match within one segment: not empty, and no / in it"),
    ("/{a:(}", "the regex '(' is not valid: missing ), unterminated subpattern"),
    ("/{a:(?P<x>.)(?P<x>.)}", "is not valid: redefinition of group name"),
    ("/{a:x{99999999999}}", "the regex 'x{99999999999}' is not valid"),
    ("/a//b", "'/a//b' can never be matched: such paths are ambiguous (empty_segment) and get no route"),
    ("//", "can never be matched: such paths are ambiguous (empty_segment)"),
    ("/a/../b", "can never be matched: such paths are ambiguous (dot_segment)"),
    ("/a;b", "can never be matched: such paths are ambiguous (parameter)"),
    ("/a\\b", "can never be matched: such paths are ambiguous (backslash)"),
    ("/a#b", "can never be matched: such paths are ambiguous (fragment)"),
    ("/a%20b", "write the characters themselves, not their percent-encoding"),
    ("/a\x07", "write the characters themselves, not their percent-encoding"),
    ("/api/*", "'*' would be those very characters: write {name} for one segment, {name...} for the rest"),
    ("/api/**", "write {name} for one segment, {name...} for the rest"),
    ("/orders/:id", "':id' would be those very characters: write {id}"),
    ("/orders/<id>/x", "'<id>' would be those very characters: write {id}"),
    ("/a" * 65, "a path of more than 64 segments"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_refused_templates_say_what_to_write(text, message):
    with pytest.raises(ValueError) as refused:
        parse_template(text)
    assert message in str(refused.value)


def test_values_of_parameters():
    template = parse_template("/a/{id}/{rest...}")
    assert template.value("id", ("a", "7", "x", "", "y")) == "7"
    assert template.value("rest", ("a", "7", "x", "", "y")) == "x//y"


PATTERNS = [
    ("$", []),
    ("$.a.b", [Step("a"), Step("b")]),
    ("$.items[*].id", [Step("items"), Step(None), Step("id")]),
    ("$.items[0]", [Step("items"), Step(0)]),
    ("$['odd name'][\"x\"]", [Step("odd name"), Step("x")]),
    (r"$['it\'s']", [Step("it's")]),
    ("$..password", [Step("password", True)]),
    ("$..['odd name']", [Step("odd name", True)]),
    ("$..*", [Step(None, True)]),
    ("$.*", [Step(None)]),
    ("$.gr\u00f6\u00dfe.a-b", [Step("größe"), Step("a-b")]),
]


@pytest.mark.parametrize(("text", "steps"), PATTERNS)
def test_patterns(text, steps):
    pattern = parse_pattern(text)
    assert (list(pattern.steps), str(pattern)) == (steps, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("items.id", "'items.id' does not start with $: write $.items.id"),
        (".items", "write $.items"),
        ("[0].id", "write $[0].id"),
        ("", "'' does not start with $"),
        ("$.", "cannot be read at '.': write $.name, $['odd name'], $.list[*], $.list[0] or $..name"),
        ("$.a[-1]", "cannot be read at '[-1]'"),
        ("$.a[01]", "cannot be read at '[01]'"),
        ("$.a[1:2]", "cannot be read at '[1:2]'"),
        ("$.a[?(@.b)]", "cannot be read at '[?(@.b)]'"),
        ("$.a['b]", "cannot be read at"),
        ("$.a ", "cannot be read at ' '"),
        ("$a", "cannot be read at 'a'"),
        ("$..", "cannot be read at '..'"),
    ],
)
def test_refused_patterns_say_what_to_write(text, message):
    with pytest.raises(ValueError) as refused:
        parse_pattern(text)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("path", "template", "raw", "expected"),
    [
        ("/v2/orders/{id}", "/api/orders/{id}", "/api/orders/7", "/v2/orders/7"),
        ("/v2/{b}/{a}-{b}", "/{a}/{b}", "/x/y", "/v2/y/x-y"),
        ("/v2", "/{a}", "/x", "/v2"),
        ("/v2/{rest}", "/files/{rest...}", "/files/a/b%20c/", "/v2/a/b%20c/"),
        ("/v2/{rest}/x", "/files/{rest...}", "/files/a,b/c@d", "/v2/a,b/c@d/x"),
        ("/v2/{id}", "/{id}", "/caf%C3%A9", "/v2/caf%C3%A9"),
        ("/v2/{id}", "/{id}", "/caf\xc3\xa9", "/v2/caf%C3%A9"),
        ("/v2/{id}", "/{id}", "/%ff", "/v2/%FF"),
        ("/v2/{id}", "/{id}", "/%41", "/v2/A"),
        # whatever a value holds, it stays in its segment
        ("/v2/{id}", "/{id}", "/a%3Fb%23c%25", "/v2/a%3Fb%23c%25"),
        ("/v2/{id}", "/{id}", "/a%0d%0ab%20c%22", "/v2/a%0D%0Ab%20c%22"),
    ],
)
def test_fill(path: str, template: str, raw: str, expected: str):
    assert fill(path, parse_template(template), canonical(raw).segments) == expected


@given(st.text(min_size=1, max_size=8))
def test_a_parameter_stays_one_segment(value: str):
    value = value.encode("utf-8", "replace").decode()
    filled = fill("/v2/{id}/x", parse_template("/{id}"), (value,))
    assert filled.isascii()
    assert filled.count("/") == 3
    assert not re.search(r"[?#\\;\s]", filled)
    assert canonical(filled).segments == ("v2", value, "x")
