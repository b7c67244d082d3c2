"""The short form of `fuzz_load`, and the JSON Schema against what the reader accepts and refuses."""

from __future__ import annotations

import random
import re

import pytest

from strangler.config.jsonschema import schema
from strangler.config.spec import FILE
from strangler.core.spec.section import Either, ListOf, MapOf, Section
from tests.unit.config.cases import found, paragraphs, split
from tests.unit.config.fuzz_load import Editor, run, sound
from tests.unit.given import HEAD, outcome


@pytest.fixture(scope="module")
def editor():
    return Editor()


def test_two_thousand_random_files():
    counts = run(2000, seed=3)
    assert counts["generated sound"] == 200
    assert counts["spoilt, refused"] > 1000
    assert counts["spoilt, still sound"] > 20


def test_random_sound_files_write_every_key():
    """Otherwise what is said of sound files is said of a part of the format."""
    written = "".join(sound(random.Random(seed)) for seed in range(200))
    left_out = {"insecure", "data", "unsafe", "during", "open", "quiet", "header_timeout"}
    assert {key for key in keys(FILE) if not re.search(rf"[\s{{]{key}:", written)} <= left_out


def keys(kind: object) -> set[str]:
    if isinstance(kind, Either):
        return keys(kind.section)
    if isinstance(kind, ListOf | MapOf):
        return keys(kind.kind)
    if isinstance(kind, Section):
        return set(kind.fields).union(*(keys(field.kind) for field in kind.fields.values()))
    return set()


REJECTED = [
    # what is written after `upstreams:`, and what an editor says of it
    ("rutes: []", "'rutes' was unexpected"),
    ("workers: many", "workers: 'many' "),
    (
        "routes: [{name: a, match: {path: /a}, stge: shadow}]",
        "routes.0: Additional properties are not allowed ('stge' was unexpected)",
    ),
    ("routes: [{name: a}]", "routes.0: 'match' is a required property"),
    ("routes: [{name: a, match: {path: a}}]", "routes.0.match.path: 'a' does not match"),
    ("routes: [{name: a, match: {path: /a, methods: [get]}}]", "routes.0.match.methods.0: 'get' "),
    ("routes: [{name: a, match: {path: /a}, stage: shaddow}]", "routes.0.stage: 'shaddow' "),
    ("routes: [{name: a, match: {path: /a}, stage: '${STAGE}'}]", "routes.0.stage: '${STAGE}' "),
    ("routes: [{name: a, match: {path: /a}, weight: 5}]", "routes.0.weight: 5 is not of type 'string'"),
    ("routes: [{name: a, match: {path: /a}, shadow: {timeout: 5}}]", "routes.0.shadow.timeout: 5 is not of type 'string'"),
    ("routes: [{name: a, match: {path: /a}, shadow: {sample: 5 percent}}]", "routes.0.shadow.sample: '5 percent' "),
    ("routes: [{name: a, match: {path: /a}, noise: {learn: yes}}]", "routes.0.noise.learn: 'yes' "),
    ("routes: [{name: a, match: {path: /a}, guard: {latency_ratio: fast}}]", "routes.0.guard.latency_ratio: 'fast' "),
    ("routes: [{name: a, match: {path: /a}, compare: {unordered: [{pth: $.a}]}}]", "routes.0.compare.unordered.0"),
    ("listen: [{address: '127.0.0.1:80', limits: {headers: 0}}]", "listen.0.limits.headers: 0 is less than the minimum of 1"),
    ("listen: []", "listen: [] should be non-empty"),
    (f"admin: {{users: {{'a b': 'sha256:{'1a' * 32}'}}}}", "admin.users: 'a b' "),
    ("admin: {users: {ops: a-token}}", "admin.users.ops"),
]


@pytest.mark.parametrize(("text", "complaint"), REJECTED)
def test_editors_underline_the_mistake(editor, text, complaint):
    assert not outcome(HEAD + text).config
    complaints = editor.complaints(HEAD + text)
    assert len(complaints) == 1
    assert complaint in complaints[0]


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("{url: 'http://a', brekaer: off}", "upstreams.legacy: Additional properties are not allowed ('brekaer' was unexpected)"),
        ("{url: 'http://a', breaker: {error_rate: 50}}", "upstreams.legacy.breaker"),
        ("{url: 'ftp://a'}", "upstreams.legacy.url: 'ftp://a' "),
        ("{}", "upstreams.legacy: 'url' is a required property"),
    ],
)
def test_editors_underline_the_mistake_in_an_upstream(editor, section, complaint):
    (found_one,) = editor.complaints(f"version: 1\nupstreams: {{legacy: {section}}}")
    assert complaint in found_one


def test_an_editor_never_underlines_what_has_only_warnings(editor):
    for text, _ in map(split, paragraphs()):
        if text.strip() and all("warning: " in problem for problem in found(text)):
            assert editor.complaints(HEAD + text) == []


def test_every_key_has_a_description_and_every_default_is_accepted(editor):
    def walk(shape, path):
        for key, value in shape.get("properties", {}).items():
            assert value["description"], f"{path}.{key}"
            if "default" in value:
                problems = list(editor.validator.evolve(schema=value).iter_errors(value["default"]))
                assert problems == [], f"{path}.{key}"
            walk(value, f"{path}.{key}")
        for inner in (*shape.get("anyOf", ()), shape.get("items"), shape.get("additionalProperties")):
            if inner:
                walk(inner, path)

    walk(schema(), "")


def test_the_schema_is_a_schema(editor):
    editor.validator.check_schema(schema())
