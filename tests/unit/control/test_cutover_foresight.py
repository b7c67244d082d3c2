"""The table that a cutover will bring is read beforehand, by a reader as real as any, and taken for nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from strangler.control.callers import Callers
from strangler.control.cutover.foresight import Foresight
from strangler.control.flipping.draft import edited
from strangler.control.frames import Head
from strangler.control.loop import Loop
from strangler.control.reading import Reading
from strangler.core.cutover import Move, Record, encode
from strangler.core.flip import Flip, Place
from strangler.core.model import Stage
from strangler.core.units import Share
from tests.unit.control.cutovers import Run, given

CANARY, MODERN = Place(Stage.CANARY, Share(1.0)), Place(Stage.MODERN, Share(0.0))
FLIPS = tuple(Flip(route, CANARY, MODERN) for route in ("read", "write"))
RECORD = Record().opened(Move("token", "@orders", FLIPS, ("orders", "lines"), "new", "anna", 1.0, 10.0)).with_decision()


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return given(tmp_path)


def looked(loop: Loop, run: Run) -> tuple[Foresight, Head]:
    """After the reader has said what it has to say."""
    foresight, said = Foresight(loop, run.folder / "routes.yaml", str), list[Head]()
    foresight.look("token", encode(RECORD).decode(), said.append)
    loop.run(lambda: bool(said))
    return foresight, said[0]


def test_it_is_read_as_it_will_be_and_taken_once_for_that_alone(loop: Loop, run: Run) -> None:
    foresight, said = looked(loop, run)
    assert said["problems"] == ""
    after = edited(run.world.read(), FLIPS).encode()
    digest = sha256(after).hexdigest()
    assert foresight.take("another", digest) is None
    assert foresight.take("token", run.world.read().revision) is None
    head, body = foresight.take("token", digest) or ({}, b"")
    assert (head["moved"], head["places"]["write"], len(body) > 100) == (["lines", "orders"], ["modern", 0.0], True)
    assert foresight.take("token", digest) is None


def test_what_nobody_could_serve_is_said(loop: Loop, run: Run) -> None:
    run.folder.joinpath("routes.yaml").write_text("version: 1\nroutes: 5\n")
    _, said = looked(loop, run)
    assert said["problems"]


def test_who_asked_is_answered_although_nobody_had_to_read() -> None:
    """It is over before the question has been noted."""
    done, answers = 0, list[Head]()

    def read(digest: str) -> int:
        nonlocal done
        done += 1
        callers.look()
        return done

    callers = Callers(lambda: {"done": done}, read, lambda number: done >= number)
    callers.hear({"do": "reload"}, answers.append)
    assert answers == [{"done": 1}]


def test_only_a_file_that_says_just_this_is_not_read_again(tmp_path: Path) -> None:
    path, news = tmp_path / "routes.yaml", list[Any]()
    path.write_text("as it was")
    reading = Reading(None, path, lambda: None, lambda *said: news.append(said), lambda: None)  # type: ignore[arg-type]
    head = {"is": "read", "digest": sha256(b"as it will be").hexdigest(), "held": ""}
    assert (reading.foretold(head, b"table"), news, reading.done) == (0, [], 0)
    path.write_text("as it will be")
    assert reading.changed
    assert (reading.foretold(head, b"table"), news, reading.done) == (1, [(head, b"table", True)], 1)
    assert not reading.changed
