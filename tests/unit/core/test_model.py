"""What is promised of the frozen model and of small values: no change, no surprise, and text that reads back."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from strangler.core import model
from strangler.core.decide import Table
from strangler.core.errors import ConfigError, Problem, StranglerError
from strangler.core.frozen import Frozen
from strangler.core.model import Address, Stage, Url
from tests.unit.config.test_problems import SOUND
from tests.unit.given import HEAD, config, outcome, request


def everything(value: object) -> list[object]:
    """A value and all that hangs below it."""
    if dataclasses.is_dataclass(value):
        below = [getattr(value, field.name) for field in dataclasses.fields(value)]
    elif isinstance(value, tuple | frozenset):
        below = list(value)
    elif isinstance(value, Frozen):
        below = [*value.keys(), *value.values()]
    else:
        below = []
    return [value, *(found for child in below for found in everything(child))]


def test_nothing_in_a_configuration_can_be_changed():
    found = outcome(HEAD + SOUND)
    assert found.config is not None
    for value in everything(found.config):
        assert not isinstance(value, list | dict | set | bytearray), value
        if dataclasses.is_dataclass(value):
            assert type(value).__dataclass_params__.frozen, type(value)
    assert isinstance(hash(found.config), int)


def test_a_configuration_survives_copies_and_other_processes():
    found = outcome(HEAD + SOUND).config
    assert pickle.loads(pickle.dumps(found)) == found == copy.deepcopy(found)
    asked = request("GET /api/7", "x-user-id: 1")
    assert str(Table(pickle.loads(pickle.dumps(found))).decide(asked, 0.5)) == str(Table(found).decide(asked, 0.5))


def test_every_section_of_the_model_is_frozen():
    for value in vars(model).values():
        if dataclasses.is_dataclass(value):
            assert value.__dataclass_params__.frozen


def test_frozen_mappings():
    written = {"a": 1}
    frozen = Frozen(written)
    written["a"] = 2
    assert frozen == {"a": 1}
    assert (dict(frozen), len(frozen), frozen.get("b"), hash(frozen)) == ({"a": 1}, 1, None, hash(Frozen(a for a in [("a", 1)])))
    with pytest.raises(TypeError):
        frozen["a"] = 3  # type: ignore[index]


def test_defaults_fill_in_below_what_a_route_says():
    routes = config(
        "defaults: {sticky: {by: ip, missing: draw}, shadow: {sample: 5%, methods: [GET]}, compare: {ignore: [$.a]},\n"
        "  legacy: other}\n"
        "routes:\n"
        "- {name: a, match: {path: /a}}\n"
        "- {name: b, match: {path: /b}, sticky: {salt: s}, shadow: {sample: 7%}, compare: {ignore: []}, legacy: legacy}\n"
    ).routes
    assert [str(route.sticky.by) for route in routes] == ["ip", "ip"]
    assert [route.sticky.missing for route in routes] == ["draw", "draw"]
    assert [route.sticky.salt for route in routes] == ["", "s"]
    assert [route.shadow.sample for route in routes] == [0.05, 0.07]
    assert [route.shadow.methods for route in routes] == [("GET",), ("GET",)]
    assert [len(route.compare.ignore) for route in routes] == [1, 0]
    assert [route.legacy for route in routes] == ["other", "legacy"]


def test_legacy_has_no_breaker_unless_it_asks_for_one():
    text = """
version: 1
upstreams:
  legacy: {url: "http://a:1"}
  modern: {url: "http://b:1"}
  quiet: {url: "http://c:1", breaker: off}
  old: {url: "http://d:1"}
  older: {url: "http://e:1", breaker: {error_rate: 20%}}
routes:
- {name: a, match: {path: /a}, legacy: old}
- {name: b, match: {path: /b}, legacy: older}
"""
    upstreams = outcome(text).config.upstreams
    assert {name: upstream.breaker is not None for name, upstream in upstreams.items()} == {
        "legacy": False, "modern": True, "quiet": False, "old": False, "older": True
    }  # fmt: skip


def test_merges_and_aliases():
    routes = config(
        "defaults: &d {fallback: off}\n"
        "routes:\n"
        "- &a {name: a, match: {path: /a}, stage: shadow, weight: 5%}\n"
        "- {<<: *a, name: b, match: {path: /b}, stage: legacy}\n"
        "- {<<: [{stage: modern}, *a], name: c, match: {path: /c}}\n"
    ).routes
    assert [(route.name, route.stage, route.weight) for route in routes] == [
        ("a", Stage.SHADOW, 0.05), ("b", Stage.LEGACY, 0.05), ("c", Stage.MODERN, 0.05)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("[::1]:0", "[::1]:0"),
        ("Shop.Example.org:8080", "shop.example.org:8080"),
        ("unix:/run/s", "unix:/run/s"),
    ],
)
def test_addresses_read_back(text, shown):
    address = outcome(
        f"version: 1\nupstreams: {{legacy: {{url: 'http://a'}}}}\nadmin: {{address: '{text}', insecure: true}}"
    ).config.admin
    assert str(address.address) == shown
    assert isinstance(address.address, Address)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        (Url("http", "a", 80), "a"),
        (Url("https", "a", 443), "a"),
        (Url("https", "a", 80), "a:80"),
        (Url("http", "::1", 8080), "[::1]:8080"),
    ],
)
def test_authorities(url, authority):
    assert (url.authority, str(url)) == (authority, f"{url.scheme}://{authority}")


def test_stages_stand_in_climbing_order():
    assert [stage.rung for stage in Stage] == [0, 1, 2, 3, 4]


def test_errors_know_their_exit_codes():
    def below(error: type) -> list[type]:
        return [error, *(found for child in error.__subclasses__() for found in below(child))]

    codes = {error.__name__: error.exit_code for error in below(StranglerError) if error.__module__.startswith("strangler.core")}
    assert codes.pop("StranglerError") == 1
    assert codes == {
        "UsageError": 2, "ConfigError": 2, "Refusal": 3, "UnreachableError": 4, "DatabaseError": 5, "SinkError": 6
    }  # fmt: skip
    error = ConfigError("r.yaml", [Problem(3, 5, "a.b", "is bad"), Problem(0, 0, "", "is worse", warning=True)])
    assert str(error) == "r.yaml:3:5: a.b: is bad\nr.yaml: warning: is worse"
