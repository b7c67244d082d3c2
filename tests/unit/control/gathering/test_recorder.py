"""Evidence on its way into a real store, whatever happens to the store and to control."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strangler.control import totals
from strangler.control.cells import Region, new_arena
from strangler.control.gathering import batches
from strangler.control.gathering.batches import Readings
from strangler.control.gathering.recorder import Recorder
from strangler.control.gathering.witness import Witness
from strangler.core.errors import DatabaseError
from strangler.core.model import Match, Retention, Route
from strangler.core.template import parse_template
from strangler.store.rows import Run
from strangler.store.store import Store
from tests.unit.control.given import DIFFERENT, PAIR

from .test_batches import MISMATCH

ROUTE = Route(0, "shop", Match(parse_template("/shop/{id}")))


class Courier:
    def hand(self, route: str, frame: bytes) -> bool:
        return True


class House:
    """Shared memory, a store, and one control after another."""

    def __init__(self, folder: Path, arena: int) -> None:
        self.arena = arena
        self.said: list[str] = []
        self.file = folder / "store.db"
        self.store = Store.open("sqlite:///store.db", folder, patience=0.0)
        self.lives = 0
        self.begin()
        self.live()

    def begin(self) -> None:
        """Control starts."""
        self.run: Run = self.store.begin_run(1000.0, "1", "test")
        self.recorder = Recorder(
            self.store, self.run, Readings(self.store.snapshot(self.run)), arena=self.arena, slots=1,
            retention=Retention(), complain=self.said.append,
        )  # fmt: skip

    def live(self) -> None:
        """A worker starts."""
        self.lives += 1
        region = Region(self.arena, 1)
        region.cells[region.scalar(totals.LIFE)] = self.lives
        self.witness = Witness(region, Courier())  # type: ignore[arg-type]

    def ask(self, different: bool = False) -> None:
        self.witness.seen(ROUTE)
        self.witness.paired(DIFFERENT if different else PAIR, ROUTE)

    def ledger(self) -> dict[str, int]:
        ledger = self.store.ledger("shop", self.run)
        assert ledger.closes
        return {"seen": ledger.seen, **ledger.compared, **ledger.skipped, **ledger.lost, "in flight": ledger.in_flight}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    arena = new_arena(3)
    made = House(tmp_path, arena)
    yield made
    made.store.close()
    os.close(arena)


async def test_what_workers_and_control_counted_is_one_ledger(house: House) -> None:
    house.ask()
    house.ask(different=True)
    assert await house.recorder.record()
    assert house.ledger() == {"seen": 2, "match": 1, "in flight": 1}
    batches.settle(house.recorder.batch, "1.1", MISMATCH)
    assert await house.recorder.record()
    assert house.ledger() == {"seen": 2, "match": 1, "mismatch": 1, "in flight": 0}
    assert {row.outcome: row.count for row in house.store.counts()} == {"match": 1, "mismatch": 1}
    assert house.said == []


async def test_a_control_that_was_killed_forgets_what_it_had_not_recorded(house: House) -> None:
    house.ask()
    await house.recorder.record()
    house.ask()
    batches.settle(house.recorder.batch, "1.1", MISMATCH)
    house.begin()
    await house.recorder.record()
    assert house.ledger() == {"seen": 2, "match": 2, "in flight": 0}
    assert {row.outcome: row.count for row in house.store.counts()} == {"match": 2}


async def test_what_a_worker_took_with_it_is_lost(house: House) -> None:
    house.ask(different=True)
    house.ask(different=True)
    batches.settle(house.recorder.batch, "1.1", MISMATCH)
    await house.recorder.record()
    totals.bury(house.arena, 1)
    await house.recorder.record()
    assert house.ledger() == {"seen": 2, "mismatch": 1, "worker": 1, "in flight": 0}
    house.live()
    house.ask()
    await house.recorder.record()
    assert house.ledger() == {"seen": 3, "match": 1, "mismatch": 1, "worker": 1, "in flight": 0}


async def test_a_store_that_is_away_is_told_once_and_loses_nothing(house: House) -> None:
    house.ask()
    hidden = house.file.rename(house.file.with_name("hidden"))
    for _ in range(3):
        house.ask(different=True)
        batches.settle(house.recorder.batch, "1.1", MISMATCH)
        assert not await house.recorder.record()
        assert house.recorder.failing
    assert len(house.said) == 1
    hidden.rename(house.file)
    assert await house.recorder.record()
    assert len(house.said) == 2
    assert house.ledger() == {"seen": 4, "match": 1, "mismatch": 3, "in flight": 0}
    assert len(house.store.examples()) == 3


async def test_a_batch_that_was_written_unheard_is_not_written_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ask(different=True)
    batches.settle(house.recorder.batch, "1.1", MISMATCH)
    record = Store.record

    def fail_late(*arguments: Any) -> None:
        record(*arguments)
        raise DatabaseError("the connection broke")

    monkeypatch.setattr(Store, "record", fail_late)
    assert not await house.recorder.record()
    monkeypatch.setattr(Store, "record", record)
    assert await house.recorder.record()
    assert house.ledger() == {"seen": 1, "mismatch": 1, "in flight": 0}


async def test_when_told_to_stop_it_finishes_what_it_is_writing(house: House) -> None:
    house.ask()
    living = asyncio.create_task(house.recorder.live())
    await asyncio.sleep(0)
    house.recorder.stop()
    await living
    assert house.ledger() == {"seen": 1, "match": 1, "in flight": 0}


async def test_an_error_that_nobody_thought_of_is_told_by_its_class_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("secret")

    monkeypatch.setattr(Store, "record", fail)
    assert not await house.recorder.record()
    assert house.said == ["evidence cannot be stored, and is kept meanwhile: ValueError"]
