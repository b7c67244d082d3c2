"""What control does for the journal, again and again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from strangler.control.flipping.door import Answer, Outcome
from strangler.control.flipping.flip import flip
from strangler.control.keeper import Keeper
from strangler.core.errors import UnreachableError
from strangler.core.model import Config
from tests.unit.control.flips import Given, order


@pytest.fixture
def world(tmp_path: Path) -> Given:
    return Given(tmp_path)


def keeper_of(world: Given, complaints: list[str], served: Config | None = None) -> Keeper:
    return Keeper(world.path, {}, lambda: served, complaints.append)


def test_what_was_left_is_settled_and_in_the_store(world: Given) -> None:
    world.time = 1_700_000_000.0  # before the keeper's clock
    world.proxy.rest = Answer(Outcome.LATE)
    with pytest.raises(UnreachableError):
        flip(order("read", "canary 5%"), world)
    complaints: list[str] = []
    assert keeper_of(world, complaints).keep(create=True)
    assert (world.told(), complaints) == (["read: shadow → canary 5% live"], [])
    assert world.journal(world.config(world.path.read_bytes()), world.path).spooled() == []


def test_what_is_in_the_way_is_said_once_and_again_when_it_comes_back(world: Given) -> None:
    flip(order("read", "canary 5%"), world)
    complaints: list[str] = []
    keeper, store = keeper_of(world, complaints), world.path.parent / "strangler.db"
    store.write_text("no database")
    assert (keeper.keep(), keeper.keep(), len(complaints)) == (False, False, 1)
    assert complaints[0].startswith("the journal waits beside the file: store sqlite")
    store.unlink()
    assert keeper.keep()
    store.write_text("no database")
    assert (keeper.keep(), len(complaints)) == (False, 2)


def test_a_file_with_problems_is_no_reason_to_stop(world: Given) -> None:
    complaints: list[str] = []
    world.path.write_text("version: 2\n")
    assert not keeper_of(world, complaints).keep()
    assert len(complaints) == 1
    assert "\n" not in complaints[0]


@pytest.mark.parametrize(("routes", "made"), [(True, True), (False, False)])
def test_room_is_made_where_there_are_routes(world: Given, routes: bool, made: bool) -> None:
    config = world.config(world.path.read_bytes()) if routes else None
    keeper_of(world, [], config).prepare()
    assert (world.path.parent / ".routes.yaml.journal").exists() is made


async def test_it_begins_at_once_and_ends_when_told(world: Given) -> None:
    config = world.config(world.path.read_bytes())
    living = asyncio.create_task(keeper_of(world, [], config).live())
    async with asyncio.timeout(30):
        while len(world.told()) < 4:
            await asyncio.sleep(0.01)
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await living
    assert world.told()[0] == "read: legacy → shadow live"
