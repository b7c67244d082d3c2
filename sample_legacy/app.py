"""The application: routes, errors and compression around one database."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from sample_legacy import api, facts, office, pages, seed
from sample_legacy.shared import answers, database, moments
from sample_legacy.shared.numbers import ALL, Numbers
from sample_legacy.shop import Shop


def create_app(
    database_url: str,
    *,
    seed_number: int = facts.DEFAULT_SEED,
    customers: int = facts.DEFAULT_CUSTOMERS,
    reset: bool = False,
    numbers: Numbers = ALL,
    clock: Callable[[], datetime] = moments.now,
) -> Starlette:
    """The legacy shop over a database that is created and seeded as needed.

    Whoever calls the application without running its lifespan disposes of ``app.state.shop.engine``.
    """
    engine = database.connect(database_url)
    seed.prepare(engine, facts.load(seed_number, customers), reset)
    app = Starlette(
        routes=[*pages.ROUTES, *office.ROUTES, *api.ROUTES],
        middleware=[Middleware(GZipMiddleware, minimum_size=1024)],
        exception_handlers=answers.HANDLERS,
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False  # a redirect of the framework's own would name this host
    app.state.shop = Shop(engine, clock, numbers)
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    app.state.shop.engine.dispose()
