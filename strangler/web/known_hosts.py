"""Whatever is asked, only under a name of our own."""

from __future__ import annotations

from collections.abc import Collection

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from strangler.control.hosts import allowed


class KnownHosts:
    """Answers only to names of our own."""

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = [value for name, value in scope.get("headers", ()) if name == b"host"]
        if scope["type"] != "http" or (len(named) == 1 and allowed(named[0].decode("latin-1"), self._hosts)):
            await self._app(scope, receive, send)
            return
        message = "This address does not answer to that name: use the one in admin.address.\n"
        await PlainTextResponse(message, 421)(scope, receive, send)
