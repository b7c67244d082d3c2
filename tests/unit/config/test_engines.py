"""What `strangler check` says of listeners and their engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from strangler.config.load import Outcome, read
from strangler.config.rules import engines
from strangler.core.model import OWN_AUTHORITY, Tls

FILE = """version: 1
upstreams: {{legacy: {{url: 'http://127.0.0.1:9001'}}}}
routes: []
listen: [{{address: '127.0.0.1:8080', {}}}]
"""


def checked(listener: str, folder: Path) -> Outcome:
    return read(FILE.format(listener).encode(), {}, folder)


def told(outcome: Outcome) -> list[tuple[str, str, bool]]:
    return [(problem.path, problem.message.partition(":")[0], problem.warning) for problem in outcome.problems]


def test_an_engine_with_an_authority_of_its_own(tmp_path: Path) -> None:
    outcome = checked("engine: mitmproxy, tls: ca", tmp_path)
    assert told(outcome) == []
    assert outcome.config is not None
    assert outcome.config.listen[0].tls == OWN_AUTHORITY


def test_files_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).touch()
    outcome = checked("tls: {cert: c.pem, key: k.pem}", tmp_path)
    assert outcome.config is not None
    assert outcome.config.listen[0].tls == Tls(str(tmp_path / "c.pem"), str(tmp_path / "k.pem"))


def test_without_tls_no_browser_comes(tmp_path: Path) -> None:
    outcome = checked("engine: mitmproxy", tmp_path)
    assert told(outcome) == [("listen[0].engine", "without `tls", True)]
    assert outcome.config is not None
    assert told(checked("engine: native", tmp_path)) == []


def test_what_is_not_installed_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file may be sound on the machine that serves it."""
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    outcome = checked("engine: mitmproxy, tls: ca", tmp_path)
    assert told(outcome) == [
        ("listen[0].engine", "mitmproxy is not installed here, and `serve` needs it", True),
        ("listen[0].tls", "`ca` needs what makes certificates, and `serve` will ask for it", True),
    ]


@pytest.mark.parametrize(
    ("listener", "message"),
    [
        ("engine: envoy", "'envoy' is not one of native, mitmproxy"),
        ("tls: acme", "'acme' is not one of ca"),
        ("tls: {cert: c.pem}", "`key` is missing: private key, PEM"),
    ],
)
def test_what_is_none(tmp_path: Path, listener: str, message: str) -> None:
    assert message in [problem.message for problem in checked(listener, tmp_path).problems]
