"""Editing in place: the exact text that comes out for each way of writing, what is refused, and laws over random files."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.config.document import parse
from strangler.config.edit import Change, edit
from strangler.config.survey import EditError
from strangler.core.model import Stage
from strangler.core.spec.node import DocumentError, Map, Sequence
from strangler.core.units import Share
from tests.unit.config import fuzz_edit
from tests.unit.config.fuzz_edit import Sample

CANARY = Change("a", Stage.CANARY)
BOTH = Change("a", Stage.CANARY, Share(0.05))
WEIGHT = Change("a", weight=Share(0.05))

# What stands there is replaced; every case is the whole text before and after asking for CANARY or BOTH.
REPLACED = {
    "plain": ("routes:\n- name: a\n  stage: shadow\n", "routes:\n- name: a\n  stage: canary\n"),
    "single quotes stay": ("routes:\n- name: a\n  stage: 'shadow'\n", "routes:\n- name: a\n  stage: 'canary'\n"),
    "double quotes stay": ('routes:\n- name: a\n  stage: "shadow"\n', 'routes:\n- name: a\n  stage: "canary"\n'),
    "comment stays": ("routes:\n- name: a\n  stage: shadow # {a: b, c\n", "routes:\n- name: a\n  stage: canary # {a: b, c\n"),
    "tab before comment": ("routes:\n- name: a\n  stage: shadow\t# x\n", "routes:\n- name: a\n  stage: canary\t# x\n"),
    "hash without space": ("routes:\n- name: a\n  stage: shadow#x\n", "routes:\n- name: a\n  stage: canary\n"),
    "no line end": ("routes:\n- name: a\n  stage: shadow", "routes:\n- name: a\n  stage: canary"),
    "on the next line": ("routes:\n- name: a\n  stage: # why\n    shadow\n", "routes:\n- name: a\n  stage: # why\n    canary\n"),
    "over two lines": ("routes:\n- name: a\n  stage: not\n    a stage\n", "routes:\n- name: a\n  stage: canary\n"),
    "quoted over two lines": ("routes:\n- name: a\n  stage: 'x\n\n    y' # z\n", "routes:\n- name: a\n  stage: 'canary' # z\n"),
    "block scalar": ("routes:\n- name: a\n  stage: |- # why\n    shadow\n\n", "routes:\n- name: a\n  stage: canary # why\n\n"),
    "folded, at the end": ("routes:\n- name: a\n  stage: >\n    shadow", "routes:\n- name: a\n  stage: canary"),
    "no value": ("routes:\n- name: a\n  stage:\n  group: g\n", "routes:\n- name: a\n  stage: canary\n  group: g\n"),
    "no value, comment": ("routes:\n- name: a\n  stage:   # todo\n", "routes:\n- name: a\n  stage: canary   # todo\n"),
    "null": ("routes:\n- name: a\n  stage: ~\n", "routes:\n- name: a\n  stage: canary\n"),
    "tag": ("routes:\n- name: a\n  stage: !!str shadow\n", "routes:\n- name: a\n  stage: !!str canary\n"),
    "wrong tag goes": ("routes:\n- name: a\n  stage: !!int 5\n", "routes:\n- name: a\n  stage: canary\n"),
    "unused anchor stays": ("routes:\n- name: a\n  stage: &s shadow\n", "routes:\n- name: a\n  stage: &s canary\n"),
    "explicit key": ("routes:\n- ? name\n  : a\n  ? stage\n  : shadow\n", "routes:\n- ? name\n  : a\n  ? stage\n  : canary\n"),
    "explicit key, no value": (
        "routes:\n- name: a\n  ? stage # x\n  ? group\n  : g\n",
        "routes:\n- name: a\n  ? stage # x\n  : canary\n  ? group\n  : g\n",
    ),
    "quoted keys": ('routes:\n- "name": a\n  "stage" : shadow\n', 'routes:\n- "name": a\n  "stage" : canary\n'),
    "flow": ("routes: [{name: a, stage: shadow}]\n", "routes: [{name: a, stage: canary}]\n"),
    "flow, no value": ("routes: [{name: a, stage: , group: g}]\n", "routes: [{name: a, stage: canary , group: g}]\n"),
    "flow, bare key": ("routes: [{name: a, stage}]\n", "routes: [{name: a, stage: canary}]\n"),
    "JSON": ('{"routes":[{"name":"a","stage":"shadow"}]}', '{"routes":[{"name":"a","stage":"canary"}]}'),
    "line ends of Windows": ("routes:\r\n- name: a\r\n  stage: shadow\r\n", "routes:\r\n- name: a\r\n  stage: canary\r\n"),
    "byte order mark": ("\ufeffroutes:\n- name: a\n  stage: shadow\n", "\ufeffroutes:\n- name: a\n  stage: canary\n"),
    "byte order marks": (
        "\ufeff\ufeffroutes:\n- name: a\n  stage: 'shadow'\n",
        "\ufeff\ufeffroutes:\n- name: a\n  stage: 'canary'\n",
    ),
    "emoji before": (
        "# 😀é\nroutes:\n- {x: 😀, name: a, stage: shadow}\n",
        "# 😀é\nroutes:\n- {x: 😀, name: a, stage: canary}\n",
    ),
    "lines end as YAML 1.1 has it": (
        "routes:\n- name: a # x\u2028  stage: shadow # y\x85  group: g\n",
        "routes:\n- name: a # x\u2028  stage: canary # y\x85  group: g\n",
    ),
    "only the route's own": (
        "defaults: {stage: shadow}\nroutes:\n- name: a\n  match: {headers: {stage: x}}\n  stage: shadow\n"
        "  shadow:\n    stage: shadow\n    during: [shadow]\n- {name: b, stage: shadow}\n",
        "defaults: {stage: shadow}\nroutes:\n- name: a\n  match: {headers: {stage: x}}\n  stage: canary\n"
        "  shadow:\n    stage: shadow\n    during: [shadow]\n- {name: b, stage: shadow}\n",
    ),
    "text that looks like it": (
        "routes:\n- name: a\n  notes: |\n    stage: shadow\n\n   # no comment\n  stage: shadow\n",
        "routes:\n- name: a\n  notes: |\n    stage: shadow\n\n   # no comment\n  stage: canary\n",
    ),
}

# A key that is missing is written behind `match`, else behind `name`.
MISSING = {
    "behind the name": ("routes:\n- name: a\n", "routes:\n- name: a\n  stage: canary\n"),
    "behind its comment": (
        "routes:\n- name: a # x: {y\n  group: g\n",
        "routes:\n- name: a # x: {y\n  stage: canary\n  group: g\n",
    ),
    "behind match": (
        "routes:\n  - name: a\n    match: {path: /a}\n    group: g\n",
        "routes:\n  - name: a\n    match: {path: /a}\n    stage: canary\n    group: g\n",
    ),
    "behind a match in many lines": (
        "routes:\n- name: a\n  match:\n    headers:\n      stage: x\n    # methods: [GET]\n  # the team's\n  group: g\n",
        "routes:\n- name: a\n  match:\n    headers:\n      stage: x\n    # methods: [GET]\n"
        "  stage: canary\n  # the team's\n  group: g\n",
    ),
    "behind braces in many lines": (
        "routes:\n- name: a\n  match: {path: /a, # }\n    host: b} # c\n\n- name: b\n",
        "routes:\n- name: a\n  match: {path: /a, # }\n    host: b} # c\n  stage: canary\n\n- name: b\n",
    ),
    "behind a list at the key's own indentation": (
        "routes:\n- name: a\n  match:\n  - x\n  - - y\n  group: g\n",
        "routes:\n- name: a\n  match:\n  - x\n  - - y\n  stage: canary\n  group: g\n",
    ),
    "behind an alias": (
        "x: &m {path: /a}\nroutes:\n- name: a\n  match: *m # x\n",
        "x: &m {path: /a}\nroutes:\n- name: a\n  match: *m # x\n  stage: canary\n",
    ),
    "behind a value over lines": (
        "routes:\n- name:\n    'a'\n  group: g\n",
        "routes:\n- name:\n    'a'\n  stage: canary\n  group: g\n",
    ),
    "behind a block scalar": (
        "routes:\n- name: >-\n    a\n  group: g\n",
        "routes:\n- name: >-\n    a\n  stage: canary\n  group: g\n",
    ),
    "before a text that a line end would change": ("routes:\n- name: >\n   a", "routes:\n- stage: canary\n  name: >\n   a"),
    "no line end": ("routes:\n- name: a", "routes:\n- name: a\n  stage: canary"),
    "no line end, Windows": ("routes:\r\n- name: a", "routes:\r\n- name: a\r\n  stage: canary"),
    "line ends as mixed as before": (
        "routes:\n- name: a\r\n  group: g\n- name: b\n",
        "routes:\n- name: a\r\n  stage: canary\r\n  group: g\n- name: b\n",
    ),
    "before blank lines and comments": (
        "routes:\n- name: a\n\n# b\n- name: b\n",
        "routes:\n- name: a\n  stage: canary\n\n# b\n- name: b\n",
    ),
    "wide dash": ("routes:\n-    name: a\n     group: g\n", "routes:\n-    name: a\n     stage: canary\n     group: g\n"),
    "dash on its own line": ("routes:\n  -\n    name: a\n", "routes:\n  -\n    name: a\n    stage: canary\n"),
    "anchor on the dash's line": ("routes:\n- &r # x\n   name: a\n", "routes:\n- &r # x\n   name: a\n   stage: canary\n"),
    "anchor on the key": ("routes:\n- &k name: a\n  group: g\n", "routes:\n- &k name: a\n  stage: canary\n  group: g\n"),
    "explicit keys": (
        "routes:\n- ? name\n  : a\n  ? group\n  : g\n",
        "routes:\n- ? name\n  : a\n  stage: canary\n  ? group\n  : g\n",
    ),
    "name is not first": ("routes:\n- group: g\n  name: a\n", "routes:\n- group: g\n  name: a\n  stage: canary\n"),
    "document end": ("---\nroutes:\n- name: a\n...\n", "---\nroutes:\n- name: a\n  stage: canary\n...\n"),
    "flow": ("routes:\n- {name: a}\n", "routes:\n- {name: a, stage: canary}\n"),
    "flow, comma at the end": ("routes:\n- {name: a, }\n", "routes:\n- {name: a, stage: canary, }\n"),
    "flow, behind match": (
        "routes:\n- {name: a, match: {path: /a}, group: g}\n",
        "routes:\n- {name: a, match: {path: /a}, stage: canary, group: g}\n",
    ),
    "flow, behind an empty match": ("routes: [{name: a, match: }]\n", "routes: [{name: a, match: , stage: canary }]\n"),
    "flow in many lines": (
        "routes:\n- {\n    name: a, # the {name}\n    group: g, # }\n  }\n",
        "routes:\n- {\n    name: a, stage: canary, # the {name}\n    group: g, # }\n  }\n",
    ),
    "pair without braces": ("routes: [name: a, name: b]\n", "routes: [{name: a, stage: canary}, name: b]\n"),
    "JSON": ('{"routes": [{"name": "a"}]}\n', '{"routes": [{"name": "a", "stage": "canary"}]}\n'),
    "defaults are not touched": (
        "defaults:\n  stage: shadow\nroutes:\n- name: a\n- name: b\n",
        "defaults:\n  stage: shadow\nroutes:\n- name: a\n  stage: canary\n- name: b\n",
    ),
    "a merged value": (
        "x: &x {stage: shadow}\nroutes:\n- <<: *x\n  name: a\n",
        "x: &x {stage: shadow}\nroutes:\n- <<: *x\n  name: a\n  stage: canary\n",
    ),
    "a quoted << merges nothing": (
        'routes:\n- "<<": {stage: canary}\n  name: a\n',
        'routes:\n- "<<": {stage: canary}\n  name: a\n  stage: canary\n',
    ),
}

# Others that take their value from the place that changes keep what they had.
SHARED = {
    "alias": (
        "x: &s shadow\nroutes:\n- {name: a, stage: *s , group: g}\n",
        "x: &s shadow\nroutes:\n- {name: a, stage: canary , group: g}\n",
    ),
    "the anchor moves to the first alias": (
        "routes:\n- {name: a, stage: &s shadow}\n- {name: b, stage: *s }\n- {name: c, stage: *s }\n",
        "routes:\n- {name: a, stage: canary}\n- {name: b, stage: &s shadow }\n- {name: c, stage: *s }\n",
    ),
    "the anchor moves with what is no plain word": (
        "routes:\n- name: a\n  stage: &s\n    'a, b' # x\n- {name: b, group: *s }\n",
        "routes:\n- name: a\n  stage: \n    'canary' # x\n- {name: b, group: &s \"a, b\" }\n",
    ),
    "the anchor moves without a value": (
        "routes:\n- name: a\n  stage: &s\n- {name: b, stage: *s }\n",
        "routes:\n- name: a\n  stage: canary\n- {name: b, stage: &s null }\n",
    ),
    "another anchor of that name": (
        "routes:\n- {name: a, stage: &s shadow}\n- {name: b, stage: &s modern, group: *s }\n",
        "routes:\n- {name: a, stage: &s canary}\n- {name: b, stage: &s modern, group: *s }\n",
    ),
    "who merges the route gets a key": (
        "routes:\n- &a\n  name: a\n  match: {path: /a}\n  stage: 'shadow'\n- <<: *a\n  name: b\n"
        "- {<<: *a, name: c, stage: modern}\n",
        "routes:\n- &a\n  name: a\n  match: {path: /a}\n  stage: 'canary'\n- <<: *a\n  name: b\n  stage: \"shadow\"\n"
        "- {<<: *a, name: c, stage: modern}\n",
    ),
    "who merges the route and had the default gets that": (
        "defaults: {stage: shadow}\nroutes:\n- &a {name: a}\n- {<<: *a, name: b}\n- {<<: *a, name: c, stage: retired}\n",
        "defaults: {stage: shadow}\nroutes:\n- &a {name: a, stage: canary}\n- {<<: *a, name: b, stage: shadow}\n"
        "- {<<: *a, name: c, stage: retired}\n",
    ),
    "who merges the merging route needs nothing": (
        "routes:\n- &a {name: a, stage: shadow}\n- &b {<<: *a, name: b}\n- {<<: *b, name: c}\n",
        "routes:\n- &a {name: a, stage: canary}\n- &b {<<: *a, name: b, stage: shadow}\n- {<<: *b, name: c}\n",
    ),
}

# Stage and weight together; a weight stands behind the stage.
TOGETHER = {
    "both there": (
        "routes:\n- name: a\n  weight: '0%'\n  stage: shadow\n",
        "routes:\n- name: a\n  weight: '5%'\n  stage: canary\n",
    ),
    "none there": ("routes:\n- name: a\n", "routes:\n- name: a\n  stage: canary\n  weight: 5%\n"),
    "none there, flow": ("routes: [{name: a}]", "routes: [{name: a, stage: canary, weight: 5%}]"),
    "stage there": (
        "routes:\n- name: a\n  stage: shadow # x\n  y: z\n",
        "routes:\n- name: a\n  stage: canary # x\n  weight: 5%\n  y: z\n",
    ),
    "stage there, in a block": ("routes:\n- name: a\n  stage: |\n    x\n", "routes:\n- name: a\n  stage: canary\n  weight: 5%\n"),
    "stage there, flow": ("routes: [{name: a, stage: shadow}]", "routes: [{name: a, stage: canary, weight: 5%}]"),
    "stage there, empty": ("routes: [{name: a, stage: }]", "routes: [{name: a, stage: canary , weight: 5% }]"),
    "weight there": ("routes:\n- name: a\n  weight: 0%\n", "routes:\n- name: a\n  stage: canary\n  weight: 5%\n"),
    "no line end": ("routes:\n- name: a", "routes:\n- name: a\n  stage: canary\n  weight: 5%"),
}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(*texts, id=f"{kind}: {name}")
        for kind, table in (("replaced", REPLACED), ("missing", MISSING), ("shared", SHARED))
        for name, texts in table.items()
    ],
)
def test_stage(before: str, after: str) -> None:
    assert edit(before, [CANARY]) == after
    assert edit(after, [CANARY]) == after


@pytest.mark.parametrize(("before", "after"), TOGETHER.values(), ids=TOGETHER)
def test_stage_and_weight(before: str, after: str) -> None:
    assert edit(before, [BOTH]) == after
    assert edit(before, [CANARY, WEIGHT]) == after


@pytest.mark.parametrize(
    ("share", "written"),
    [(0.0, "0%"), (0.001, "0.1%"), (0.125, "12.5%"), (0.07, "7%"), (1 / 3, "33.33333333333333%"), (1.0, "100%")],
)
def test_weight_is_written_as_a_percentage(share: float, written: str) -> None:
    before = "routes: [{name: a, weight: 50%, stage: canary}]"
    assert edit(before, [Change("a", weight=Share(share))]) == before.replace("50%", written)


class TestGroup:
    def test_all_members_in_one_go(self) -> None:
        before = "routes:\n- name: a\n  stage: shadow\n- {name: x, stage: shadow}\n- name: b\n"
        after = "routes:\n- name: a\n  stage: canary\n- {name: x, stage: shadow}\n- name: b\n  stage: canary\n"
        assert edit(before, [CANARY, Change("b", Stage.CANARY)]) == after

    def test_what_all_share_goes_on_being_shared(self) -> None:
        before = "routes:\n- {name: a, stage: &s shadow}\n- {name: b, stage: *s }\n"
        after = "routes:\n- {name: a, stage: &s canary}\n- {name: b, stage: *s }\n"
        assert edit(before, [CANARY, Change("b", Stage.CANARY)]) == after

    def test_what_others_share_too_is_not(self) -> None:
        before = "routes:\n- {name: a, stage: &s shadow}\n- {name: b, stage: *s }\n- {name: c, stage: *s }\n"
        after = "routes:\n- {name: a, stage: canary}\n- {name: b, stage: canary }\n- {name: c, stage: &s shadow }\n"
        assert edit(before, [CANARY, Change("b", Stage.CANARY)]) == after

    def test_different_values(self) -> None:
        before = "routes:\n- {name: a, stage: &s shadow}\n- {name: b, stage: *s }\n"
        after = "routes:\n- {name: a, stage: &s canary}\n- {name: b, stage: modern }\n"
        assert edit(before, [CANARY, Change("b", Stage.MODERN)]) == after

    def test_who_merges_a_changed_member_needs_no_key_for_the_same_value(self) -> None:
        before = "routes:\n- &a {name: a, stage: shadow}\n- {<<: *a, name: b}\n"
        after = "routes:\n- &a {name: a, stage: canary}\n- {<<: *a, name: b}\n"
        assert edit(before, [CANARY, Change("b", Stage.CANARY)]) == after

    def test_who_is_asked_to_stay_stays(self) -> None:
        before = "routes:\n- &a {name: a, stage: shadow}\n- {<<: *a, name: b}\n"
        after = "routes:\n- &a {name: a, stage: canary}\n- {<<: *a, name: b, stage: shadow}\n"
        assert edit(before, [CANARY, Change("b", Stage.SHADOW)]) == after


@pytest.mark.parametrize(
    "text",
    [
        "routes: [{name: a, stage: canary, weight: 5%}]",
        "routes: [{name: a, stage: 'canary', weight: '5.0 %'}]",
        "routes: [{name: a, stage: >-\n canary\n weight: 5%}]".replace(">-\n canary\n", "canary,"),
        "defaults: {stage: canary, weight: 5%}\nroutes: [{name: a}]",
        "x: &x {stage: canary}\nroutes: [{name: a, <<: *x, weight: 5%}]",
        "x: [&s canary, &w 5%]\nroutes: [{name: a, stage: *s , weight: *w }]",
        "routes:\r\n- name: a\n  stage: |-\r\n    canary\n\n  weight: !!str '5%'",
    ],
)
def test_who_has_it_already_is_left_alone(text: str) -> None:
    assert edit(text, [BOTH]) is text


def test_the_model_s_defaults_count_as_had() -> None:
    text = "routes: [{name: a}]"
    assert edit(text, [Change("a", Stage.LEGACY, Share(0.0))]) is text
    assert edit(text, []) is text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("routes: [{name: ab}]", "no route is named 'a'; did you mean 'ab'?"),
        ("routes: []", "no route is named 'a'"),
        ("", "the file has no `routes:` list of its own: write the routes there"),
        ("routes:\n", "line 1: the file has no `routes:` list of its own: write the routes there"),
        ("- name: a\n", "line 1: the file has no `routes:` list of its own: write the routes there"),
        ("x: &x [{name: a}]\nroutes: *x\n", "line 1: the file has no `routes:` list of its own: write the routes there"),
        ("<<: {routes: [{name: a}]}\n", "line 1: the file has no `routes:` list of its own: write the routes there"),
        ("routes: [name: a]\nroutes: [name: a]\n", "line 2: the file has no `routes:` list of its own: write the routes there"),
        ("routes:\n- name: a\n- name: a\n", "line 3: route 'a' stands twice, first on line 2: give each its own name"),
        ("routes:\n- &r {name: a}\n- *r\n", "line 3: route 'a' is an alias: write it out here, then flip again"),
        ("x: &r {name: a}\nroutes: [*r ]\n", "line 2: route 'a' is an alias: write it out here, then flip again"),
        (
            "x: &r {name: a}\nroutes:\n- <<: *r\n",
            "line 3: route 'a' has its name from a merge: write `name: a` here, then flip again",
        ),
        ("routes:\n- name: a\n  stage: x\n  stage: y\n", "line 4: 'stage' of route 'a' stands twice, first on line 3: keep one"),
        ("routes:\n- name: a\n  group: x\n  group: x\n", "line 4: 'group' of route 'a' stands twice, first on line 3: keep one"),
        (
            "routes:\n- name: a\n  stage: ${STAGE:-shadow}\n",
            "line 3: stage of route 'a' comes from the environment: write it out, so that a flip can edit it",
        ),
        ("routes:\n- name: a\n  stage: {x: y}\n", "line 3: stage of route 'a' is a mapping: write one word, then flip again"),
        ("routes:\n- name: a\n  stage:\n  - x\n", "line 4: stage of route 'a' is a list: write one word, then flip again"),
        (
            "routes:\n- name: a\n  stage: &s shadow\n- {name: b, match: {headers: {*s : x}}}\n",
            "line 3: the anchor here is used as a key elsewhere: write that key out, then flip again",
        ),
        (
            "routes:\n- &a {name: a}\n- {name: b, <<: [*a, {stage: {x: y}}]}\n",
            "line 3: this route takes a stage that is no word from a route it merges: write it here",
        ),
        (
            "routes:\n- &a {name: a}\nmilestones: [{<<: *a}]\n",
            "line 2: route 'a' is written in a way that a flip cannot edit: change stage and weight by hand",
        ),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(EditError) as caught:
        edit(text, [CANARY])
    assert str(caught.value) == message
    assert caught.value.exit_code == 2
    assert f"line {caught.value.line}: " in message or not caught.value.line


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), float("inf"), 1e-30])
def test_an_impossible_weight_is_refused(share: float) -> None:
    with pytest.raises(EditError, match="is not a weight for route 'a': it goes from 0% to 100%"):
        edit("routes: [{name: a}]", [Change("a", weight=Share(share))])


def test_contradictory_changes_are_refused() -> None:
    with pytest.raises(EditError, match="route 'a' is to get two values for stage"):
        edit("routes: [{name: a}]", [CANARY, Change("a", Stage.MODERN)])


@pytest.mark.parametrize("text", ["a: [", "routes: &a [*a]", "a: 1\n---\nb: 2", "\x00", "a: !x b", "\ud800"])
def test_what_is_no_document_is_a_document_error(text: str) -> None:
    with pytest.raises(DocumentError):
        edit(text, [CANARY])


DOUBLING = "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40))
CHAIN = "".join(f"- &r{n} {{<<: *r{n - 1}, name: r{n}}}\n" for n in range(1, 3000))
HOSTILE = f"{DOUBLING}routes:\n- &r0 {{name: a, stage: shadow}}\n{CHAIN}"


def test_hostile_merges_neither_multiply_nor_overflow() -> None:
    edited = edit(HOSTILE, [CANARY])
    kept = HOSTILE.replace("name: r1}", "name: r1, stage: shadow}")
    assert edited == kept.replace("name: a, stage: shadow}", "name: a, stage: canary}")


def test_hostile_merges_do_not_stop_a_reader_of_nodes_either() -> None:
    root = parse(HOSTILE)
    assert isinstance(root, Map)
    *doubled, routes = root.pairs
    assert isinstance(routes.value, Sequence)
    for node, keys in ((doubled[-1].value, {"x"}), (routes.value.items[-1], {"name", "stage"})):
        assert isinstance(node, Map)
        assert node.flattened().keys() == keys


LAWS = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**32)


@LAWS
@given(SEEDS)
def test_only_what_was_asked_changes(seed: int) -> None:
    """On random files in every way of writing: meaning, untouched lines, comments, idempotence, and the way back."""
    fuzz_edit.check_sample(Random(seed))


@LAWS
@given(SEEDS)
def test_a_damaged_file_is_edited_rightly_or_refused(seed: int) -> None:
    fuzz_edit.check_mutation(Random(seed))


@LAWS
@given(st.text(st.sampled_from("ab:,-?{}[]&*!|>'\"%#<~ \t\r\n\ufeff\u2028😀"), max_size=40))
def test_any_text_behind_a_route_is_edited_rightly_or_refused(tail: str) -> None:
    text = f"routes:\n- name: a\n  match: {tail}"
    try:
        edited = edit(text, [BOTH])
    except (EditError, DocumentError):
        return
    if fuzz_edit.is_unambiguous(text):
        fuzz_edit.check_meaning(text, edited, [BOTH])


@LAWS
@given(st.text())
def test_any_text_at_all(text: str) -> None:
    with pytest.raises((EditError, DocumentError)):
        edit(text, [CANARY])


def test_a_sample_is_what_pyyaml_reads() -> None:
    sample: Sample = fuzz_edit.generate(Random(1))
    assert [route["name"] for route in fuzz_edit.meaning(sample.text)["routes"]] == sample.names
