"""The file on disk: old or new, never between, and never somebody else's work undone."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import multiprocessing
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from strangler.config.edit import Change, edit
from strangler.config.file import (
    BusyError,
    ConflictError,
    Disk,
    FileError,
    NoRoomError,
    Snapshot,
    _locked,
    filled,
    overwrite,
    put,
    read,
    turn,
    write,
)
from strangler.core.model import Stage
from strangler.core.spec.node import DocumentError
from strangler.core.units import Seconds, Share

OLD, NEW = "routes: []  # old\n", "routes: []  # new\n"
FORK = multiprocessing.get_context("fork")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(OLD)
    return path


def names(path: Path) -> set[str]:
    """What stands in the folder, but for the lock, which stays."""
    return {name for name in os.listdir(path.parent) if not name.endswith(".lock")}


class TestReadAndWrite:
    def test_replaces_the_text_and_leaves_nothing_else_behind(self, path: Path) -> None:
        written = write(read(path), NEW)
        assert path.read_text() == NEW
        assert names(path) == {"routes.yaml"}
        assert written == read(path)

    def test_keeps_a_byte_order_mark_and_line_ends(self, path: Path) -> None:
        path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\n")
        snapshot = read(path)
        assert snapshot.text == "\ufeffa: 1\r\nb: 2\n"
        write(snapshot, snapshot.text.replace("1", "3"))
        assert path.read_bytes() == b"\xef\xbb\xbfa: 3\r\nb: 2\n"

    def test_the_same_text_is_not_written(self, path: Path) -> None:
        before = path.stat()
        write(read(path), OLD)
        assert path.stat() == before

    def test_the_revision_names_the_content(self, path: Path) -> None:
        before = read(path)
        after = write(before, NEW)
        assert before.revision != after.revision == read(path).revision

    def test_one_snapshot_after_another(self, path: Path) -> None:
        snapshot = read(path)
        for count in range(5):
            snapshot = write(snapshot, f"count: {count}\n")
        assert path.read_text() == "count: 4\n"

    def test_keeps_the_mode(self, path: Path) -> None:
        path.chmod(0o2640)
        write(read(path), NEW)
        assert stat.S_IMODE(path.stat().st_mode) == 0o2640

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
    def test_keeps_the_owner(self, path: Path) -> None:
        os.chown(path, 12345, 23456)
        write(read(path), NEW)
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)

    def test_keeps_extended_attributes(self, path: Path) -> None:
        try:
            os.setxattr(path, "user.origin", b"by hand")
        except OSError:
            pytest.skip("this file system has no extended attributes")
        write(read(path), NEW)
        assert os.getxattr(path, "user.origin") == b"by hand"

    def test_follows_symbolic_links_and_keeps_them(self, path: Path, tmp_path: Path) -> None:
        (tmp_path / "etc").mkdir()
        link, second = tmp_path / "etc" / "link.yaml", tmp_path / "second.yaml"
        link.symlink_to("../routes.yaml")
        second.symlink_to(link)
        write(read(second), NEW)
        assert second.is_symlink()
        assert link.is_symlink()
        assert not path.is_symlink()
        assert path.read_text() == NEW
        assert os.listdir(link.parent) == ["link.yaml"]  # lock and temporary file stand beside the real one

    def test_sweeps_what_killed_writers_left_and_nothing_else(self, path: Path) -> None:
        (path.parent / ".routes.yaml.0123456789abcdef.tmp").write_text("half")
        kept = {".routes.yaml.swp", ".other.yaml.0123456789abcdef.tmp", ".routes.yaml.0123456789abcdef.tmp~"}
        for name in kept:
            (path.parent / name).write_text("not ours")
        write(read(path), NEW)
        assert names(path) == {"routes.yaml", *kept}


class TestConflict:
    def test_a_change_since_the_read_is_not_overwritten(self, path: Path) -> None:
        snapshot = read(path)
        path.write_text("mine\n")
        with pytest.raises(ConflictError, match=r"routes\.yaml was changed by someone else: look at it and flip again"):
            write(snapshot, NEW)
        assert path.read_text() == "mine\n"
        assert names(path) == {"routes.yaml"}

    def test_a_change_while_the_new_file_is_written_is_not_overwritten(self, path: Path) -> None:
        class Editor(Disk):
            def sync(self, file: int) -> None:
                path.write_text("mine\n")

        with pytest.raises(ConflictError):
            write(read(path), NEW, disk=Editor())
        assert path.read_text() == "mine\n"
        assert names(path) == {"routes.yaml"}

    def test_a_mode_that_changes_meanwhile_is_not_lost(self, path: Path) -> None:
        class Admin(Disk):
            def sync(self, file: int) -> None:
                path.chmod(0o600)

        path.chmod(0o644)
        with pytest.raises(ConflictError):
            write(read(path), NEW, disk=Admin())

    def test_the_same_content_saved_again_is_no_conflict(self, path: Path) -> None:
        snapshot = read(path)
        path.unlink()
        path.write_text(OLD)
        write(snapshot, NEW)
        assert path.read_text() == NEW

    def test_a_file_that_is_gone(self, path: Path) -> None:
        snapshot = read(path)
        path.unlink()
        with pytest.raises(ConflictError):
            write(snapshot, NEW)
        assert not path.exists()

    def test_a_link_that_leads_elsewhere_by_now(self, path: Path, tmp_path: Path) -> None:
        link = tmp_path / "link.yaml"
        link.symlink_to(path)
        snapshot = read(link)
        (tmp_path / "other.yaml").write_text(OLD)
        link.unlink()
        link.symlink_to("other.yaml")
        with pytest.raises(ConflictError):
            write(snapshot, NEW)


class TestLock:
    def test_names_the_holder_and_gives_up(self, path: Path) -> None:
        snapshot = read(path)
        message = f"is being written by process {os.getpid()}: "
        with _locked(snapshot, Seconds(0)), pytest.raises(BusyError, match=message):
            write(snapshot, NEW, wait=Seconds(0.05))
        assert path.read_text() == OLD

    def test_is_free_again_after_a_failure(self, path: Path) -> None:
        snapshot = read(path)
        with pytest.raises(FileError):
            write(snapshot, NEW, disk=failing("replace", errno.EIO))
        write(snapshot, NEW, wait=Seconds(0))
        assert path.read_text() == NEW

    def test_a_removed_lock_file_is_not_a_lock(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Removed between opening and locking: the next one would make a new file and hold that."""
        lock, flock, locked = path.parent / ".routes.yaml.lock", fcntl.flock, []

        def remove_first(file: int, operation: int) -> None:
            flock(file, operation)
            locked.append(os.fstat(file).st_ino)
            if len(locked) == 1:
                lock.rename(lock.with_suffix(".gone"))

        monkeypatch.setattr("fcntl.flock", remove_first)
        write(read(path), NEW)
        assert len(set(locked)) == 2
        assert lock.stat().st_ino == locked[1]

    def test_whoever_may_write_the_file_may_take_the_lock(self, path: Path) -> None:
        path.chmod(0o664)
        write(read(path), NEW)
        assert stat.S_IMODE((path.parent / ".routes.yaml.lock").stat().st_mode) == 0o664


