"""A file of events: what a crash or a full disk leaves, a file that is moved away, and several who write at once."""

import asyncio
import errno
import fcntl
import json
import os
import stat

import pytest

from reconcile.sinks import file, settings
from reconcile.sinks.cloudevents import structured
from reconcile.sinks.contract import event
from reconcile.sinks.file import FileSink
from reconcile.sinks.sink import BEHIND, Delivered, Refused, Unavailable

ONE, TWO = structured(event(1)) + b"\n", structured(event(2)) + b"\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.jsonl"


@pytest.fixture
async def sink(path):
    sink = FileSink(settings.File(str(path)))
    yield sink
    await sink.close()


@pytest.mark.parametrize("torn", range(1, len(TWO) - 1, 11))
async def test_a_torn_line_goes(path, sink, torn):
    path.write_bytes(ONE + TWO[:torn])
    assert await sink.send([event(2)]) == [Delivered()]
    assert path.read_bytes() == ONE + TWO


async def test_a_whole_line_whose_end_is_missing_stays(path, sink):
    path.write_bytes(ONE[:-1])
    assert await sink.send([event(2)]) == [Delivered()]
    assert path.read_bytes() == ONE + TWO


async def test_a_torn_line_longer_than_what_is_read_at_a_time_goes(path, sink, monkeypatch):
    monkeypatch.setattr(file, "_LOOK", 7)
    path.write_bytes(ONE + TWO[:-9])
    assert await sink.send([event(2)]) == [Delivered()]
    assert path.read_bytes() == ONE + TWO


async def test_a_file_of_somebody_elses_is_left_alone(path, sink):
    path.write_bytes(b"dear diary")
    (outcome,) = await sink.send([event(1)])
    assert outcome == Unavailable(f"{path}: its last line is not one of ours, and has no end: is it the right file?")
    assert path.read_bytes() == b"dear diary"


@pytest.mark.parametrize("fails", ["write", "fsync"])
async def test_a_disk_that_fails_in_the_middle_leaves_nothing(path, sink, fails, monkeypatch):
    await sink.send([event(1)])
    real = os.write

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", lambda number, data: real(number, data[:100]) if len(data) == len(TWO) else full())
        if fails == "fsync":
            broken.setattr(os, "write", real)
            broken.setattr(os, "fsync", full)
        assert await sink.send([event(2)]) == [Unavailable(f"{path}: No space left on device")]
        assert path.read_bytes() == ONE
    assert await sink.send([event(2)]) == [Delivered()]
    assert path.read_bytes() == ONE + TWO


async def test_nothing_is_delivered_before_it_is_on_the_disk(path, sink, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(os.fstat(number).st_mode) or real(number))
    await sink.send([event(1), event(2)])
    assert [stat.S_ISDIR(mode) for mode in synced] == [True, False], "the folder that has a new file, and the lines"
    await sink.send([event(3)])
    assert len(synced) == 3


async def test_a_file_that_was_moved_away_is_made_anew(path, sink):
    await sink.send([event(1)])
    path.rename(path.with_suffix(".1"))
    await sink.send([event(2)])
    assert (path.with_suffix(".1").read_bytes(), path.read_bytes()) == (ONE, TWO)


async def test_several_may_write_to_one_file(path):
    sinks = [FileSink(settings.File(str(path))) for _ in range(4)]
    calls = [[event(100 * number + place) for place in range(20)] for number in range(4)]
    await asyncio.gather(*(sink.send(call) for sink, call in zip(sinks, calls, strict=True)))
    lines = [json.loads(line)["id"] for line in path.read_bytes().splitlines()]
    assert sorted(lines) == sorted(each.id for call in calls for each in call)
    for call in calls:
        start = lines.index(call[0].id)
        assert lines[start : start + 20] == [each.id for each in call], "what was sent in one call stands together"
    await asyncio.gather(*(sink.close() for sink in sinks))


async def test_others_wait_from_the_look_at_the_last_line_until_ours_are_on_the_disk(path, sink, monkeypatch):
    done = []
    for module, name in ((fcntl, "flock"), (os, "pread"), (os, "write"), (os, "fsync")):
        monkeypatch.setattr(module, name, noting(getattr(module, name), done))
    await sink.send([event(1)])
    done.clear()
    await sink.send([event(2)])
    assert done == [("flock", fcntl.LOCK_EX), ("pread",), ("write",), ("fsync",), ("flock", fcntl.LOCK_UN)]


def noting(call, done):
    def noted(*given):
        done.append((call.__name__, *given[1:]) if call.__name__ == "flock" else (call.__name__,))
        return call(*given)

    return noted


async def test_what_is_refused_is_not_written_nor_what_is_behind_it(path, sink):
    outcomes = await sink.send([event(1), event(2, payload=b"{", key="a"), event(3, key="a")])
    assert [outcomes[0], outcomes[2]] == [Delivered(), BEHIND]
    assert isinstance(outcomes[1], Refused)
    assert path.read_bytes() == ONE
