"""How a browser's request becomes a page: who asks, then what is on it in a thread. Who is not logged in is sent to log in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from strangler.core.errors import StranglerError
from strangler.web.actors import VIEWER, Actor
from strangler.web.answers import Turned, turned
from strangler.web.api import Answering, Lanes
from strangler.web.bodies import query
from strangler.web.desk import Desk
from strangler.web.doorkeeper import Doorkeeper
from strangler.web.endpoint import Asked, Endpoint, Lane
from strangler.web.endpoints import ENDPOINTS
from strangler.web.fields import given, text
from strangler.web.pages import progress
from strangler.web.pages.acting import form
from strangler.web.pages.live import changes
from strangler.web.pages.page import Page
from strangler.web.pages.pages import PAGES
from strangler.web.pages.rendering import page as rendered

ASSETS = "/assets"
_TOKEN = text("token", "the token to log in with", longest=1024, required=True)
_NEXT = text("next", "the page to go to", longest=2000)
_ACTIONS = {endpoint.path.removeprefix("/api/"): endpoint for endpoint in ENDPOINTS if endpoint.method == "POST"}


def site(desk: Desk, doorkeeper: Doorkeeper, lanes: Lanes) -> list[Route | Mount]:
    """Routes for everything that is no API."""
    found = _Site(desk, doorkeeper, lanes)
    pages = [Route(page.path, found.safely(found.page(page))) for page in PAGES]
    actions = [Route(f"/act/{name}", found.safely(found.action(one)), methods=["POST"]) for name, one in _ACTIONS.items()]
    assets = Mount(ASSETS, StaticFiles(packages=[("strangler.web", "static")]))
    return [
        *pages,
        *actions,
        Route("/progress", found.safely(found.progress)),
        Route("/events", found.safely(found.events)),
        Route("/login", found.safely(found.login), methods=["GET", "POST"]),
        Route("/logout", found.safely(found.logout), methods=["POST"]),
        assets,
    ]


class _Site:
    """What all pages need."""

    def __init__(self, desk: Desk, doorkeeper: Doorkeeper, lanes: Lanes) -> None:
        self._desk, self._doorkeeper, self._lanes = desk, doorkeeper, lanes

    def safely(self, answer: Answering) -> Answering:
        """The same, but errors are pages; an error of ours is said to people, and the browser hears only that there was one."""

        async def safe(request: Request) -> Response:
            try:
                return await answer(request)
            except Turned as error:
                return _refused(request, error)
            except StranglerError as error:
                return _refused(request, turned(error))
            except Exception as error:
                self._desk.control.complain(f"{request.method} {request.url.path} failed: unexpected {type(error).__name__}")
                return _refused(request, Turned(500, "unexpected", "an error of Strangler's own; its log says which"))

        return safe

    def page(self, page: Page) -> Answering:
        """One page of the table."""

        async def answer(request: Request) -> Response:
            actor = await self._doorkeeper.admit(request, VIEWER)
            name = next(iter(request.path_params.values()), "")
            asked = Asked(actor, given(query(request), page.fields), name)
            found = await self._lanes.run(
                Lane.READ, lambda: rendered(page.template, **_frame(actor, page, request), **page.make(self._desk, asked))
            )
            assert isinstance(found, HTMLResponse)
            return found

        return answer

    def action(self, endpoint: Endpoint) -> Answering:
        """What a form does, by the endpoint that the API has for it."""

        async def answer(request: Request) -> Response:
            actor = await self._doorkeeper.admit(request, endpoint.role)
            written = await form(request, (*endpoint.fields, _NEXT))
            back = _inside(written.pop("next", "/"))
            asked = Asked(actor, given(written, endpoint.fields))
            status, said, error = 200, None, ""
            try:
                said = await self._lanes.run(endpoint.lane, lambda: endpoint.answer(self._desk, asked))
            except Turned as refused:
                status, said, error = refused.status, refused.more.get("done"), str(refused)
            except StranglerError as refused:
                status, error = turned(refused).status, str(refused)
            frame = {"actor": actor, "part": "", "title": "Done" if not error else "Refused", "live": False, "path": back}
            return rendered(
                "result.html",
                status,
                **frame,
                name=endpoint.path.removeprefix("/api/"),
                given=asked.given,
                said=said or {},
                error=error,
            )

        return answer

    async def progress(self, request: Request) -> Response:
        """The page that can be printed and sent, as `strangler progress --html` writes it."""
        await self._doorkeeper.admit(request, VIEWER)
        found = await self._lanes.run(Lane.READ, lambda: progress.show(self._desk))
        assert isinstance(found, Response)
        return found

    async def events(self, request: Request) -> Response:
        """Says when something has changed, until the page is left."""
        await self._doorkeeper.admit(request, VIEWER)
        return changes(self._desk, self._lanes, request)

    async def login(self, request: Request) -> Response:
        """A form; and what becomes of it."""
        if request.method == "GET":
            return rendered("login.html", next=_inside(request.query_params.get("next", "/")), why="")
        self._doorkeeper.refuse_other_pages(request)
        written = given(await form(request, (_TOKEN, _NEXT)), (_TOKEN, _NEXT))
        back = _inside(written["next"])
        try:
            _, cookie = await self._doorkeeper.begin(request, written["token"].strip())
        except Turned as error:
            return rendered("login.html", error.status, next=back, why=str(error))
        return RedirectResponse(back, 303, {"Set-Cookie": cookie})

    async def logout(self, request: Request) -> Response:
        """No session any more."""
        return RedirectResponse("/login", 303, {"Set-Cookie": self._doorkeeper.end(request)})


def _frame(actor: Actor, page: Page, request: Request) -> Mapping[str, Any]:
    """What the frame around every page shows."""
    query = f"?{request.url.query}" if request.url.query else ""
    return {"actor": actor, "part": page.part, "title": page.says, "live": page.live, "path": request.url.path + query}


def _refused(request: Request, error: Turned) -> Response:
    """Who is nobody is asked to log in; everything else is said."""
    if error.status == 401 and request.method == "GET":
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/login?next={quote(request.url.path + query, safe='')}", 303)
    return rendered("error.html", error.status, why=str(error), code=error.status)


def _inside(path: str) -> str:
    """A path of ours: not another site's, whatever a link says."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"
