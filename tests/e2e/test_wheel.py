"""A stranger's first commands: the wheel in a fresh virtual environment, an empty folder. Its demo is in `test_demo`."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e import wheel


@pytest.fixture(scope="module")
def strangler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.install(tmp_path_factory.mktemp("fresh"))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["schema"]])
def test_commands_work_from_the_wheel(strangler: Path, tmp_path: Path, arguments: list[str]) -> None:
    result = subprocess.run([strangler, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_check_without_a_file_says_what_to_do(strangler: Path, tmp_path: Path) -> None:
    result = subprocess.run([strangler, "check"], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("strangler: routes.yaml does not exist: ")
    assert result.stderr.count("\n") == 1
