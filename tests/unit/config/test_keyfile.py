"""Where the redaction key comes from: the environment, or a file that only its owner can read and that is made once."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from strangler.config.keyfile import REDACTION
from strangler.core.errors import UsageError


def test_the_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    key = REDACTION.find({}, str(tmp_path))
    assert len(key) == 64
    assert REDACTION.find({}, str(tmp_path)) == key
    assert stat.S_IMODE((tmp_path / "redaction.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["redaction.key"]


def test_the_environment_wins_and_no_file_is_made(tmp_path: Path) -> None:
    assert REDACTION.find({"STRANGLER_REDACTION_KEY": f" {'k' * 32}\n"}, str(tmp_path)) == b"k" * 32
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [
        ("k" * 64, 0o640, "can be read or written by others"),
        ("short", 0o600, "less than 32 characters"),
        ("ü" * 40, 0o600, "is not text"),
        ("", 0o600, "less than 32 characters"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, text: str, mode: int, problem: str) -> None:
    path = tmp_path / "redaction.key"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    with pytest.raises(UsageError, match=problem):
        REDACTION.find({}, str(tmp_path))


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="STRANGLER_REDACTION_KEY"):
        REDACTION.find({}, str(tmp_path / "nowhere"))
