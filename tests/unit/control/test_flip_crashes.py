"""kill -9 at every step of a flip: the old file or the new one, whole, and a journal that whoever comes next can settle."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from strangler.config import file
from strangler.config.file import Disk, Snapshot
from strangler.control.flipping.door import Answer, Outcome
from strangler.control.flipping.flip import flip
from strangler.control.flipping.order import Effect, Order
from strangler.control.flipping.settlement import keep, settle
from strangler.control.flipping.spool import Device, Spool
from strangler.control.journal import Journal
from strangler.core import journal as core
from strangler.core.errors import StranglerError
from strangler.core.journal import Entry
from strangler.core.model import Config
from tests.unit.control.flips import Given, order, rollback


class Fate:
    """Ends the process at the step that is fated."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


class DeadlyDisk(Disk):
    def __init__(self, fate: Fate, full: bool) -> None:
        self._fate, self._full = fate, full

    def create(self, path: Path) -> int:
        if self._full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._fate.step()
        return super().create(path)

    def write(self, file: int, data: bytes) -> int:
        self._fate.step()
        return super().write(file, data)

    def sync(self, file: int) -> None:
        self._fate.step()
        super().sync(file)

    def exchange(self, source: Path, target: Path) -> None:
        self._fate.step()
        super().exchange(source, target)
        self._fate.step()


class DeadlyDevice(Device):
    """Also in the middle of a line."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def write(self, file: int, data: bytes, at: int) -> int:
        self._fate.step()
        return super().write(file, data[: max(len(data) // 2, 1)], at)

    def sync(self, file: int) -> None:
        self._fate.step()
        super().sync(file)


class Deadly(Given):
    """A world in which the process ends at one step, before or after what the step does."""

    def __init__(self, folder: Path, steps: int, full: bool = False) -> None:
        super().__init__(folder, write=False)
        self.fate = Fate(steps)
        self._disk = DeadlyDisk(self.fate, full)

    def read(self) -> Snapshot:
        self.fate.step()
        return super().read()

    @contextmanager
    def turn(self, snapshot: Snapshot) -> Iterator[None]:
        self.fate.step()
        with super().turn(snapshot):
            yield
            self.fate.step()
        self.fate.step()

    def put(self, snapshot: Snapshot, text: str, intend: Callable[[bytes], None]) -> Snapshot:
        done = file.put(snapshot, text, intend=intend, disk=self._disk)
        self.fate.step()
        return done

    def overwrite(self, snapshot: Snapshot, text: str, intend: Callable[[bytes], None]) -> Snapshot:
        done = file.overwrite(snapshot, text, intend=intend, disk=self._disk)
        self.fate.step()
        return done

    def journal(self, config: Config, real: Path) -> Journal:
        return Journal(Spool(real, DeadlyDevice(self.fate)), config.store, config.folder)

    def add(self, journal: Journal, entries: Iterable[Entry]) -> None:
        self.fate.step()
        super().add(journal, entries)
        self.fate.step()

    def take_up(self, real: Path, digest: str) -> Answer:
        self.fate.step()
        answer = super().take_up(real, digest)
        self.fate.step()
        return answer

    @contextmanager
    def settling(self, real: Path) -> Iterator[float | None]:
        self.fate.step()
        with super().settling(real) as before:
            yield before


def dies(world: Deadly, wanted: Order) -> bool:
    """Carry out an order in a process of its own; whether that ended at its fated step."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            flip(wanted, world)
            code = 0
        except StranglerError:
            code = 3
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) in (0, 3), status
    return os.WIFSIGNALED(status)


def every_death(folder: Path, wanted: Order, **how: Any) -> Iterator[Given]:
    """The world after each death; the last one survives, and is not given."""
    for steps in count():
        place = folder / str(steps)
        place.mkdir()
        before = Given(place)
        before.journal(before.config(before.path.read_bytes()), before.path).spool.prepare()
        world = Deadly(place, steps, how.get("full", False))
        world.proxy.answers = list(how.get("answers", ()))
        if not dies(world, wanted):
            assert steps > 10, "the steps were counted"
            return
        after = Given(place, write=False)
        after.time += 1_000
        yield after


UP = order("@carts", "canary 50%")
DOWN = rollback("@carts")
REFUSED = (Answer(Outcome.REFUSED, "no"),)


@pytest.mark.parametrize(
    ("wanted", "how"),
    [(UP, {}), (DOWN, {}), (DOWN, {"full": True}), (UP, {"answers": REFUSED})],
    ids=["up", "down", "down on a full disk", "up and refused"],
)
def test_a_killed_flip_leaves_the_old_file_or_the_new_one_and_a_journal_that_is_settled(
    tmp_path: Path, wanted: Order, how: dict[str, Any]
) -> None:
    old = Given(tmp_path).path.read_text()
    new = old.replace("canary\n    weight: 25%", "canary\n    weight: 50%").replace("canary, weight: 25%", "canary, weight: 50%")
    if wanted is DOWN:
        new = old.replace("canary\n    weight: 25%", "shadow\n    weight: 25%").replace(
            "canary, weight: 25%", "shadow, weight: 25%"
        )
    seen = set()
    for world in every_death(tmp_path, wanted, **how):
        text = world.path.read_text()
        assert text in (old, new)
        keep(world, create=True)
        states = {str(recorded.state) for recorded in world.history()}
        assert core.unsettled(world.entries()) == ()
        assert states <= ({"live"} if text == new else {"abandoned"})
        seen |= {(text == new, *states)}
    assert {(False,), (False, "abandoned"), (True, "live")} <= seen, "all three came to pass"


def test_the_next_flip_settles_what_the_last_one_left_and_works(tmp_path: Path) -> None:
    for world in every_death(tmp_path, UP):
        was = world.places()["cart"]
        done = flip(order("@carts", "canary 75%"), world)
        assert done.effect is Effect.LIVE
        assert core.unsettled(world.entries()) == ()
        if was == "canary 50%":
            assert "cart: canary 25% → canary 50% live" in world.told()
        assert world.told()[-1] == "pay: canary 50% → canary 75% live" if was == "canary 50%" else True
        assert world.places()["cart"] == "canary 75%"


def test_a_rollback_after_a_crash_does_not_make_history_false(tmp_path: Path) -> None:
    """It settles nothing itself, and moves the route before anybody else does."""
    for world in every_death(tmp_path, UP):
        was = world.places()["cart"]
        flip(DOWN, world)
        keep(world)
        told = [line for line in world.told() if "50%" in line and line.startswith("cart")]
        assert (
            all("live" in line for line in told)
            if was == "canary 50%"
            else all("→ shadow live" in line or "abandoned" in line for line in told)
        )
        assert world.told()[-1].endswith("→ shadow live")
        assert core.unsettled(world.entries()) == ()


def test_a_settler_that_is_killed_has_settled_or_not(tmp_path: Path) -> None:
    for steps in count():
        place = tmp_path / str(steps)
        place.mkdir()
        world = Given(place)
        world.proxy.rest = Answer(Outcome.LATE)
        with pytest.raises(StranglerError):
            flip(UP, world)
        deadly = Deadly(place, steps)
        deadly.time += 1_000
        pid = os.fork()
        if not pid:
            settle(deadly)
            os._exit(0)
        died = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        world.time += 2_000
        settle(world)
        assert world.told() == ["cart: canary 25% → canary 50% live", "pay: canary 25% → canary 50% live"]
        if not died:
            break
    assert steps > 3
