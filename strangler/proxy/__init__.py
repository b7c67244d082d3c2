"""The native engine: HTTP/1.1 on asyncio (uvloop + httptools).

`strangler.core` decides, this does. `start` serves on a running loop, `worker.serve` on one of its own.

The engine is loaded when one of these names is asked for: whoever only checks certificates or hooks does without it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strangler.proxy.exchange import Exchange
    from strangler.proxy.proxy import Proxy, start
    from strangler.proxy.shadowing import Witness

__all__ = ["Exchange", "Proxy", "Witness", "start"]

_HOMES = {"Exchange": "exchange", "Proxy": "proxy", "Witness": "shadowing", "start": "proxy"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
