"""The pages over a real socket, with evidence in the store and without a proxy: a browser has something to look at at once."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.unit.cli.stored import shown_in_readme
from tests.unit.web.given import Site


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Site]]:
    """Its address, and what is served."""
    shown_in_readme(folder)
    path = folder / "routes.yaml"
    path.write_text(path.read_text().replace("routes:", 'defaults: {sticky: {by: "cookie:user"}}\nroutes:'))
    site = Site(folder)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(site.app, log_config=None, access_log=False, lifespan="off", ws="none"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", site
        finally:
            site.control.stopping = server.should_exit = True
            thread.join()
            site.close()
