"""How both applications say no: JSON for programs, a page for people, a traceback for nobody."""

import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ExceptionHandler

from sample_legacy.shared.templates import page

Document = dict[str, Any]

_log = logging.getLogger(__name__)

_FOR_PROGRAMS = ("/api/", "/whoami", "/healthz", "/events")


def found(document: Document | None, what: str) -> Document:
    """The document, or 404 where there is none."""
    if document is None:
        raise HTTPException(404, f"No such {what}")
    return document


def _refusal(request: Request, status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    if request.url.path.startswith(_FOR_PROGRAMS):
        return JSONResponse({"error": message}, status, headers)
    return page("error.html", status, headers, status=status, message=message)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refusal(request, error.status_code, error.detail, dict(error.headers or {}))


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _refusal(request, 500, "Something went wrong here")


async def _left(request: Request, error: Exception) -> Response:
    """The client hung up in the middle of its own request: nobody reads this."""
    return Response(status_code=400)


HANDLERS: dict[Any, ExceptionHandler] = {HTTPException: _refused, ClientDisconnect: _left, Exception: _failed}