def failing(call: str, number: int) -> Disk:
    """A disk on which one call fails."""

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    disk = Disk()
    for name in ("replace", "exchange") if call == "replace" else (call,):
        setattr(disk, name, fail)
    return disk


class TestFailure:
    @pytest.mark.parametrize(
        ("call", "number", "message"),
        [
            ("create", errno.EROFS, "is on a read-only mount: change it where it comes from"),
            ("create", errno.EACCES, "the folder of .* may not be written by this user"),
            ("create", errno.ENOSPC, "no space left for .*, which is as it was: make room"),
            ("write", errno.ENOSPC, "no space left for .*, which is as it was: make room"),
            ("write", errno.EDQUOT, "no space left"),
            ("write", errno.EIO, "cannot be written, and is as it was: Input/output error"),
            ("sync", errno.EIO, "cannot be written, and is as it was: Input/output error"),
            ("replace", errno.EBUSY, "is mounted by itself and cannot be replaced: mount its folder"),
            ("replace", errno.EXDEV, "is mounted by itself and cannot be replaced: mount its folder"),
            ("replace", errno.EPERM, "may not be written by this user"),
        ],
    )
    def test_one_line_that_says_what_to_do(self, path: Path, call: str, number: int, message: str) -> None:
        with pytest.raises(FileError, match=message) as caught:
            write(read(path), NEW, disk=failing(call, number))
        assert "\n" not in str(caught.value)
        assert path.read_text() == OLD
        assert names(path) == {"routes.yaml"}

    def test_an_interrupt_leaves_nothing_behind(self, path: Path) -> None:
        class Interrupted(Disk):
            def sync(self, file: int) -> None:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write(read(path), NEW, disk=Interrupted())
        assert names(path) == {"routes.yaml"}

    def test_short_writes_are_continued(self, path: Path) -> None:
        class Slow(Disk):
            def write(self, file: int, data: bytes) -> int:
                return super().write(file, data[:3])

        write(read(path), NEW, disk=Slow())
        assert path.read_text() == NEW

    def test_a_folder_that_cannot_be_synced_says_that_the_file_was_written(self, path: Path) -> None:
        class Folders(Disk):
            def __init__(self, number: int) -> None:
                self.number = number

            def sync(self, file: int) -> None:
                if stat.S_ISDIR(os.fstat(file).st_mode):
                    raise OSError(self.number, "no")

        with pytest.raises(FileError, match="was written, but may not survive"):
            write(read(path), NEW, disk=Folders(errno.EIO))
        assert path.read_text() == NEW
        write(read(path), OLD, disk=Folders(errno.EINVAL))  # some file systems have no such call
        assert path.read_text() == OLD

    def test_a_file_without_write_permission_is_meant_to_stay_even_for_root(self, path: Path) -> None:
        path.chmod(0o444)
        with pytest.raises(FileError, match="is read-only: run chmod u\\+w"):
            write(read(path), NEW)
        assert path.read_text() == OLD

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders: what is refused to others cannot be seen")
    def test_a_read_only_folder(self, path: Path) -> None:
        path.parent.chmod(0o555)
        try:
            with pytest.raises(FileError, match="the folder of"):
                write(read(path), NEW)
        finally:
            path.parent.chmod(0o755)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
    def test_an_owner_that_cannot_be_kept(self, path: Path) -> None:
        os.chown(path, 12345, 12345)
        with pytest.raises(FileError, match="belongs to user 12345, group 12345, which would be lost"):
            write(read(path), NEW, disk=failing("chown", errno.EPERM))
        assert path.read_text() == OLD
        assert names(path) == {"routes.yaml"}

    def test_not_a_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "circle").symlink_to("circle")
        (tmp_path / "dangling").symlink_to("nowhere")
        for place, message in {
            tmp_path / "missing": "does not exist: write it",
            tmp_path / "dangling": "does not exist: write it",
            tmp_path / "pipe" / "x": "does not exist: write it",
            tmp_path: "is a folder: name the file in it",
            tmp_path / "pipe": "is not a regular file",
            Path("/dev/null"): "is not a regular file",
            tmp_path / "circle": "leads in a circle",
        }.items():
            with pytest.raises(FileError, match=message):
                read(place)

    def test_not_text(self, path: Path) -> None:
        path.write_bytes(b"ok: 1\n\xff")
        with pytest.raises(DocumentError, match="not UTF-8"):
            read(path)


