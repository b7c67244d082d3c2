"""The control process: evidence, and a server at the admin address. What is said there is not its business: the pages are given.

It waits for nobody while it answers: what the supervisor tells it and what the workers count is there already. When it dies,
traffic does not notice.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from strangler.control import totals
from strangler.control.evidence import Evidence
from strangler.control.lifeline import Settings
from strangler.control.line import Line
from strangler.control.metrics import render
from strangler.control.totals import Totals
from strangler.core.errors import StranglerError
from strangler.core.model import Config, Tls
from strangler.proxy import tls

ALIVE_SECONDS = 1.0


class Control:
    """What there is to show, from any thread.

    Attributes:
        settings: of this process.
        state: the supervisor's, as it last said it.
    """

    def __init__(self, settings: Settings, evidence: Evidence) -> None:
        self.settings, self._evidence = settings, evidence
        self.state: dict[str, Any] = {"revision": 0, "crew": [], "problems": "", "reloaded": 0.0, "stopping": False}

    @property
    def config(self) -> Config | None:
        """What is served; None until the supervisor has said so."""
        return self._evidence.config

    def totals(self) -> Totals:
        """What the workers have counted. Takes a moment with thousands of routes."""
        return totals.read(self.settings["arena"], self.settings["slots"])

    def metrics(self) -> str:
        """All there is for Prometheus. Takes a moment, too."""
        ledgers = self._evidence.ledgers()
        return render(self.totals(), self.state, self.settings["version"], self.settings["started"], ledgers)


class Server(uvicorn.Server):
    """Signals are the supervisor's business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run(settings: Settings, pages: Callable[[Control], ASGIApp]) -> None:
    """Serve until told to stop.

    Args:
        pages: makes what answers at the admin address.
    """
    line = await Line.open(settings)
    evidence = Evidence(settings, lambda why: line.say({"is": "complaining", "why": why}))
    control = Control(settings, evidence)
    config = uvicorn.Config(pages(control), log_config=None, access_log=False, lifespan="off", ws="none", server_header=False)
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
