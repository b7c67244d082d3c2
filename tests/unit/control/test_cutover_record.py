"""The record of cutovers on its disk: replaced as a whole, and while a cutover is open there is room for what comes after it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from strangler.control.cutover.record import Disk, RecordError, Shelf
from strangler.core.cutover import Move, Record
from strangler.core.flip import Flip, Place
from strangler.core.model import Stage
from strangler.core.units import Share

FLIP = Flip("write", Place(Stage.CANARY, Share(1.0)), Place(Stage.MODERN, Share(0.0)))
OPENED = Record().opened(Move("token", "@orders", (FLIP,), ("orders", "lines"), "new", "anna", 1.0, 10.0))
ENDED = OPENED.closed({"orders": ("new", 2), "lines": ("new", 2)})


class Full(Disk):
    """Nothing new has room on it; what is there can be written over."""

    def create(self, path: Path) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    (tmp_path / "routes.yaml").touch()
    return tmp_path / "routes.yaml"


def test_what_is_written_of_a_cutover_has_its_room(beside: Path) -> None:
    shelf, full = Shelf(beside), Shelf(beside, Full())
    shelf.make_room(OPENED)
    for record in (OPENED, OPENED.with_decision(), ENDED):
        full.write(record)
        assert shelf.read() == record
    with pytest.raises(RecordError, match="No space left"):
        full.write(OPENED)
    assert shelf.read() == ENDED


def test_nothing_is_opened_where_there_is_no_room(beside: Path) -> None:
    with pytest.raises(RecordError, match="No space left"):
        Shelf(beside, Full()).make_room(OPENED)
    assert Shelf(beside).read() == Record()


def test_room_that_is_too_small_is_not_used(beside: Path) -> None:
    shelf = Shelf(beside)
    shelf.make_room(Record())
    many = Record(owners={f"mapping {number}": ("new", number) for number in range(1000)})
    shelf.write(many)
    assert shelf.read() == many
    shelf.make_room(many)
    Shelf(beside, Full()).write(many)
