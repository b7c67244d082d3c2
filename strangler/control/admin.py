"""The control process: evidence, and the admin address, for now with what needs no token, because it says nothing about anyone.

It waits for nobody while it answers: what the supervisor tells it and what the workers count is there already. When it dies,
traffic does not notice.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from strangler.control import totals
from strangler.control.evidence import Evidence
from strangler.control.hosts import allowed
from strangler.control.lifeline import Settings, begin
from strangler.control.line import Line
from strangler.control.metrics import CONTENT_TYPE, render
from strangler.control.readiness import reasons_not_ready
from strangler.core.errors import StranglerError
from strangler.core.model import Tls
from strangler.proxy import tls

ALIVE_SECONDS = 1.0


class Control:
    """What the pages show: the supervisor's state as it last said it, and the counters."""

    def __init__(self, settings: Settings, evidence: Evidence) -> None:
        self._settings, self._evidence = settings, evidence
        self.state: dict[str, Any] = {"revision": 0, "crew": [], "problems": "", "reloaded": 0.0, "stopping": False}

    async def healthz(self, _: Request) -> Response:
        """This process lives, and so does the supervisor, or it would not."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        reasons = reasons_not_ready(self.state)
        body = {"ready": not reasons, "reasons": reasons, "revision": self.state["revision"], "problems": self.state["problems"]}
        return JSONResponse(body, 503 if reasons else 200)

    def metrics(self, _: Request) -> Response:
        """In a thread: with thousands of routes this takes a moment."""
        counted = totals.read(self._settings["arena"], self._settings["slots"])
        ledgers = self._evidence.ledgers()
        text = render(counted, self.state, self._settings["version"], self._settings["started"], ledgers)
        return Response(text, media_type=CONTENT_TYPE)


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


class Server(uvicorn.Server):
    """Signals are the supervisor's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def app(control: Control, hosts: Collection[str]) -> ASGIApp:
    """The pages of the admin address."""
    routes = [Route(f"/{name}", getattr(control, name)) for name in ("healthz", "readyz", "metrics")]
    return KnownHosts(Starlette(routes=routes), hosts)


async def run(settings: Settings) -> None:
    """Serve until told to stop."""
    line = await Line.open(settings)
    evidence = Evidence(settings, lambda why: line.say({"is": "complaining", "why": why}))
    control = Control(settings, evidence)
    config = uvicorn.Config(
        app(control, settings["hosts"]), log_config=None, access_log=False, lifespan="off", ws="none", server_header=False
    )
    config.load()
    config.ssl = tls.serving(Tls(*settings["tls"]), "admin") if settings["tls"] else None
    server = Server(config)
    sockets = [socket.socket(fileno=descriptor) for descriptor in settings["sockets"]]
    serving = asyncio.create_task(server.serve(sockets))
    living = asyncio.create_task(_say_alive(line))
    while (frame := await line.hear())[0]["do"] != "stop":
        head, body = frame
        if head["do"] == "state":
            control.state = head
        elif head["do"] == "retire":
            server.should_exit = True
        else:
            line.say({"is": "serving", "revision": head["revision"]})
            if config.ssl:
                _renew(config.ssl, settings["tls"])
            await evidence.use(head["revision"], body)
    server.should_exit = True
    await serving
    await evidence.close()
    living.cancel()
    await line.leave()


def _renew(context: ssl.SSLContext, files: list[str]) -> None:
    """New connections get the certificate that is in the files now, unless it cannot be used: the reader has said so then."""
    with suppress(StranglerError):
        tls.serving(Tls(*files), "admin")
        context.load_cert_chain(*files)


async def _say_alive(line: Line) -> None:
    while True:
        line.say({"is": "alive"})
        await asyncio.sleep(ALIVE_SECONDS)


if __name__ == "__main__":
    uvloop.run(run(begin()))
