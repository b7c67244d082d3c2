"""Adding a rule in place: the exact text that comes out for each way of writing, what is refused, and laws over random files."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.config.load import load
from strangler.config.rule_edit import PLACES, NewRule, add_rule
from strangler.config.rule_file import accept
from strangler.config.survey import EditError
from strangler.core.errors import ConfigError
from strangler.core.jsonpath import parse_pattern
from tests.unit.config import fuzz_rule_edit

NEW = NewRule("compare.ignore", "$.new")
ITEMS = NewRule("compare.ignore", "$.items[*].id")
TOTAL = NewRule("compare.tolerance", members=(("path", "$.total"), ("abs", "0.01")))
CLOCK = NewRule("noise.fields", members=(("path", "$.at"), ("kind", "clock")))
ROUTE = "routes:\n- name: a\n  match: {path: /a}\n"

# What stands behind the name and match of the route, before and after adding NEW.
THERE = {
    "in brackets": ("  compare: {ignore: [$.x]}\n", "  compare: {ignore: [$.x, $.new]}\n"),
    "single quotes": ("  compare: {ignore: ['$.x']}\n", "  compare: {ignore: ['$.x', '$.new']}\n"),
    "double quotes": ('  compare: {ignore: ["$.x"]}\n', '  compare: {ignore: ["$.x", "$.new"]}\n'),
    "a comma at the end": ("  compare: {ignore: [$.x, ]}\n", "  compare: {ignore: [$.x, $.new, ]}\n"),
    "brackets over lines": (
        "  compare:\n    ignore: [\n      $.x, # {why\n      $.y # see ],\n    ]\n",
        "  compare:\n    ignore: [\n      $.x, # {why\n      $.y, # see ],\n      $.new\n    ]\n",
    ),
    "brackets over lines, a comma at the end": (
        "  compare:\n    ignore: [\n      $.y, # see\n    ] # z\n",
        "  compare:\n    ignore: [\n      $.y, # see\n      $.new,\n    ] # z\n",
    ),
    "the bracket closes behind the last": (
        "  compare:\n    ignore: [\n      $.x,\n      $.y]\n",
        "  compare:\n    ignore: [\n      $.x,\n      $.y,\n      $.new]\n",
    ),
    "dashes": (
        "  compare:\n    ignore:\n    - $.x # why\n      # more of it\n    # next\n    headers: [y]\n",
        "  compare:\n    ignore:\n    - $.x # why\n      # more of it\n    - $.new\n    # next\n    headers: [y]\n",
    ),
    "indented dashes, no line end": (
        "  compare:\n    ignore:\n      - $.x",
        "  compare:\n    ignore:\n      - $.x\n      - $.new",
    ),
    "nothing in brackets": ("  compare: {ignore: []}\n", '  compare: {ignore: ["$.new"]}\n'),
    "only a comment in brackets": (
        "  compare: {ignore: [ # none\n    ]}\n",
        '  compare: {ignore: ["$.new" # none\n    ]}\n',
    ),
    "no list": ("  compare:\n    ignore:\n    headers: [y]\n", '  compare:\n    ignore: ["$.new"]\n    headers: [y]\n'),
    "null": ("  compare: {ignore: ~}\n", '  compare: {ignore: ["$.new"]}\n'),
    "no mapping": ("  compare: # todo\n", '  compare: {ignore: ["$.new"]} # todo\n'),
    "empty braces": ("  compare: {}\n", '  compare: {ignore: ["$.new"]}\n'),
    "other keys in braces": ("  compare: {headers: [y]}\n", '  compare: {headers: [y], ignore: ["$.new"]}\n'),
    "other keys in lines": (
        "  compare:\n    headers: [y] # x\n  guard: {}\n",
        '  compare:\n    headers: [y] # x\n    ignore: ["$.new"]\n  guard: {}\n',
    ),
    "other keys with dashes": (
        "  compare:\n    headers:\n    - y\n",
        '  compare:\n    headers:\n    - y\n    ignore:\n      - "$.new"\n',
    ),
    "line ends of Windows": (
        "  compare:\r\n    ignore:\r\n    - $.x\r\n  guard: {}\r\n",
        "  compare:\r\n    ignore:\r\n    - $.x\r\n    - $.new\r\n  guard: {}\r\n",
    ),
}

# Nothing of the kind stands in the route.
MISSING = {
    "behind match": (ROUTE, ROUTE + '  compare: {ignore: ["$.new"]}\n'),
    "where the reference has it": (
        ROUTE + "  shadow: {sample: 5%}\n  guard: {}\n",
        ROUTE + '  shadow: {sample: 5%}\n  compare: {ignore: ["$.new"]}\n  guard: {}\n',
    ),
    "as lines, where others are": (
        ROUTE + "  guard:\n    quiet: 1d\n",
        ROUTE + '  compare:\n    ignore: ["$.new"]\n  guard:\n    quiet: 1d\n',
    ),
    "in braces": ("routes: [{name: a}]\n", 'routes: [{name: a, compare: {ignore: ["$.new"]}}]\n'),
    "a pair without braces": ("routes: [name: a]\n", 'routes: [{name: a, compare: {ignore: ["$.new"]}}]\n'),
    "JSON": ('{"routes": [{"name": "a"}]}\n', '{"routes": [{"name": "a", "compare": {"ignore": ["$.new"]}}]}\n'),
    "byte order mark": ("\ufeff" + ROUTE, "\ufeff" + ROUTE + '  compare: {ignore: ["$.new"]}\n'),
}

# What a list of the route's own would hide is copied into it, and nobody else sees a change.
INHERITED = {
    "defaults": (
        "defaults: {compare: {ignore: [$.x], headers: [y]}}\n" + ROUTE,
        "defaults: {compare: {ignore: [$.x], headers: [y]}}\n" + ROUTE + "  compare: {ignore: [$.x, $.new]}\n",
    ),
    "defaults, and a section": (
        "defaults: {compare: {ignore: [$.x]}}\n" + ROUTE + "  compare: {headers: [y]}\n",
        "defaults: {compare: {ignore: [$.x]}}\n" + ROUTE + "  compare: {headers: [y], ignore: [$.x, $.new]}\n",
    ),
    "an empty list hides the defaults": (
        "defaults: {compare: {ignore: [$.x]}}\n" + ROUTE + "  compare: {ignore: }\n",
        "defaults: {compare: {ignore: [$.x]}}\n" + ROUTE + '  compare: {ignore: ["$.new"] }\n',
    ),
    "an alias of the list": (
        "x: &i [$.x]\n" + ROUTE + "  compare: {ignore: *i }\n",
        "x: &i [$.x]\n" + ROUTE + "  compare: {ignore: [$.x, $.new] }\n",
    ),
    "an alias of the section": (
        "x: &c {headers: [y], ignore: [$.x]}\n" + ROUTE + "  compare: *c # as above\n",
        "x: &c {headers: [y], ignore: [$.x]}\n" + ROUTE + "  compare: {<<: *c, ignore: [$.x, $.new]} # as above\n",
    ),
    "an alias of nothing": ("x: &c\n" + ROUTE + "  compare: *c\n", "x: &c\n" + ROUTE + '  compare: {ignore: ["$.new"]}\n'),
    "a merge into the section": (
        "x: &c {ignore: [$.x]}\n" + ROUTE + "  compare: {<<: *c, headers: [y]}\n",
        "x: &c {ignore: [$.x]}\n" + ROUTE + "  compare: {<<: *c, headers: [y], ignore: [$.x, $.new]}\n",
    ),
    "a merge into the route": (
        "x: &c {compare: {headers: [y], ignore: [$.x]}}\n" + ROUTE + "  <<: *c\n",
        "x: &c {compare: {headers: [y], ignore: [$.x]}}\n"
        + ROUTE
        + "  compare: {headers: [y], ignore: [$.x, $.new]}\n  <<: *c\n",
    ),
}
SHARED = {
    "the anchor of the list moves to its first alias": (
        ROUTE + "  compare: {ignore: &i [$.x]}\n- {name: b, compare: {ignore: *i }}\n- {name: c, compare: {ignore: *i }}\n",
        ROUTE
        + "  compare: {ignore: [$.x, $.new]}\n- {name: b, compare: {ignore: &i [$.x] }}\n- {name: c, compare: {ignore: *i }}\n",
    ),
    "the anchor of the section moves": (
        ROUTE + "  compare: &c\n    ignore: [$.x]\n- {name: b, compare: *c }\n",
        ROUTE + "  compare:\n    ignore: [$.x, $.new]\n- {name: b, compare: &c {ignore: [$.x]} }\n",
    ),
    "who merges the route keeps what it had": (
        "routes:\n- &a {name: a, compare: {ignore: [$.x]}}\n- {<<: *a, name: b}\n- {<<: *a, name: c, compare: {}}\n",
        "routes:\n- &a {name: a, compare: {ignore: [$.x, $.new]}}\n"
        "- {<<: *a, name: b, compare: {ignore: [$.x]}}\n- {<<: *a, name: c, compare: {}}\n",
    ),
    "who merges the route and had nothing keeps nothing": (
        "routes:\n- &a {name: a}\n- {<<: *a, name: b}\n",
        'routes:\n- &a {name: a, compare: {ignore: ["$.new"]}}\n- {<<: *a, name: b, compare: {}}\n',
    ),
}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        *(pytest.param(ROUTE + before, ROUTE + after, id=f"there: {name}") for name, (before, after) in THERE.items()),
        *(
            pytest.param(*texts, id=f"{kind}: {name}")
            for kind, table in (("missing", MISSING), ("inherited", INHERITED), ("shared", SHARED))
            for name, texts in table.items()
        ),
    ],
)
def test_a_path_to_ignore(before: str, after: str) -> None:
    assert add_rule(before, "a", NEW) == after
    with pytest.raises(EditError, match=r'has "\$\.new" in ignore already'):
        add_rule(after, "a", NEW)


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        (ITEMS, "  compare: {ignore: [$.x]}\n", '  compare: {ignore: [$.x, "$.items[*].id"]}\n'),
        (TOTAL, "", '  compare: {tolerance: [{path: "$.total", abs: 0.01}]}\n'),
        (
            TOTAL,
            "  compare:\n    tolerance:\n    -   path: '$.x'\n        seconds: 2 # s\n",
            "  compare:\n    tolerance:\n    -   path: '$.x'\n        seconds: 2 # s\n"
            "    -   path: '$.total'\n        abs: 0.01\n",
        ),
        (
            TOTAL,
            "  compare:\n    tolerance:\n    - {path: $.x, seconds: 2}\n",
            "  compare:\n    tolerance:\n    - {path: $.x, seconds: 2}\n    - {path: $.total, abs: 0.01}\n",
        ),
        (NewRule("compare.unordered", "$.tags"), "", '  compare: {unordered: ["$.tags"]}\n'),
        (NewRule("compare.treat_equal", "case"), "", "  compare: {treat_equal: [case]}\n"),
        (CLOCK, "  noise: {learn: true}\n", '  noise: {learn: true, fields: [{path: "$.at", kind: clock}]}\n'),
        (
            NewRule("compare.unordered", members=(("path", "$.x"), ("key", "no"))),
            "",
            '  compare: {unordered: [{path: "$.x", key: "no"}]}\n',
        ),
    ],
)
def test_every_list(rule: NewRule, before: str, after: str) -> None:
    assert add_rule(ROUTE + before, "a", rule) == ROUTE + after


def test_a_long_copy_gets_a_line_for_each() -> None:
    paths = [f"$.quite.a.long.path.number{number}" for number in range(5)]
    text = f"defaults: {{compare: {{ignore: [{', '.join(paths)}]}}}}\n{ROUTE}"
    lines = "".join(f"      - {path}\n" for path in [*paths, "$.new"])
    assert add_rule(text, "a", NEW) == f"{text}  compare:\n    ignore:\n{lines}"


@pytest.mark.parametrize(
    ("rule", "behind", "message"),
    [
        (
            NewRule("compare.ignore", "$['x']"),
            "  compare: {ignore: [$.x]}\n",
            "line 4: .* has \"\\$\\['x'\\]\" in ignore already",
        ),
        (TOTAL, "  compare: {tolerance: [{path: $.total, abs: 2}]}\n", "line 4: .* has another tolerance rule for this path"),
        (
            NewRule("compare.unordered", "$.x"),
            "  compare: {unordered: [{path: $.x, key: y}]}\n",
            "line 4: .* has another unordered rule for this path: change it by hand",
        ),
        (NewRule("compare.ignore", "x"), "", r"x is no rule for compare.ignore: 'x' does not start with \$: write \$.x"),
        (NewRule("compare.treat_equal", "cas"), "", "did you mean 'case'"),
        (NewRule("compare.ignor", "$.x"), "", "'compare.ignor' is no list of rules; did you mean 'compare.ignore'"),
        (NewRule("noise.fields", members=(("path", "$.x"),)), "", "`kind` is missing"),
        (NEW, "  compare: [x]\n", "line 4: compare of route 'a' is a list: write a mapping, then add the rule again"),
        (NEW, "  compare: {ignore: x}\n", "line 4: .* has 'x' for ignore: write a list, then add the rule again"),
        (NEW, "  compare: {ignore: [], ignore: []}\n", "line 4: .* has 'ignore' twice: keep one"),
        (NEW, "  compare: {}\n  compare: {}\n", "line 5: 'compare' of route 'a' stands twice"),
        (NEW, "- name: a\n", "line 4: route 'a' stands twice"),
        (
            NEW,
            "  compare: {ignore: &n }\n- {name: b, group: *n }\n",
            'cannot be edited: add "\\$.new" to its compare.ignore by hand',
        ),
        (NewRule("compare.ignore", "$['\ud800']"), "", "cannot be written to a file"),
    ],
)
def test_refused(rule: NewRule, behind: str, message: str) -> None:
    with pytest.raises(EditError, match=message) as caught:
        add_rule(ROUTE + behind, "a", rule)
    assert str(caught.value).isprintable()


def test_an_unknown_route_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(EditError, match="no route is named 'read-ordr'; did you mean 'read-order'"):
        add_rule("routes: [{name: read-order}]", "read-ordr", NEW)


def test_a_name_from_an_answer_is_never_taken_for_a_variable_of_the_environment(tmp_path: Path) -> None:
    path = configuration(tmp_path, ROUTE)
    pattern = "$['${HOME}']"
    accepted = accept(path, "a", NewRule("compare.ignore", pattern), {"HOME": "/secret"})
    assert accepted.route.compare.ignore == (parse_pattern(pattern),)
    assert load(path, {}).routes[0].compare.ignore == (parse_pattern(pattern),)


DOUBLING = "a0: &a0 [$.x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


def test_aliases_that_multiply_are_not_copied() -> None:
    with pytest.raises(EditError, match="too large to be copied"):
        add_rule(f"{DOUBLING}defaults: {{compare: {{ignore: *a39 }}}}\n{ROUTE}", "a", NEW)


def configuration(folder: Path, routes: str) -> Path:
    path = folder / "routes.yaml"
    path.write_text(f'version: 1\nupstreams: {{legacy: {{url: "http://l:1"}}, modern: {{url: "http://m:1"}}}}\n{routes}')
    return path


class TestOnDisk:
    def test_the_file_says_what_it_said_and_the_rule(self, tmp_path: Path) -> None:
        path = configuration(tmp_path, ROUTE)
        before = path.read_text()
        accepted = accept(path, "a", TOTAL, {})
        assert path.read_text() == accepted.after == before + '  compare: {tolerance: [{path: "$.total", abs: 0.01}]}\n'
        assert load(path, {}).routes[0] == accepted.route
        assert accepted.route.compare.tolerance[0].abs == 0.01

    def test_dry_run_leaves_it_alone(self, tmp_path: Path) -> None:
        path = configuration(tmp_path, ROUTE)
        before = path.read_text()
        assert accept(path, "a", NEW, {}, dry_run=True).after != before
        assert path.read_text() == before

    def test_a_file_with_problems_is_not_touched(self, tmp_path: Path) -> None:
        path = configuration(tmp_path, ROUTE + "  stage: canry\n")
        before = path.read_text()
        with pytest.raises(ConfigError, match="did you mean 'canary'"):
            accept(path, "a", NEW, {})
        assert path.read_text() == before

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        path = tmp_path / "routes.yaml"
        path.write_bytes(b"\xff")
        with pytest.raises(ConfigError, match="not UTF-8"):
            accept(path, "a", NEW, {})


LAWS = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**32)


@LAWS
@given(SEEDS)
def test_only_the_rule_is_added(seed: int) -> None:
    """On random files in every way of writing: meaning, comments, blank lines, and refused the second time."""
    why = fuzz_rule_edit.check_sample(Random(seed))
    assert not why or "cannot be edited" in why  # one in some thousand: the anchor of an empty list that others merge


@LAWS
@given(SEEDS)
def test_a_damaged_file_gets_the_rule_rightly_or_is_refused(seed: int) -> None:
    fuzz_rule_edit.check_mutation(Random(seed))
    assert True  # the laws are asserted there


@LAWS
@given(st.text(), st.sampled_from(PLACES))
def test_any_text_as_a_rule_is_that_text_or_refused(word: str, place: str) -> None:
    rule = NewRule(place, word)
    text, why = fuzz_rule_edit.refused(ROUTE, "a", rule)
    assert (text is None) == bool(why)
    if text is not None:
        fuzz_rule_edit.check_meaning(ROUTE, text, "a", rule)


@LAWS
@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_name_as_a_path_is_found_again(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    rule = NewRule("compare.ignore", f"$['{quoted}']")
    text, why = fuzz_rule_edit.refused(ROUTE, "a", rule)
    assert not why or "cannot be written" in why or "cannot be read" in why
    if text is not None:
        fuzz_rule_edit.check_meaning(ROUTE, text, "a", rule)
