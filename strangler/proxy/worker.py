"""One worker: a loop of its own that serves until it is told to stop. It prints nothing."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable

import uvloop

from strangler.core.decide import Table
from strangler.core.model import Address, Config
from strangler.proxy.exchange import Observe
from strangler.proxy.proxy import Proxy, start

GRACE = 30.0  # seconds that requests in flight get


def serve(
    config: Config,
    *,
    on_ready: Callable[[tuple[Address, ...]], None] | None = None,
    observe: Observe | None = None,
    reload: Callable[[], Table | None] | None = None,
    grace: float = GRACE,
) -> None:
    """Serve `config` until SIGTERM or SIGINT; a second signal ends the grace.

    Args:
        on_ready: told the addresses once all are listening.
        observe: called for every finished request.
        reload: called on SIGHUP; the table it returns decides from the next request on, None keeps the old one.
        grace: seconds that requests in flight get at the end.

    Raises UnreachableError or UsageError, with one line, before anything is served.
    """
    uvloop.run(_serve(config, on_ready, observe, reload, grace))


async def _serve(
    config: Config,
    on_ready: Callable[[tuple[Address, ...]], None] | None,
    observe: Observe | None,
    reload: Callable[[], Table | None] | None,
    grace: float,
) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    again = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (again if told.is_set() else told).set())
    proxy = await start(Table(config), listeners=config.listen, observe=observe)
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, _reload, proxy, reload)
    gc.collect()
    gc.freeze()  # the table lives as long as the worker: no collection needs to look at it again
    if on_ready is not None:
        on_ready(proxy.addresses)
    await told.wait()
    stopping = asyncio.ensure_future(proxy.stop(grace))
    waiting = asyncio.ensure_future(again.wait())
    await asyncio.wait({stopping, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        stopping.cancel()
        await asyncio.wait({stopping})
        await proxy.stop(0)
    waiting.cancel()


def _reload(proxy: Proxy, reload: Callable[[], Table | None]) -> None:
    table = reload()
    if table is not None:
        proxy.use(table)
