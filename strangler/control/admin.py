"""The control process: evidence, and a server at the admin address. What is said there is not its business: the pages are given.

It waits for nobody while it answers: what the supervisor tells it and what the workers count is there already. When it dies,
traffic does not notice.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from strangler.config.keyfile import ADMIN_TOKEN
from strangler.control import data_document, outbox_metrics, route_metrics, totals
from strangler.control.climb import Climb
from strangler.control.cutover.desk import Cutovers
from strangler.control.frames import Head
from strangler.control.gathering.evidence import Evidence
from strangler.control.keeper import Keeper
from strangler.control.lifeline import Settings
from strangler.control.line import Line
from strangler.control.metrics import Sample, render
from strangler.control.recording.recordings import Recordings
from strangler.control.totals import Totals
from strangler.core.errors import StranglerError, UsageError
from strangler.core.model import Config, Tls
from strangler.proxy import tls

ALIVE_SECONDS = 1.0


class Control:
    """What there is to show, from any thread.

    Args:
        complain: tells people what they should know.
        say: takes what the supervisor is to know.

    Attributes:
        settings: of this process.
        state: the supervisor's, as it last said it.
        refusals: who was turned away at the admin address, by reason.
        climb: the automatic ladder.
        cutovers: those that people ask for.
        recordings: likewise.
        stopping: whether streams are to end.
    """

    def __init__(
        self,
        settings: Settings,
        evidence: Evidence,
        complain: Callable[[str], None],
        say: Callable[[Head], None] = lambda head: None,
    ) -> None:
        self.settings, self._evidence, self.complain = settings, evidence, complain
        self.refusals: Counter[str] = Counter()
        self.climb = Climb(Path(settings["path"]), complain)
        self.cutovers = Cutovers(Path(settings["path"]), complain)
        self.recordings = Recordings(say, complain, lambda: self.stopping)
        self.stopping = False
        self._without_token = False
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
        version, started = self.settings["version"], self.settings["started"]
        return render(self.totals(), self.state, version, started, ledgers, self.refusals, self._others())

    def _others(self) -> Iterator[tuple[str, Sample]]:
        """What is told of routes, and of what the data process does."""
        if self.config is not None:
            yield from route_metrics.samples(self.config, self.climb.seen)
            yield from outbox_metrics.samples(data_document.read(self.config), time.time())

    def make_token(self) -> None:
        """The token of a configuration without users is there before anybody looks for it."""
        config = self.config
        if config is None or config.admin.users:
            return
        try:
            ADMIN_TOKEN.find(os.environ, config.folder)
            self._without_token = False
        except UsageError as error:
            if not self._without_token:
                self.complain(f"nobody can ask at the admin address, except for /metrics: {error}; or name `admin.users`")
            self._without_token = True


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
    loop = asyncio.get_running_loop()

    def say(head: Head) -> None:
        loop.call_soon_threadsafe(line.say, head)

    def complain(why: str) -> None:
        say({"is": "complaining", "why": why})

    evidence = Evidence(settings, complain)
    control = Control(settings, evidence, complain, say)
    config = uvicorn.Config(
        pages(control),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,  # who asks is who is connected, whatever he says
    )
    config.load()
    config.ssl = tls.serving(Tls(*settings["tls"]), "admin") if settings["tls"] else None
    server = Server(config)
    sockets = [socket.socket(fileno=descriptor) for descriptor in settings["sockets"]]
    serving = asyncio.create_task(server.serve(sockets))
    living = asyncio.create_task(_say_alive(line))
    keeper = Keeper(Path(settings["path"]), os.environ, lambda: control.config, complain)
    keeping: asyncio.Task[None] | None = None
    closing: asyncio.Task[None] | None = None
    while (frame := await line.hear())[0]["do"] != "stop":
        head, body = frame
        if head["do"] == "state":
            control.state = head
        elif head["do"] == "cutover":
            control.cutovers.take(head, say)
        elif head["do"] == "taken":
            control.recordings.hear(head)
        elif head["do"] == "retire":
            control.stopping = server.should_exit = True
            closing = asyncio.create_task(asyncio.to_thread(control.climb.close))  # the successor has a ladder of its own
        else:
            line.say({"is": "serving", "revision": head["revision"]})
            if config.ssl:
                _renew(config.ssl, settings["tls"])
            await evidence.use(head["revision"], body)
            control.climb.use(control.config)
            if control.config is not None:
                control.recordings.use(control.config)
            await asyncio.to_thread(control.make_token)
            if keeping is None:
                control.cutovers.begin()
                keeping = asyncio.create_task(keeper.live())
    if keeping is not None:
        keeping.cancel()
    control.stopping = server.should_exit = True
    await (closing or asyncio.to_thread(control.climb.close))
    await asyncio.to_thread(control.cutovers.close)
    await serving
    await control.recordings.close()
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
