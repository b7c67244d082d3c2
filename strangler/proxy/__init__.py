"""The native engine: HTTP/1.1 on asyncio (uvloop + httptools).

`strangler.core` decides, this does. `start` serves on a running loop, `worker.serve` on one of its own.
"""

from strangler.proxy.exchange import Exchange
from strangler.proxy.proxy import Proxy, start
from strangler.proxy.shadowing import Witness

__all__ = ["Exchange", "Proxy", "Witness", "start"]
