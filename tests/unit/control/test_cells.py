import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from strangler.control import cells, totals
from strangler.control.cells import REGION, ROWS, WIDTH, Region, new_arena


@pytest.fixture
def arena() -> Iterator[int]:
    descriptor = new_arena(3)
    yield descriptor
    os.close(descriptor)


def test_a_row_is_added_once_and_found_again_by_another_reader(arena: int) -> None:
    region = Region(arena, 1)
    index = region.row(("route", "shop", "legacy", "legacy"))
    assert region.row(("route", "shop", "legacy", "legacy")) == index
    region.cells[index + 3] += 5
    assert list(Region(arena, 1).rows()) == [(("route", "shop", "legacy", "legacy"), [0, 0, 0, 5] + [0] * (WIDTH - 4))]
    assert list(Region(arena, 2).rows()) == []


def test_the_longest_names_fit(arena: int) -> None:
    key = ("route", "r" * 100, "retired", "u" * 100)
    Region(arena, 1).row(key)
    assert [found for found, _ in Region(arena, 1).rows()] == [key]


def test_when_all_rows_are_taken_the_last_counts_for_the_rest(arena: int) -> None:
    region = Region(arena, 1)
    for number in range(ROWS - 1):
        region.row(("reason", str(number)))
    last = region.row(("reason", "one more"))
    assert last == region.row(("reason", "and another"))
    region.cells[last] += 1
    assert [found for found, _ in region.rows()][-1] == ("overflow",)


def test_memory_that_nobody_uses_costs_nothing(arena: int) -> None:
    Region(arena, 1).row(("reason", "x"))
    assert os.fstat(arena).st_size == 3 * REGION
    assert os.fstat(arena).st_blocks * 512 < 64 * 1024


def test_a_writer_that_is_killed_leaves_what_it_had_counted(arena: int) -> None:
    program = (
        "import os, sys; from strangler.control.cells import Region; region = Region(int(sys.argv[1]), 1)\n"
        "index = region.row(('reason', 'x')); region.cells[index] += 7; os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(arena)], pass_fds=[arena])
    assert totals.read(arena, 2).rows[("reason", "x")][0] == 7


def test_the_dead_are_added_and_their_region_is_free_again(arena: int) -> None:
    for round_ in (1, 2):
        region = Region(arena, 1)
        region.cells[region.scalar(0)] = 4  # a gauge: what was open is open no more
        region.cells[region.scalar(1)] = 10
        region.cells[region.row(("reason", "x"))] += 3
        totals.bury(arena, 1)
        assert totals.read(arena, 2).rows[("reason", "x")][0] == 3 * round_
        assert totals.read(arena, 2).scalars[:2] == [0, 10 * round_]
    assert list(Region(arena, 1).rows()) == []


def test_a_reader_never_sees_half_a_burial(arena: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads while a region is counted twice, or not at all, reads again when the burial is over."""
    region = Region(arena, 1)
    region.cells[region.row(("reason", "x"))] = 5
    dead = Region(arena, totals.DEAD)
    generation = dead.scalar(totals._GENERATION)
    dead.cells[generation] += 1
    dead.cells[dead.row(("reason", "x"))] = 5  # counted twice now

    def meanwhile(_: float) -> None:
        region.clear()
        dead.cells[generation] += 1

    monkeypatch.setattr(totals.time, "sleep", meanwhile)
    assert totals.read(arena, 2).rows[("reason", "x")][0] == 5


def test_without_memfd_a_file_without_a_name_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    descriptor = cells.new_arena(1)
    region = Region(descriptor, 0)
    region.cells[region.row(("reason", "x"))] = 3
    assert region.cells[region.row(("reason", "x"))] == 3
    os.close(descriptor)
