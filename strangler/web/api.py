"""How a request becomes an answer: who asks, what is given, then the endpoint in a thread. Nothing raises to the client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from strangler.core.errors import StranglerError
from strangler.web import openapi
from strangler.web.actors import VIEWER
from strangler.web.answers import LINES, Json, Turned, turned
from strangler.web.bodies import body, query
from strangler.web.desk import Desk
from strangler.web.doorkeeper import Doorkeeper
from strangler.web.endpoint import Asked, Endpoint, Lane
from strangler.web.endpoints import ENDPOINTS
from strangler.web.fields import given, text

THREADS = {Lane.READ: 4, Lane.FLIP: 4, Lane.ROLLBACK: 8, Lane.DATA: 2}
_STREAM = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
WAITING = 64  # requests of a lane that may wait for a thread
_TOKEN = text("token", "the token to log in with", longest=1024, required=True)

Answering = Callable[[Request], Awaitable[Response]]


class Lanes:
    """Threads for work that blocks, so many for each kind of it."""

    def __init__(self) -> None:
        self._limiters = {lane: CapacityLimiter(number) for lane, number in THREADS.items()}

    async def run(self, lane: Lane, work: Callable[[], Any]) -> Any:
        """Raises Turned if too many wait already."""
        limiter = self._limiters[lane]
        if limiter.statistics().tasks_waiting >= WAITING:
            raise Turned(503, "busy", "too much is being asked at once: ask again in a second", {"Retry-After": "1"})
        return await to_thread.run_sync(work, limiter=limiter)


def api(desk: Desk, doorkeeper: Doorkeeper, lanes: Lanes) -> list[Route]:
    """Routes for everything under /api."""
    routes = [_route(endpoint, desk, doorkeeper, lanes) for endpoint in ENDPOINTS]
    return [*routes, *_sessions(doorkeeper, desk), _document(doorkeeper, desk)]


def safely(answer: Answering, complain: Callable[[str], None]) -> Answering:
    """The same, but it never raises: an error of ours is said to people, and the client hears only that there was one."""

    async def safe(request: Request) -> Response:
        try:
            return await answer(request)
        except Turned as error:
            return error.answer()
        except StranglerError as error:
            return turned(error).answer()
        except Exception as error:
            complain(f"{request.method} {request.scope['route'].path} failed: unexpected {type(error).__name__}")
            return Turned(500, "unexpected", "an error of Strangler's own; its log says which").answer()

    return safe


def _route(endpoint: Endpoint, desk: Desk, doorkeeper: Doorkeeper, lanes: Lanes) -> Route:
    async def answer(request: Request) -> Response:
        actor = await doorkeeper.admit(request, endpoint.role)
        written = query(request) if endpoint.method == "GET" else await body(request)
        named = next(iter(request.path_params.values()), "")
        asked = Asked(actor, given(written, endpoint.fields), named)
        found = await lanes.run(endpoint.lane, lambda: endpoint.answer(desk, asked))
        return StreamingResponse(found, headers=_STREAM, media_type=LINES) if endpoint.streams else Json(found)

    return Route(endpoint.path, safely(answer, desk.control.complain), methods=[endpoint.method])


def _sessions(doorkeeper: Doorkeeper, desk: Desk) -> list[Route]:
    """For browsers, which keep a cookie better than a token."""

    async def show(request: Request) -> Response:
        actor = await doorkeeper.admit(request, VIEWER)
        return Json({"user": actor.name, "role": actor.role})

    async def begin(request: Request) -> Response:
        doorkeeper.refuse_other_pages(request)
        token = given(await body(request), (_TOKEN,))["token"]
        actor, cookie = await doorkeeper.begin(request, token)
        return Json({"user": actor.name, "role": actor.role}, 200, {"Set-Cookie": cookie})

    async def end(request: Request) -> Response:
        return Response(status_code=204, headers={"Set-Cookie": doorkeeper.end(request)})

    answers = {"GET": show, "POST": begin, "DELETE": end}
    return [Route("/api/session", safely(answer, desk.control.complain), methods=[method]) for method, answer in answers.items()]


def _document(doorkeeper: Doorkeeper, desk: Desk) -> Route:
    document = openapi.document(ENDPOINTS, desk.control.settings["version"])

    async def answer(request: Request) -> Response:
        await doorkeeper.admit(request, VIEWER)
        return Json(document)

    return Route("/api/openapi.json", safely(answer, desk.control.complain), methods=["GET"])
