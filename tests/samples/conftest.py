from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from sample_legacy.app import create_app as create_legacy
from sample_modern.app import create_app as create_modern

NOW = datetime(2026, 7, 31, 22, 30, tzinfo=UTC)  # in Amsterdam it is August already

KEY = b"the samples' tests share this key"


@contextmanager
def running(app: Starlette) -> Iterator[Starlette]:
    yield app
    app.state.shop.engine.dispose()


def legacy_over(folder: Path) -> Starlette:
    return create_legacy(f"sqlite:///{folder}/legacy.db", clock=lambda: NOW)


def modern_over(folder: Path, planted_ids: str, pauses: list[float] | None = None) -> Starlette:
    noted = [] if pauses is None else pauses
    return create_modern(
        f"sqlite:///{folder}/modern.db", planted_ids=planted_ids, clock=lambda: NOW, pause=noted.append, identity_key=KEY
    )


def client_of(app: Starlette) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app), base_url="http://shop", headers={"accept-encoding": "identity"})


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the databases of those tests live that only read."""
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="session")
def legacy_app(folder: Path) -> Iterator[Starlette]:
    with running(legacy_over(folder)) as app:
        yield app


@pytest.fixture(scope="session")
def faithful_app(folder: Path) -> Iterator[Starlette]:
    with running(modern_over(folder, "none")) as app:
        yield app


@pytest.fixture
async def legacy(legacy_app: Starlette) -> AsyncIterator[AsyncClient]:
    async with client_of(legacy_app) as client:
        yield client


@pytest.fixture
async def faithful(faithful_app: Starlette) -> AsyncIterator[AsyncClient]:
    """Modern without any planted difference."""
    async with client_of(faithful_app) as client:
        yield client


@pytest.fixture(params=["legacy", "modern"])
def app(request: pytest.FixtureRequest, legacy_app: Starlette, faithful_app: Starlette) -> Starlette:
    return legacy_app if request.param == "legacy" else faithful_app


@pytest.fixture
async def shop(app: Starlette) -> AsyncIterator[AsyncClient]:
    """Either application, for reading."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def own_legacy(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """A legacy of one's own, for writing."""
    with running(legacy_over(tmp_path)) as app:
        async with client_of(app) as client:
            yield client


@pytest.fixture
async def own_modern(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    with running(modern_over(tmp_path, "none")) as app:
        async with client_of(app) as client:
            yield client


@pytest.fixture
async def own_planted(tmp_path: Path) -> AsyncIterator[AsyncClient]:
    with running(modern_over(tmp_path, "all")) as app:
        async with client_of(app) as client:
            yield client


@pytest.fixture(params=["legacy", "modern"])
async def own_shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    """Either application, for writing."""
    with running(legacy_over(tmp_path) if request.param == "legacy" else modern_over(tmp_path, "none")) as app:
        async with client_of(app) as client:
            yield client
