"""A MariaDB server for tests: somebody's, or one of our own in a temporary folder, from whatever is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.own import run, temporary, user

VARIABLE = "STRANGLER_TEST_MARIADB"
_SETTINGS = (
    "--skip-networking",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-buffer-pool-size=64M",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
)
_STARTS = 60.0  # seconds


class Server:
    """Databases can be made in it. `folder` is that of a server of our own, which can be stopped, killed and started."""

    def __init__(self, url: str, folder: Path | None = None) -> None:
        self.url = url
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert self.folder
        log = (self.folder / "log").open("ab")
        command = [_program("mariadbd", "mysqld"), "--no-defaults", *_SETTINGS, f"--datadir={self.folder}/data"]
        # A server that starts deletes temporary tables in its folder for them: in a shared one, those of its neighbours.
        command += [f"--tmpdir={self.folder}"]
        command += [f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid"]
        self._process = subprocess.Popen(command, user=user("mysql"), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        self._await()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it: in good order, or (SIGKILL) not."""
        if self._process:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def _await(self) -> None:
        ends = time.monotonic() + _STARTS
        while not self._answers():
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < ends, "MariaDB does not answer"
            time.sleep(0.05)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(f"{self.folder}/socket") == 0


@contextmanager
def serving() -> Iterator[Server | None]:
    """The server that the environment names, else one of our own, else None."""
    if os.environ.get(VARIABLE):
        yield Server(os.environ[VARIABLE])
    elif not _program("mariadbd", "mysqld") or not _program("mariadb-install-db", "mysql_install_db"):
        yield None
    else:
        with _own() as server:
            yield server


@contextmanager
def _own() -> Iterator[Server]:
    with temporary("my", "mysql") as folder:
        install = _program("mariadb-install-db", "mysql_install_db")
        run(
            "mysql",
            install,
            "--no-defaults",
            f"--datadir={folder}/data",
            f"--tmpdir={folder}",  # as in `start`
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )
        server = Server(f"mariadb+pymysql://root@/mysql?unix_socket={folder}/socket", folder)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGKILL)


def _program(*names: str) -> str:
    places = (os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin")
    return next((found for name in names if (found := shutil.which(name, path=os.pathsep.join(places)))), "")
