"""One large body each way over HTTP/2, by `engine: mitmproxy`, and a reader that stops: what the worker's memory does meanwhile.

python -m benchmarks.http2              1 GiB each; exit code 3 if the worker needs more than it may, or bytes differ

The client is curl, which has to speak HTTP/2. The rest is `benchmarks.streams`.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from benchmarks import contenders
from benchmarks.processes import running, workers
from benchmarks.streams import ALLOWED_MIB, Outcome, Transfer, body, measure

_MIB = 2**20


class Curled(Transfer):
    """One body by curl, without TLS, which has nothing to do with frames."""

    def client(self, port: int) -> None:
        with self._curl(port) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if self.upload:
                for piece in body(self.size, self.sent):
                    process.stdin.write(piece)
            process.stdin.close()
            if not self.upload:
                self.go.wait()
            while piece := process.stdout.read(65536):
                self.taken.add(piece)
        if process.returncode:
            raise ValueError(f"curl ended with exit code {process.returncode}")

    @contextmanager
    def _curl(self, port: int) -> Iterator[subprocess.Popen[bytes]]:
        command = ["curl", "--silent", "--show-error", "--fail", "--http2-prior-knowledge", f"http://127.0.0.1:{port}/"]
        command += ["--upload-file", "-"] if self.upload else []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            yield process


def run(size: int) -> list[Outcome]:
    """All transfers, one after the other, through one worker."""
    with tempfile.TemporaryDirectory(prefix="strangler-benchmark-") as name, socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = contenders.strangler("strangler", Path(name), listener.getsockname()[1], 10, engine="mitmproxy")
        with running(proxy.command, port=proxy.port, folder=Path(name)) as root:
            Curled(_MIB, True, True).through(proxy.port, listener)  # the worker is up, and has what one request needs
            [pid] = workers(root)
            outcomes = []
            for upload, slow in ((True, False), (True, True), (False, False), (False, True)):
                words = ("upload" if upload else "download", "slow reader" if slow else "")
                made = Curled(size, upload, True)
                outcomes.append(measure(", ".join(filter(None, words)), pid, proxy.port, listener, made, slow))
                click.echo(outcomes[-1])
            return outcomes


@click.command()
@click.option("--mib", type=click.IntRange(64, 16_384), default=1024, show_default=True, help="Size of each body.")
def main(mib: int) -> None:
    """Send large bodies over HTTP/2. Exit code 3 if the worker needs too much memory, a sender is not slowed, or bytes differ."""
    click.echo(f"{mib} MiB each; peak of the worker's resident memory over that at rest, at most {ALLOWED_MIB:g} MiB:")
    sys.exit(0 if all(outcome.good for outcome in run(mib * _MIB)) else 3)


if __name__ == "__main__":
    main()
