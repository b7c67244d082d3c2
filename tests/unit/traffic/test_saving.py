"""A recording that is being written is never lost, never written over another, and nobody else's to read."""

from __future__ import annotations

import errno

import pytest

from strangler.core.errors import UsageError
from strangler.traffic.entry import Entry
from strangler.traffic.reading import read
from strangler.traffic.saving import Saving

ENTRIES = [Entry("GET", f"/{number}", "shop.example.org", status=200) for number in range(3)]


@pytest.mark.parametrize("name", ["a.har", "a.flows", "A.HAR", "a.mitm"])
def test_what_was_added_is_there_for_its_owner(tmp_path, name):
    saving = Saving(tmp_path / name)
    for entry in ENTRIES:
        saving.add(entry)
    saving.close()
    assert [entry.target for entry in read(tmp_path / name)] == ["/0", "/1", "/2"]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert saving.size == (tmp_path / name).stat().st_size


@pytest.mark.parametrize("name", ["a.har", "a.flows"])
def test_whoever_is_killed_leaves_what_was_flushed(tmp_path, name):
    saving = Saving(tmp_path / name)
    saving.add(ENTRIES[0])
    saving.add(ENTRIES[1])
    saving.flush()
    (draft,) = tmp_path.iterdir()
    recording = read(draft)
    assert [entry.target for entry in recording] == ["/0", "/1"]
    assert recording.warnings() == []
    assert draft.stat().st_mode & 0o777 == 0o600
    saving.close()


def test_nothing_leaves_nothing(tmp_path):
    Saving(tmp_path / "a.har").close()
    assert list(tmp_path.iterdir()) == []


def test_a_name_says_a_format(tmp_path):
    with pytest.raises(UsageError, match=r"call it \.har, or \.flows for mitmproxy"):
        Saving(tmp_path / "a.json")


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    path = tmp_path / "a.har"
    path.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        Saving(path)
    path.unlink()
    saving = Saving(path)
    saving.add(ENTRIES[0])
    path.write_text("mine")
    with pytest.raises(UsageError, match=r"File exists; what there is stands in .*\.part"):
        saving.close()
    assert path.read_text() == "mine"
    (draft,) = (each for each in tmp_path.iterdir() if each != path)
    assert [entry.target for entry in read(draft)] == ["/0"]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        Saving(tmp_path / "nowhere" / "a.har")


def test_a_full_disk_is_told_with_where_the_rest_stands(tmp_path, monkeypatch):
    saving = Saving(tmp_path / "a.har")
    saving.add(ENTRIES[0])

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saving._writer, "flush", full)
    with pytest.raises(UsageError, match=r"No space left on device; what there is stands in .*\.part"):
        saving.flush()
    saving._file.close()
