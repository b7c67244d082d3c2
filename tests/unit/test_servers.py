"""Nothing is left of a server that tests started, however they end."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import watcher

ROOT = Path(__file__).parents[2]
SECONDS = 60.0  # that it may take on a busy machine
TESTS = """
import subprocess, sys
from tests.servers.own import temporary

with temporary("of_a_test") as folder:
    server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(folder / "data")])
    print(folder, flush=True)
    sys.stdin.read()
    if "orderly" in sys.argv:
        server.kill()
"""


@pytest.mark.parametrize("how", ["orderly", "killed"])
def test_a_server_ends_with_its_tests_and_its_folder_is_removed(how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TESTS, how], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as tests:
        assert tests.stdout is not None
        folder = Path(tests.stdout.readline().strip())
        assert folder.is_dir()
        assert len(watcher.naming(f"{folder}/data")) == 1
        if how == "killed":
            tests.kill()
    ends = time.monotonic() + SECONDS
    while (folder.exists() or watcher.naming(str(folder))) and time.monotonic() < ends:
        time.sleep(0.02)
    assert (folder.exists(), watcher.naming(str(folder))) == (False, [])
