"""The programs as a parent process meets them, with real sockets."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

PROGRAMS = ("sample_legacy", "sample_modern")


def command(program: str, folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", program, "--port", "0", "--database", f"sqlite:///{folder}/{program}.db", *more]


@contextmanager
def started(program: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(command(program, folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ready = re.fullmatch(rf"{program} ready on (http://127\.0\.0\.1:\d+)\n", process.stdout.readline())
        assert ready
        yield process, ready[1]
        process.kill()


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_says_when_it_is_ready_and_leaves_when_told(program: str, tmp_path: Path) -> None:
    with started(program, tmp_path) as (process, url):
        with httpx.Client(base_url=url, trust_env=False) as client, client.stream("GET", "/events?interval=3600") as feed:
            lines = feed.iter_lines()  # kept, or it would hang up when it is thrown away
            assert next(lines) == "retry: 2000"
            assert client.get("/healthz").json() == {"status": "ok"}
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 0  # although someone is listening
        assert process.stderr
        assert process.stderr.read() == ""


@pytest.mark.parametrize("program", PROGRAMS)
def test_init_only(program: str, tmp_path: Path) -> None:
    assert subprocess.run(command(program, tmp_path, "--init-only"), check=True, capture_output=True).stdout == b""
    assert (tmp_path / f"{program}.db").stat().st_size > 10_000


def refusal(program: str, folder: Path, *more: str) -> tuple[int, str]:
    done = subprocess.run(command(program, folder, *more), capture_output=True, text=True, timeout=10)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


def test_what_cannot_be_done_is_said_in_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert refusal("sample_legacy", tmp_path, "--port", port) == (
            4,
            f"sample_legacy: cannot listen on 127.0.0.1:{port}: Address already in use",
        )
    code, line = refusal("sample_modern", tmp_path, "--planted", "nonsense")
    assert (code, "no such planted difference: nonsense" in line) == (2, True)
    code, line = refusal("sample_modern", tmp_path, "--seed-tables", "nonsense")
    assert (code, "no such table: nonsense" in line) == (2, True)
    code, line = refusal("sample_legacy", tmp_path, "--database", "sqlite:////nowhere/at/all.db")
    assert (code, "the database cannot be used" in line) == (5, True)


def test_traffic_as_a_program(tmp_path: Path) -> None:
    traffic = [sys.executable, "-m", "sample_legacy.traffic", "--requests", "40", "--rate", "0"]
    with started("sample_legacy", tmp_path) as (_, url):
        done = subprocess.run([*traffic, "--url", url], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.startswith("40 requests in ")
    nobody = subprocess.run([*traffic, "--url", "http://127.0.0.1:1"], capture_output=True, text=True, timeout=20)
    assert (nobody.returncode, nobody.stderr.startswith("cannot reach")) == (4, True)
