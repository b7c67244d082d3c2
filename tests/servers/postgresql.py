"""A PostgreSQL server for tests: somebody's, or one of our own in a temporary folder, from whatever is installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.own import run, temporary

VARIABLE = "STRANGLER_TEST_POSTGRESQL"
_PLACES = ("/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/pgsql-*")


class Server:
    """Databases can be made in it. `folder` is that of a server of our own, which can be stopped and started."""

    def __init__(self, url: str, folder: Path | None = None, programs: Path | None = None) -> None:
        self.url = url
        self.folder = folder
        self._programs = programs

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        self._control("start", "-l", f"{self.folder}/log", "-o", f"-c listen_addresses='' -k {self.folder} -c fsync=off")

    def _control(self, *arguments: str) -> None:
        assert self._programs
        run("postgres", str(self._programs / "pg_ctl"), "-D", f"{self.folder}/data", "-w", *arguments)


@contextmanager
def serving() -> Iterator[Server | None]:
    """The server that the environment names, else one of our own, else None."""
    programs = _programs()
    if os.environ.get(VARIABLE):
        yield Server(os.environ[VARIABLE])
    elif programs is None:
        yield None
    else:
        with _own(programs) as server:
            yield server


@contextmanager
def _own(programs: Path) -> Iterator[Server]:
    with temporary("pg", "postgres") as folder:
        run(
            "postgres",
            str(programs / "initdb"),
            "-D",
            f"{folder}/data",
            "-U",
            "strangler",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        )
        server = Server(f"postgresql+psycopg://strangler@/postgres?host={folder}", folder, programs)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _programs() -> Path | None:
    """The folder with initdb and pg_ctl. Debian keeps them off the path, and links there to what needs a cluster of its own."""
    found = [Path(name).resolve().parent for name in [shutil.which("initdb")] if name]
    found += sorted((path.parent for place in _PLACES for path in Path("/").glob(f"{place[1:]}/*/bin/initdb")), reverse=True)
    return next((folder for folder in found if (folder / "pg_ctl").exists()), None)
