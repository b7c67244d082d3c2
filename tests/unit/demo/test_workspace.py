"""The demo's own configuration."""

from pathlib import Path

from strangler.config.load import load
from strangler.core.model import Stage
from strangler.demo.story import CROWD
from strangler.demo.workspace import free_ports, prepare


def test_its_routes_are_sound_and_all_of_them_begin_in_shadow(tmp_path: Path) -> None:
    space = prepare(tmp_path)
    config = load(space.routes, space.environ())
    assert {route.stage for route in config.routes} == {Stage.SHADOW}
    assert [route.name for route in config.routes if route.ladder.auto] == ["pictures", "read-product"]


def test_ports_differ() -> None:
    assert len(set(free_ports(5))) == 5


def test_people_in_the_crowd_differ() -> None:
    assert len(set(CROWD)) == len(CROWD)
