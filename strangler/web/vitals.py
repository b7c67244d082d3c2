"""What needs no token, because it says nothing about anyone: for load balancers, service managers and Prometheus."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from strangler.control.admin import Control
from strangler.control.metrics import CONTENT_TYPE
from strangler.control.readiness import reasons_not_ready


def vitals(control: Control) -> list[Route]:
    """Routes for all of it."""

    async def healthz(_: Request) -> Response:
        """This process lives, and so does the supervisor, or it would not."""
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        state = control.state
        reasons = reasons_not_ready(state)
        body = {"ready": not reasons, "reasons": reasons, "revision": state["revision"], "problems": state["problems"]}
        return JSONResponse(body, 503 if reasons else 200)

    def metrics(_: Request) -> Response:
        """In a thread: with thousands of routes this takes a moment."""
        return Response(control.metrics(), media_type=CONTENT_TYPE)

    return [Route(f"/{answer.__name__}", answer) for answer in (healthz, readyz, metrics)]
