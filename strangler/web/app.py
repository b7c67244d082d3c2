"""All that answers at the admin address, put together: pages beside the API, behind the same doorkeeper."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from strangler.control.admin import Control
from strangler.web.answers import Turned
from strangler.web.api import Lanes, api
from strangler.web.desk import Desk
from strangler.web.doorkeeper import Doorkeeper
from strangler.web.headers import SafeHeaders
from strangler.web.known_hosts import KnownHosts
from strangler.web.pages.site import site
from strangler.web.vitals import vitals

_MISSED = {404: "not_found", 405: "method"}


def app(control: Control) -> ASGIApp:
    """What the control process serves."""
    desk, doorkeeper, lanes = Desk(control), Doorkeeper(lambda: control.config, control.refusals), Lanes()
    routes = [*vitals(control), *api(desk, doorkeeper, lanes), *site(desk, doorkeeper, lanes)]
    inner = Starlette(routes=routes, exception_handlers={HTTPException: _missed})
    return SafeHeaders(KnownHosts(inner, control.settings["hosts"]))


async def _missed(request: Request, error: Exception) -> Response:
    """No such path, or not with this method."""
    assert isinstance(error, HTTPException)
    code = _MISSED.get(error.status_code, "http")
    return Turned(error.status_code, code, str(error.detail), error.headers).answer()
