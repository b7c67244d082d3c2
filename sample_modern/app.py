"""The application: routes, errors, compression and its build number around one database."""

import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sample_legacy import facts
from sample_legacy.shared import answers, database, moments
from sample_legacy.shared.numbers import ALL, Numbers
from sample_modern import api, pages, planted, seed
from sample_modern.shop import Shop


def create_app(
    database_url: str,
    *,
    planted_ids: str = "all",
    seed_number: int = facts.DEFAULT_SEED,
    customers: int = facts.DEFAULT_CUSTOMERS,
    tables: Collection[str] = seed.TABLES,
    reset: bool = False,
    build: str = "1",
    identity_key: bytes = b"",
    numbers: Numbers = ALL,
    clock: Callable[[], datetime] = moments.now,
    pause: Callable[[float], None] = time.sleep,
) -> Starlette:
    """The modern shop over a database that is created and seeded as needed.

    Whoever calls the application without running its lifespan disposes of ``app.state.shop.engine``.
    """
    chosen = planted.choose(planted_ids)
    engine = database.connect(database_url)
    seed.prepare(engine, facts.load(seed_number, customers), tables, reset)
    app = Starlette(
        routes=[*pages.ROUTES, *api.ROUTES],
        middleware=[Middleware(_Build, build=build), Middleware(GZipMiddleware, minimum_size=1024)],
        exception_handlers=answers.HANDLERS,
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False  # a redirect of the framework's own would name this host
    app.state.shop = Shop(engine, clock, pause, chosen, identity_key, numbers)
    return app


class _Build:
    """Says in x-build which version answered, so that evidence is not counted across deployments."""

    def __init__(self, app: ASGIApp, build: str) -> None:
        self._app = app
        self._header = (b"x-build", build.encode("ascii"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_build(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], self._header]
            await send(message)

        await self._app(scope, receive, send_with_build)


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    app.state.shop.engine.dispose()
