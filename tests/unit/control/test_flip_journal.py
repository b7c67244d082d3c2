"""The journal beside the configuration and in the store: nothing is lost on the way, nothing is there twice."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.control.flipping.names import name
from strangler.control.flipping.spool import ROOM, Device, Spool
from strangler.control.journal import Journal, JournalError
from strangler.core import journal as core
from strangler.core.errors import DatabaseError
from strangler.core.flip import Place
from strangler.core.journal import Entry, Kind
from strangler.core.model import Stage
from strangler.store.store import Store

SHADOW, LEGACY = Place(Stage.SHADOW), Place(Stage.LEGACY)


def entry(number: int, **more: Any) -> Entry:
    words: dict[str, Any] = {"kind": Kind.INTENDED, "route": "read", "reason": "", **more}
    return Entry(id=f"id-{number:04}", flip=f"f{number}", at=float(number), actor="anna", before=LEGACY, after=SHADOW, **words)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.touch()
    return path


@pytest.fixture
def spool(beside: Path) -> Spool:
    return Spool(beside)


def journal_at(beside: Path, complaints: list[str] | None = None) -> Journal:
    said = complaints if complaints is not None else []
    return Journal(Spool(beside), f"sqlite:///{beside.parent}/strangler.db", str(beside.parent), said.append)


def ids(entries: Any) -> list[str]:
    return [one.id for one in entries]


class TestSpool:
    def test_gives_back_what_was_added_in_order(self, spool: Spool) -> None:
        assert spool.read().entries == ()
        spool.append([entry(1), entry(2, reason="é\n\U0001f600")])
        spool.append([entry(3)])
        assert spool.read().entries == (entry(1), entry(2, reason="é\n\U0001f600"), entry(3))

    def test_is_for_its_owner_alone_and_has_room(self, spool: Spool) -> None:
        spool.append([entry(1)])
        found = spool.path.stat()
        assert (stat.S_IMODE(found.st_mode), found.st_size, spool.path.name) == (0o600, ROOM, ".routes.yaml.journal")

    def test_grows_beyond_its_room_and_shrinks_again(self, spool: Spool) -> None:
        many = [entry(number, reason="x" * 500) for number in range(200)]
        spool.append(many)
        assert spool.path.stat().st_size > ROOM
        kept = spool.read()
        assert list(kept.entries) == many
        assert spool.clear(kept)
        assert (spool.path.stat().st_size, spool.read().entries) == (ROOM, ())

    def test_is_not_emptied_of_what_nobody_has_seen(self, spool: Spool) -> None:
        spool.append([entry(1)])
        seen = spool.read()
        spool.append([entry(2)])
        assert not spool.clear(seen)
        assert ids(spool.read().entries) == ["id-0001", "id-0002"]

    def test_nor_of_other_entries_of_the_same_length(self, spool: Spool) -> None:
        spool.append([entry(1)])
        seen = spool.read()
        spool.clear(seen)
        spool.append([entry(2)])
        assert not spool.clear(seen)
        assert ids(spool.read().entries) == ["id-0002"]

    @given(cut=st.integers(0, 400), zeros=st.booleans())
    def test_wherever_a_crash_cuts_a_line_the_others_are_there(self, tmp_path_factory: Any, cut: int, zeros: bool) -> None:
        beside = tmp_path_factory.mktemp("cut") / "routes.yaml"
        beside.touch()
        spool = Spool(beside)
        spool.append([entry(1)])
        line = f"{core.write(entry(2))}\n".encode()
        length = min(cut, len(line))
        data = spool.path.read_bytes()
        end = len(data.rstrip(b"\n")) + 1
        rest = (b"\0" if zeros else b"\n") * (ROOM - end - length)
        spool.path.write_bytes(data[:end] + line[:length] + rest)
        spool.append([entry(3)])
        kept = spool.read()
        whole = length >= len(line) - 1
        assert ids(kept.entries) == ["id-0001", *(["id-0002"] if whole else []), "id-0003"]
        assert kept.cut == (length > 0 and not whole)

    def test_a_link_in_its_place_is_not_followed(self, spool: Spool, tmp_path: Path) -> None:
        (tmp_path / "precious").write_text("mine")
        spool.path.symlink_to(tmp_path / "precious")
        with pytest.raises(OSError, match="symbolic"):
            spool.append([entry(1)])
        assert (tmp_path / "precious").read_text() == "mine"

    def test_many_who_add_at_once_lose_nothing(self, beside: Path) -> None:
        def add(first: int) -> None:
            for number in range(first, first + 25):
                Spool(beside).append([entry(number)])

        threads = [threading.Thread(target=add, args=(first,)) for first in range(0, 200, 25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ids(Spool(beside).read().entries)) == [f"id-{number:04}" for number in range(200)]


class Full(Device):
    """A disk that is full: what a file has may be written over, and it cannot grow."""

    def write(self, file: int, data: bytes, at: int) -> int:
        room = os.fstat(file).st_size - at
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(file, data[:room], at)


class TestFullDisk:
    def test_there_is_room_for_a_rollback(self, beside: Path, spool: Spool) -> None:
        spool.prepare()
        Spool(beside, Full()).append([entry(1)])
        assert ids(spool.read().entries) == ["id-0001"]

    def test_beyond_it_all_or_nothing_is_added(self, beside: Path, spool: Spool) -> None:
        spool.append([entry(1)])
        size = spool.path.stat().st_size
        with pytest.raises(OSError, match="No space"):
            Spool(beside, Full()).append([entry(number, reason="x" * 1000) for number in range(2, 100)])
        kept = spool.read()
        assert (ids(kept.entries), kept.cut, spool.path.stat().st_size) == (["id-0001"], 0, size)


class TestJournal:
    def test_what_is_added_is_read_without_a_store(self, beside: Path) -> None:
        journal = journal_at(beside)
        journal.add([entry(1)])
        assert ids(journal.entries()) == ["id-0001"]
        assert not (beside.parent / "strangler.db").exists()

    def test_the_store_takes_it_once_and_the_spool_is_empty(self, beside: Path) -> None:
        journal = journal_at(beside)
        journal.add([entry(1), entry(2)])
        assert (journal.bring_in(), journal.bring_in(create=True), journal.bring_in()) == (0, 2, 0)
        assert journal.spooled() == []
        journal.add([entry(3)])
        assert ids(journal.entries()) == ["id-0001", "id-0002", "id-0003"]

    def test_entries_that_are_in_both_places_are_there_once(self, beside: Path) -> None:
        journal = journal_at(beside)
        journal.add([entry(1)])
        journal.bring_in(create=True)
        journal.spool.append([entry(1), entry(2)])
        assert ids(journal.entries()) == ["id-0001", "id-0002"]
        journal.bring_in()
        with_store = Store.open(f"sqlite:///{beside.parent}/strangler.db")
        assert ids(with_store.journal()) == ["id-0001", "id-0002"]
        with_store.close()

    def test_what_is_added_while_the_store_takes_the_rest_stays(self, beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        journal = journal_at(beside)
        journal.add([entry(1)])
        append = Store.append

        def slow(store: Store, entries: Any) -> None:
            append(store, entries)
            journal.spool.append([entry(2)])

        monkeypatch.setattr(Store, "append", slow)
        journal.bring_in(create=True)
        assert ids(journal.entries()) == ["id-0001", "id-0002"]

    def test_a_store_that_is_gone_is_not_made_anew_by_the_way(self, beside: Path) -> None:
        journal = journal_at(beside)
        journal.add([entry(1)])
        journal.bring_in(create=True)
        (beside.parent / "strangler.db").rename(beside.parent / "moved.db")
        journal.add([entry(2)])
        assert journal.bring_in() == 0
        (beside.parent / "moved.db").rename(beside.parent / "strangler.db")
        assert journal.bring_in() == 1
        assert ids(journal.entries()) == ["id-0001", "id-0002"]

    def test_without_a_spool_the_store_takes_it_at_once(self, beside: Path) -> None:
        journal = journal_at(beside)
        journal.spool.path.mkdir()
        journal.add([entry(1)])
        journal.spool.path.rmdir()
        assert ids(journal.entries()) == ["id-0001"]

    def test_without_either_it_says_so(self, beside: Path) -> None:
        journal = journal_at(beside)
        journal.spool.path.mkdir()
        (beside.parent / "strangler.db").write_text("no database")
        with pytest.raises(JournalError, match=r"cannot be written: .*Is a directory; store .*not a database"):
            journal.add([entry(1)])

    def test_nobody_says_what_is_in_a_journal_that_cannot_be_read(self, beside: Path) -> None:
        journal = journal_at(beside)
        journal.add([entry(1)])
        (beside.parent / "strangler.db").write_text("no database")
        with pytest.raises(DatabaseError):
            journal.entries()
        assert ids(journal.spooled()) == ["id-0001"]

    def test_cut_lines_are_said(self, beside: Path) -> None:
        complaints: list[str] = []
        journal = journal_at(beside, complaints)
        journal.add([entry(1)])
        journal.spool.path.write_bytes(journal.spool.path.read_bytes().rstrip(b"\n") + b'\n{"id":"x","ki')
        journal.bring_in(create=True)
        assert complaints == [f"{journal.spool.path}: 1 lines were cut by a crash and are left out of the journal"]
        assert ids(journal.entries()) == ["id-0001"]


class TestNames:
    @given(now=st.floats(0, 2**47 / 1000), chance=st.binary(min_size=10, max_size=10))
    def test_are_uuids_of_version_7(self, now: float, chance: bytes) -> None:
        made = UUID(name(now, chance))
        assert (made.version, made.variant, made.int >> 80) == (7, "specified in RFC 4122", int(now * 1000))

    @given(times=st.lists(st.integers(0, 2**47), min_size=2, unique=True))
    def test_are_in_the_order_of_time(self, times: list[int]) -> None:
        made = [name(at / 1000 + 0.0001, os.urandom(10)) for at in sorted(times)]
        assert made == sorted(made)

    def test_are_unique_within_a_moment(self) -> None:
        assert len({name(1.0, os.urandom(10)) for _ in range(10_000)}) == 10_000
