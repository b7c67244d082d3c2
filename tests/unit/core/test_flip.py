"""Flips as values."""

from __future__ import annotations

import pytest

from strangler.core.errors import Refusal, UsageError
from strangler.core.flip import Flip, Place, asked, climb, descend, members, place_of, plan
from strangler.core.model import Stage
from tests.unit.given import config as config_of

ROUTES = """
routes:
  - {name: images, match: {path: "/images/{file}", methods: [GET]}, stage: modern}
  - {name: read-order, match: {path: "/orders/{id}", methods: [GET]}, group: orders, stage: shadow}
  - {name: write-order, match: {path: "/orders/{id}", methods: [PUT]}, group: orders, stage: shadow}
  - {name: search, match: {path: /search, methods: [GET]}, stage: canary, weight: 5%, sticky: {by: ip}}
  - {name: alone, match: {path: /alone, methods: [GET]}, group: single, stage: legacy}
"""


@pytest.fixture
def config():
    return config_of(ROUTES)


def names(routes) -> list[str]:
    return [route.name for route in routes]


@pytest.mark.parametrize(
    ("name", "found"),
    [("images", ["images"]), ("@orders", ["read-order", "write-order"]), ("alone", ["alone"]), ("@single", ["alone"])],
)
def test_who_flips_together(config, name, found):
    assert names(members(config, name)) == found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("imags", "there is no route 'imags'; did you mean"),
        ("orders", "there is no route 'orders'; did you mean the group @orders?"),
        ("@order", "there is no group @order; did you mean"),
        ("read-order", "say @orders"),
    ],
)
def test_who_does_not_flip(config, name, words):
    with pytest.raises(UsageError) as caught:
        members(config, name)
    assert words in str(caught.value)


def test_a_plan_leaves_out_who_is_there_already(config):
    flips = plan(members(config, "@orders"), Place(Stage.CANARY, 0.05))
    assert [str(flip) for flip in flips] == ["read-order: shadow → canary 5%", "write-order: shadow → canary 5%"]
    assert all(flip.up for flip in flips)
    assert plan(members(config, "images"), Place(Stage.MODERN)) == ()


@pytest.mark.parametrize(
    ("name", "stage", "weight", "place"),
    [
        ("images", "shadow", None, Place(Stage.SHADOW)),
        ("images", "canary", None, Place(Stage.CANARY, 0.01)),
        ("images", "canary", 0.3, Place(Stage.CANARY, 0.3)),
        ("search", "canary", None, Place(Stage.CANARY, 0.05)),
        ("search", "canary", 0.0, Place(Stage.CANARY, 0.0)),
    ],
)
def test_what_a_command_names(config, name, stage, weight, place):
    assert asked(members(config, name), Stage(stage), weight) == place


def test_a_weight_belongs_to_a_canary(config):
    with pytest.raises(UsageError, match="--weight belongs to a canary"):
        asked(members(config, "images"), Stage.MODERN, 0.5)


def test_the_way_up_has_every_step_once():
    route, seen = members(config_of(ROUTES), "alone")[0], []
    while (place := climb(route)) is not None:
        seen.append(str(place))
        text = ROUTES.replace("stage: legacy", f"stage: {place.stage}, weight: {place.weight * 100:g}%, sticky: {{by: ip}}")
        route = members(config_of(text), "alone")[0]
    assert seen == ["shadow", "canary 1%", "canary 5%", "canary 25%", "canary 50%", "canary 100%", "modern"]


@pytest.mark.parametrize(
    ("name", "to", "place"), [("images", None, "shadow"), ("search", None, "shadow"), ("images", "legacy", "legacy")]
)
def test_the_way_down(config, name, to, place):
    route = members(config, name)[0]
    after = descend(route, Stage(to) if to else None)
    assert str(after) == place
    assert not Flip(name, place_of(route), after).up


@pytest.mark.parametrize(("name", "to"), [("alone", None), ("images", "modern"), ("images", "retired"), ("search", "modern")])
def test_there_is_no_rollback_to_where_it_stands_or_above(config, name, to):
    with pytest.raises(Refusal, match="nothing to roll back"):
        descend(members(config, name)[0], Stage(to) if to else None)