@contextlib.contextmanager
def mounted(target: Path, *arguments: str) -> Iterator[None]:
    """A real mount, where the machine allows one."""
    if subprocess.run(["mount", *arguments, str(target)], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed on this machine")
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
class TestMounts:
    def test_a_file_mounted_by_itself(self, path: Path, tmp_path: Path) -> None:
        inside = tmp_path / "container" / "routes.yaml"
        inside.parent.mkdir()
        inside.touch()
        with mounted(inside, "--bind", str(path)):
            with pytest.raises(FileError, match="is mounted by itself"):
                write(read(inside), NEW)
            assert names(inside) == {"routes.yaml"}
        assert path.read_text() == OLD

    def test_a_read_only_mount(self, tmp_path: Path) -> None:
        with mounted(tmp_path, "-t", "tmpfs", "-o", "size=64k", "tmpfs"):
            path = tmp_path / "routes.yaml"
            path.write_text(OLD)
            subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
            with pytest.raises(FileError, match="is on a read-only mount"):
                write(read(path), NEW)

    def test_a_full_disk(self, tmp_path: Path) -> None:
        with mounted(tmp_path, "-t", "tmpfs", "-o", "size=64k", "tmpfs"):
            path = tmp_path / "routes.yaml"
            path.write_text(OLD)
            with pytest.raises(FileError, match="no space left"):
                write(read(path), NEW * 10_000)
            assert path.read_text() == OLD
            assert names(path) == {"routes.yaml"}
            write(read(path), NEW)


def flip_many(path: Path, route: str, times: int) -> None:
    """Raise a route's weight by steps; whoever loses a race looks again, and must find there what it wrote last."""
    done = 0
    while done < times:
        snapshot = read(path)
        assert edit(snapshot.text, [Change(route, weight=Share(done / times))]) == snapshot.text
        with contextlib.suppress(ConflictError):
            write(snapshot, edit(snapshot.text, [Change(route, weight=Share((done + 1) / times))]))
            done += 1


def join(process: multiprocessing.process.BaseProcess) -> int | None:
    process.join(60)
    assert not process.is_alive()
    return process.exitcode


class TestRace:
    def test_nothing_is_lost_between_two_writers(self, path: Path) -> None:
        path.write_text("routes:\n- name: a\n  match: {path: /a}\n- {name: b, match: {path: /b}}\n")
        processes = [FORK.Process(target=flip_many, args=(path, route, 100)) for route in ("a", "b")]
        for process in processes:
            process.start()
        assert [join(process) for process in processes] == [0, 0]
        text = path.read_text()
        assert text == "routes:\n- name: a\n  match: {path: /a}\n  weight: 100%\n- {name: b, match: {path: /b}, weight: 100%}\n"

    def test_of_two_that_read_the_same_one_wins(self, path: Path) -> None:
        snapshots: list[Snapshot] = [read(path), read(path)]
        write(snapshots[0], NEW)
        with pytest.raises(ConflictError):
            write(snapshots[1], "routes: []  # newer\n")


def write_for_ever(path: Path) -> None:
    texts = [body(stage) for stage in (Stage.CANARY, Stage.SHADOW)]
    while True:
        for text in texts:
            write(read(path), text)


def body(stage: Stage) -> str:
    """Large enough that a kill may fall inside the write."""
    return f"routes:\n- name: a\n  stage: {stage}\n" + "# a comment that fills the file\n" * 20_000


def test_killed_at_any_point_the_file_is_old_or_new_and_the_lock_is_free(path: Path) -> None:
    random, valid = Random(1), {body(Stage.CANARY), body(Stage.SHADOW)}
    path.write_text(body(Stage.SHADOW))
    for _ in range(20):
        process = FORK.Process(target=write_for_ever, args=(path,))
        process.start()
        join_after(process, random.uniform(0.005, 0.05))
        assert path.read_text() in valid
        snapshot = read(path)
        write(snapshot, body(Stage.CANARY if "stage: shadow" in snapshot.text else Stage.SHADOW), wait=Seconds(1))
        assert names(path) == {"routes.yaml"}  # what the killed one left has been swept
        assert path.read_text() in valid


def join_after(process: multiprocessing.process.BaseProcess, seconds: float) -> None:
    """Kill a process that works for this long; the draw of the point, not the time, is what the test is about."""
    process.join(seconds)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    assert join(process) == -signal.SIGKILL


class Full(Disk):
    """A disk with no room for another file, nor for so many bytes more in this one."""

    def __init__(self, slack: int = 0) -> None:
        self.slack = slack
        self.writes: list[int] = []

    def create(self, path: Path) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(self, file: int, data: bytes) -> int:
        beyond = os.lseek(file, 0, os.SEEK_CUR) + len(data) - os.fstat(file).st_size
        if beyond > self.slack:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.slack -= max(beyond, 0)
        self.writes.append(len(data))
        return super().write(file, data)


ROUTES = """\
version: 1
defaults: {stage: shadow}
routes:
  - {name: a, match: {path: /a}, stage: canary, weight: 25%}  # who
  - name: b
    match: {path: /b}
    stage: modern\r
    weight: 12.5%
  - {name: c, match: {path: /c}}
"""


class TestOverwrite:
    @pytest.mark.parametrize(
        ("changes", "bytes_written"),
        [
            ([Change("a", stage=Stage.SHADOW)], 6),
            ([Change("b", stage=Stage.LEGACY)], 6),
            ([Change("a", weight=Share(0.0))], 11),
            ([Change("a", weight=Share(0.01)), Change("b", weight=Share(0.0))], None),
            ([Change("a", stage=Stage.LEGACY), Change("b", stage=Stage.SHADOW)], None),
        ],
    )
    def test_needs_no_room_for_what_is_not_longer(self, path: Path, changes: list[Change], bytes_written: int | None) -> None:
        path.write_bytes(ROUTES.encode())
        inode, wanted = path.stat(), edit(ROUTES, changes)
        disk, snapshot = Full(), read(path)
        with turn(snapshot):
            with pytest.raises(NoRoomError):
                put(snapshot, wanted, disk=disk)
            written = overwrite(snapshot, wanted, disk=disk)
        assert written == read(path)
        assert (path.stat().st_ino, path.stat().st_size) == (inode.st_ino, inode.st_size)
        assert [line.rstrip() for line in written.text.splitlines()] == [line.rstrip() for line in wanted.splitlines()]
        assert edit(written.text, changes) == written.text, "it has what was asked for"
        assert disk.writes if bytes_written is None else disk.writes == [bytes_written]

    def test_takes_the_room_it_needs_before_it_changes_anything(self, path: Path) -> None:
        path.write_text(ROUTES)
        wanted = edit(path.read_text(), [Change("c", stage=Stage.LEGACY)])
        with turn(read(path)):
            with pytest.raises(NoRoomError, match="no space left"):
                overwrite(read(path), wanted, disk=Full(3))
            assert path.read_text() == ROUTES.replace("\r", "")
            overwrite(read(path), wanted, disk=Full(100))
        assert path.read_text() == wanted

    def test_what_is_shorter_by_lines_ends_with_empty_ones(self) -> None:
        assert filled(b"a\nb\nc\n", b"a\nc\n") == b"a\nc\n\n\n"

    def test_what_was_changed_meanwhile_is_left_alone(self, path: Path) -> None:
        snapshot = read(path)
        path.write_text("mine: 1\n")
        with turn(snapshot), pytest.raises(ConflictError):
            overwrite(snapshot, NEW)
        assert path.read_text() == "mine: 1\n"

    def test_a_read_only_file_is_left_alone(self, path: Path) -> None:
        path.chmod(0o444)
        with turn(read(path)), pytest.raises(FileError, match="is read-only"):
            overwrite(read(path), NEW)
        assert path.read_text() == OLD


@pytest.mark.parametrize("writing", [put, overwrite])
class TestIntention:
    def test_is_said_when_nothing_but_the_change_is_left_to_do(self, path: Path, writing: Callable[..., Snapshot]) -> None:
        said: list[tuple[bytes, str]] = []
        with turn(read(path)):
            writing(read(path), NEW, intend=lambda data: said.append((data, path.read_text())))
        assert said == [(NEW.encode(), OLD)]

    def test_what_it_raises_leaves_all_as_it_was(self, path: Path, writing: Callable[..., Snapshot]) -> None:
        def refuse(_: bytes) -> None:
            raise FileError("not now")

        with turn(read(path)), pytest.raises(FileError, match="not now"):
            writing(read(path), NEW, intend=refuse)
        assert (path.read_text(), names(path)) == (OLD, {"routes.yaml"})

    def test_a_save_in_the_last_moment_is_not_lost(self, path: Path, writing: Callable[..., Snapshot]) -> None:
        with turn(read(path)), pytest.raises(ConflictError):
            writing(read(path), NEW, intend=lambda _: path.write_text("mine: 1\n"))
        assert path.read_text() == "mine: 1\n"


class Saving(Disk):
    """Saves come in the last moment, before each exchange."""

    def __init__(self, path: Path, *texts: str, able: bool = True) -> None:
        self.path, self.texts, self.able = path, list(texts), able

    def exchange(self, source: Path, target: Path) -> None:
        if not self.able:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if self.texts:
            beside = self.path.with_name("editor")
            beside.write_text(self.texts.pop(0))
            beside.replace(self.path)
        super().exchange(source, target)


class TestLastMoment:
    @pytest.mark.parametrize("saves", [["mine 1\n"], ["mine 1\n", "mine 2\n"], ["mine 1\n", "mine 2\n", "mine 3\n"]])
    def test_the_last_save_is_not_lost(self, path: Path, saves: list[str]) -> None:
        with pytest.raises(ConflictError):
            write(read(path), NEW, disk=Saving(path, *saves))
        assert (path.read_text(), names(path)) == (saves[-1], {"routes.yaml"})

    def test_the_same_saved_again_is_none(self, path: Path) -> None:
        write(read(path), NEW, disk=Saving(path, OLD))
        assert (path.read_text(), names(path)) == (NEW, {"routes.yaml"})

    def test_a_file_that_is_gone_is_not_made_anew(self, path: Path) -> None:
        class Removing(Disk):
            def exchange(self, source: Path, target: Path) -> None:
                path.unlink()
                super().exchange(source, target)

        with pytest.raises(ConflictError):
            write(read(path), NEW, disk=Removing())
        assert names(path) == set()

    def test_where_there_is_no_exchange_it_is_renamed(self, path: Path) -> None:
        write(read(path), NEW, disk=Saving(path, able=False))
        assert (path.read_text(), names(path)) == (NEW, {"routes.yaml"})


def test_a_turn_keeps_others_out(path: Path) -> None:
    with turn(read(path)), pytest.raises(BusyError):
        write(read(path), NEW, wait=Seconds(0))
    write(read(path), NEW, wait=Seconds(0))
    assert path.read_text() == NEW
