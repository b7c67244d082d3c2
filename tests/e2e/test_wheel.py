"""A stranger's first minute: the wheel in a fresh virtual environment, an empty folder, no server anywhere."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def strangler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `strangler` command of a fresh environment that has the wheel; dependencies are taken from ours."""
    folder = tmp_path_factory.mktemp("fresh")
    pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv/bin/python"
    pip("--python", str(python), "install", "--no-deps", *map(str, folder.glob("*.whl")))
    site = subprocess.run(
        [python, "-c", "import site; print(site.getsitepackages()[0])"], capture_output=True, text=True, check=True
    )
    Path(site.stdout.strip(), "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv/bin/strangler"


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments], check=True)


@pytest.mark.timeout(460)
def test_demo_runs_from_the_wheel_and_leaves_nothing(strangler: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    empty = tmp_path / "empty"
    empty.mkdir()
    environ = {**os.environ, "TMPDIR": str(temporary), "STRANGLER_TEST_MARK": str(tmp_path)}
    result = subprocess.run(
        [strangler, "demo", "--seconds", "6"], cwd=empty, env=environ, capture_output=True, text=True, timeout=400
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "claims held" in result.stdout
    assert list(empty.iterdir()) == []
    assert list(temporary.iterdir()) == []
    assert processes_with(f"STRANGLER_TEST_MARK={tmp_path}") == []


def processes_with(mark: str) -> list[int]:
    """Processes whose environment holds `mark`: children that outlived their parent."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark.encode() in environment:
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["schema"]])
def test_commands_work_from_the_wheel(strangler: Path, tmp_path: Path, arguments: list[str]) -> None:
    result = subprocess.run([strangler, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_check_without_a_file_says_what_to_do(strangler: Path, tmp_path: Path) -> None:
    result = subprocess.run([strangler, "check"], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("strangler: routes.yaml does not exist: ")
    assert result.stderr.count("\n") == 1
