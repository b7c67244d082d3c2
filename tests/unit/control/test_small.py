"""Decisions of the supervisor and of the admin address that need no process."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from strangler.control import runtime
from strangler.control.crew import SLOWEST, pause
from strangler.control.hosts import allowed
from strangler.control.loop import Loop
from strangler.control.readiness import reasons_not_ready
from strangler.control.runtime import TakenError
from strangler.control.watch import signature
from strangler.core.errors import UsageError
from strangler.core.model import Address

ADDRESS = Address("127.0.0.1", 8080)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_pauses_grow_from_none_to_a_bound() -> None:
    assert [pause(deaths) for deaths in (1, 2, 3, 4, 5, 9, 10, 1000)] == [0, 0.25, 0.5, 1, 2, 30, 30, SLOWEST]


@pytest.mark.parametrize(
    ("host", "configured", "answered"),
    [
        ("127.0.0.1:8081", ["127.0.0.1"], True),
        ("localhost", ["127.0.0.1"], True),
        ("[::1]:8081", ["127.0.0.1"], True),
        ("admin.example.org:8081", ["admin.example.org"], True),
        ("ADMIN.example.org.", ["admin.example.org"], True),
        ("evil.example", ["127.0.0.1"], False),
        ("127.0.0.1.evil.example", ["127.0.0.1"], False),
        ("evil.example:127.0.0.1", ["127.0.0.1"], False),
        ("192.0.2.1", ["127.0.0.1"], False),
        ("192.0.2.1:8081", ["0.0.0.0"], True),
        ("[2001:db8::1]:8081", ["::"], True),
        ("evil.example", ["0.0.0.0"], False),
        ("", ["127.0.0.1"], False),
        ("[::1", ["127.0.0.1"], True),
    ],
)
def test_which_hosts_are_answered(host: str, configured: list[str], answered: bool) -> None:
    assert allowed(host, configured) is answered


@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        ({"crew": [], "revision": 0, "stopping": False}, ["starting: the supervisor has not said anything yet"]),
        (
            {"crew": [{"name": "worker 1", "revision": 2}, {"name": "control", "revision": 0}], "revision": 2, "stopping": False},
            [],
        ),
        ({"crew": [{"name": "worker 1", "revision": 0}], "revision": 2, "stopping": False}, ["worker 1 does not serve yet"]),
        (
            {"crew": [{"name": "worker 1", "revision": 1}], "revision": 2, "stopping": True},
            ["stopping: requests in flight are being finished", "worker 1 serves revision 1, the latest is 2"],
        ),
    ],
)
def test_why_not_ready(state: dict[str, object], reasons: list[str]) -> None:
    assert reasons_not_ready(state) == reasons


def test_a_lock_has_one_holder_who_is_named(folder: Path) -> None:
    lock = runtime.lock(ADDRESS)
    lock.sign()
    with pytest.raises(TakenError, match=f"127.0.0.1:8080 is served already by strangler, pid {os.getpid()}: "):
        runtime.lock(ADDRESS)
    lock.release()
    again = runtime.lock(ADDRESS)
    assert not again.left
    again.release()
    runtime.tidy()
    assert list(folder.iterdir()) == []


def test_a_file_that_a_killed_holder_left_behind_means_nothing(folder: Path) -> None:
    program = "from strangler.control import runtime; from strangler.core.model import Address; import os\n"
    program += "runtime.lock(Address('127.0.0.1', 8080)).sign(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", program], env={**os.environ, "XDG_RUNTIME_DIR": str(folder)})
    lock = runtime.lock(ADDRESS)
    assert lock.left, "its children may still be going"
    lock.release()


def test_a_lock_that_was_handed_on_is_never_free(folder: Path) -> None:
    lock = runtime.lock(ADDRESS)
    heir = os.dup(lock.descriptor)
    lock.close()
    with pytest.raises(TakenError):
        runtime.lock(ADDRESS)
    os.close(heir)


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_no_lock(folder: Path) -> None:
    first = runtime.lock(ADDRESS)
    waiting = os.open(first.path, os.O_RDWR)
    first.release()
    fcntl.flock(waiting, fcntl.LOCK_EX)  # too late: the file has no name any more
    second = runtime.lock(ADDRESS)
    assert os.path.exists(second.path)
    second.release()
    os.close(waiting)


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_folder_that_others_may_enter_is_refused(folder: Path, mode: int) -> None:
    made = folder / f"strangler-{os.geteuid()}"
    made.mkdir()
    made.chmod(mode)
    with pytest.raises(UsageError, match="is not a private folder"):
        runtime.folder()


def test_a_folder_that_is_a_link_is_refused(folder: Path) -> None:
    (folder / "elsewhere").mkdir(mode=0o700)
    (folder / f"strangler-{os.geteuid()}").symlink_to(folder / "elsewhere")
    with pytest.raises(UsageError, match="is not a private folder"):
        runtime.folder()


def test_doors_of_the_dead_are_swept(folder: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    for place in (runtime.door_of, runtime.pairs_of):
        Path(place(process.pid)).touch()
    Path(runtime.door_of(os.getpid())).touch()
    runtime.tidy()
    assert [path.name for path in (folder / f"strangler-{os.geteuid()}").iterdir()] == [f"{os.getpid()}.sock"]


def test_a_change_shows_and_a_missing_file_is_none(tmp_path: Path) -> None:
    file = tmp_path / "routes.yaml"
    assert signature(file) is None
    file.write_text("a")
    first = signature(file)
    (tmp_path / "new").write_text("a")
    (tmp_path / "new").replace(file)
    assert first is not None
    assert signature(file) != first


def test_timers_ring_in_order_and_a_cancelled_one_does_not() -> None:
    loop, rung = Loop(), list[str]()
    loop.after(0.02, lambda: rung.append("second"))
    loop.after(0.01, lambda: rung.append("first"))
    loop.after(0, lambda: rung.append("never")).cancel()
    loop.run(lambda: len(rung) == 2)
    loop.close()
    assert rung == ["first", "second"]


def test_the_supervisor_imports_nothing_heavy() -> None:
    """It must not be what the machine runs out of memory for, and it starts while nobody serves yet."""
    program = "import sys, strangler.cli.serve; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"asyncio", "uvloop", "httptools", "yaml", "ssl", "starlette", "uvicorn", "sqlalchemy", "rich", "pickle", "ctypes"}
    assert heavy.intersection(modules) == set()
    assert not any(module.startswith(("strangler.config", "strangler.proxy")) for module in modules)
