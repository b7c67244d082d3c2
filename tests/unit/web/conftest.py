from collections.abc import Iterator
from pathlib import Path

import pytest

from strangler.web import overview
from strangler.web.pages import progress
from tests.unit.cli.stored import HEAD, ROUTES, configured, shown_in_readme

from .given import USERS, Site


@pytest.fixture(autouse=True)
def _alone(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is served on this machine, and in whatever environment."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    monkeypatch.delenv("STRANGLER_ADMIN_TOKEN", raising=False)
    monkeypatch.setattr(overview, "PATIENCE", 30.0)
    monkeypatch.setattr(progress, "PATIENCE", 30.0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """With one token, and nothing in the store."""
    configured(tmp_path)
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def with_users(tmp_path: Path) -> Iterator[Site]:
    """ops, who is an operator, and eve, who is a viewer."""
    (tmp_path / "routes.yaml").write_text(HEAD + USERS + ROUTES)
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Site]:
    """With one token, and evidence in the store."""
    shown_in_readme(tmp_path)
    path = tmp_path / "routes.yaml"
    path.write_text(path.read_text().replace("routes:", 'defaults: {sticky: {by: "cookie:user"}}\nroutes:'))
    made = Site(tmp_path)
    yield made
    made.close()
