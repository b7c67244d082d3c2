"""All that answers at the admin address, put together."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import ASGIApp

from strangler.control.admin import Control
from strangler.web.known_hosts import KnownHosts
from strangler.web.vitals import vitals


def app(control: Control) -> ASGIApp:
    """What the control process serves."""
    return KnownHosts(Starlette(routes=vitals(control)), control.settings["hosts"])
