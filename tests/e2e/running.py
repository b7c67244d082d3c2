"""Real processes for end-to-end tests: started, known to be ready by a line they print, stopped."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STOP_SECONDS = 10


@contextmanager
def running(*arguments: str, ready: str, cwd: Path, environ: dict[str, str] | None = None) -> Iterator[str]:
    """Run ``python -m ARGUMENTS`` for the length of the block; gives the line that said it was ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=cwd, env={**os.environ, **(environ or {})}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = next((line for line in process.stdout if ready in line), None)
        assert line is not None, f"{arguments[0]} ended before it was ready"
        yield line.strip()
    finally:
        process.terminate()
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def url_in(line: str) -> str:
    """The URL that a ready line ends with."""
    return line.rpartition(" ")[2]


TRANSPARENT = (
    'version: 1\nlisten: [{{address: "{listen}"}}]\nadmin: {{address: "127.0.0.1:0"}}\n'
    'upstreams: {{legacy: {{url: "{legacy}"}}}}\nroutes: []\n'
)


@contextmanager
def shop_behind_proxy(folder: Path) -> Iterator[tuple[str, str]]:
    """The legacy shop and a proxy without routes before it: their addresses, directly and through the proxy."""
    with running("sample_legacy", "--port", "0", ready="ready on", cwd=folder) as line:
        legacy = url_in(line)
        (folder / "routes.yaml").write_text(TRANSPARENT.format(listen=f"127.0.0.1:{free_port()}", legacy=legacy))
        with running("strangler", "serve", ready="serves", cwd=folder) as line:
            yield legacy, url_in(line)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
