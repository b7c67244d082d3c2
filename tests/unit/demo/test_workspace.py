"""The demo's own configuration."""

from pathlib import Path

from strangler.config.load import load
from strangler.core.flip import Place, place_of
from strangler.core.model import Stage
from strangler.core.units import Share
from strangler.demo.proof import ROUTES
from strangler.demo.story import CROWD
from strangler.demo.workspace import free_ports, prepare


def test_its_routes_are_sound_and_all_begin_in_shadow_but_those_that_are_cut_over(tmp_path: Path) -> None:
    space = prepare(tmp_path)
    config = load(space.routes, space.environ())
    assert [route.name for route in config.routes if route.stage is not Stage.SHADOW] == [*ROUTES]
    assert all(place_of(route) == Place(Stage.CANARY, Share(1.0)) for route in config.routes if route.group)
    assert [route.name for route in config.routes if route.ladder.auto] == ["pictures", "read-product"]


def test_ports_differ() -> None:
    assert len(set(free_ports(5))) == 5


def test_people_in_the_crowd_differ() -> None:
    assert len(set(CROWD)) == len(CROWD)
