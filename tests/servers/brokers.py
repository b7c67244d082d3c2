"""Brokers for tests: those that the environment names, else our own in temporary folders, from what is installed.

STRANGLER_TEST_NATS (with JetStream, and a `max_payload` of 2 MiB at least), STRANGLER_TEST_REDIS and STRANGLER_TEST_RABBITMQ are
addresses as a sink is given them. What tests make there has a name of its own, and goes with them.

    python -m tests.servers.brokers rabbitmq COMMAND…       runs a command with one broker for all its test processes
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.servers.own import temporary, user
from tests.servers.port import free, wait_for

# Debian's rabbitmq-server on the path is a script around the real one, for its service.
_PLACES = ("/usr/lib/rabbitmq/bin", "/usr/sbin", "/usr/local/sbin")


@contextmanager
def serving(kind: str) -> Iterator[str | None]:
    """The address of a broker of this kind; None if there is none to be had."""
    program, start = _OWN[kind]
    found = shutil.which(program, path=os.pathsep.join((*_PLACES, os.environ.get("PATH", ""))))
    if named := os.environ.get(variable(kind)):
        yield named
    elif found is None:
        yield None
    else:
        with start(found) as address:
            yield address


def variable(kind: str) -> str:
    return f"STRANGLER_TEST_{kind.upper()}"


@contextmanager
def _nats(program: str) -> Iterator[str]:
    with temporary("nats", "nats") as folder:
        port = free()
        settings = {"listen": f"127.0.0.1:{port}", "max_payload": 8 << 20, "jetstream": {"store_dir": f"{folder}/store"}}
        (folder / "nats.conf").write_text(json.dumps(settings), encoding="utf-8")
        with _running("nats", folder, port, program, "-c", f"{folder}/nats.conf"):
            yield f"nats://127.0.0.1:{port}"


@contextmanager
def _redis(program: str) -> Iterator[str]:
    with temporary("redis", "redis") as folder:
        port = free()
        with _running(
            "redis", folder, port, program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""
        ):
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def _rabbitmq(program: str) -> Iterator[str]:
    """One that knows nobody: a node with a name server of its own, without plugins, and everything in its folder."""
    names_server = next(iter(sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))), Path("/usr/bin/epmd"))
    with temporary("rabbit", "rabbitmq") as folder:
        port, known_at = free(), free()
        (folder / "rabbit.conf").write_text(
            f"listeners.tcp.own = 127.0.0.1:{port}\nmax_message_size = {16 << 20}\n", encoding="utf-8"
        )
        (folder / "epmd").symlink_to(names_server)  # so that its command names the folder, and whoever ends servers finds it
        names = {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(known_at),
            "RABBITMQ_NODENAME": f"test{port}@localhost",
            "RABBITMQ_DIST_PORT": str(free()),
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbit.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/none",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
        }
        known = _running("rabbitmq", folder, known_at, f"{folder}/epmd", "-port", str(known_at), "-address", "127.0.0.1")
        with known, _running("rabbitmq", folder, port, program, **names):
            yield f"amqp://guest:guest@127.0.0.1:{port}/"


_OWN: dict[str, tuple[str, Callable[[str], AbstractContextManager[str]]]] = {
    "nats": ("nats-server", _nats),
    "redis": ("redis-server", _redis),
    "rabbitmq": ("rabbitmq-server", _rabbitmq),
}


@contextmanager
def _running(owner: str, folder: Path, port: int, *command: str, **names: str) -> Iterator[None]:
    with (folder / "said").open("ab") as said:
        process = subprocess.Popen(
            command,
            user=user(owner),
            cwd=folder,
            env={**os.environ, **names},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        wait_for(port, process)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _main(kind: str, *command: str) -> int:
    with serving(kind) as address:
        return subprocess.run(command, env={**os.environ, **({variable(kind): address} if address else {})}).returncode


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
