"""The admin address without a process: a real file, store and journal in a folder, and a client that talks to the app."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from strangler.config.load import load
from strangler.control.admin import Control
from strangler.control.cells import new_arena
from strangler.core.ledger import Ledger
from strangler.core.model import Config
from strangler.web.app import app

OPS, EVE = "o" * 64, "e" * 64  # tokens
USERS = """\
admin:
  users:
    ops: sha256:2b2858dbb4c85c8e7e6de337295549a6a4553950919765750f09815096b99f2f
    eve: {token: "sha256:add5b41fc5a881fc87ef4640581ed5ff7fe5eab39640b3a3e6e8b90f0aa71730", role: viewer}
"""  # as `printf %s "$TOKEN" | sha256sum` prints them
ROOT = "http://127.0.0.1:8081"


@dataclass
class Pipeline:
    """What the control process knows of the configuration."""

    config: Config | None = None

    def ledgers(self) -> Mapping[str, Ledger]:
        return {}


@dataclass
class Site:
    """One admin address."""

    folder: Path
    pipeline: Pipeline = field(default_factory=Pipeline)
    complaints: list[str] = field(default_factory=list)
    client_at: str = "192.0.2.1"
    root: str = ROOT

    def __post_init__(self) -> None:
        self.arena = new_arena(2)
        settings = {
            "path": str(self.path),
            "hosts": ["127.0.0.1"],
            "version": "1.2.3",
            "slots": 1,
            "arena": self.arena,
            "started": 1.0,
        }
        self.control = Control(settings, self.pipeline, self.complaints.append)  # type: ignore[arg-type]
        self.reload()
        self.control.make_token()
        self.app = app(self.control)

    @property
    def path(self) -> Path:
        return self.folder / "routes.yaml"

    @property
    def token(self) -> str:
        return (self.folder / "admin.token").read_text().strip()

    def reload(self) -> None:
        self.pipeline.config = load(self.path, {})

    async def ask(
        self, method: str, path: str, token: str | None = None, *, headers: Mapping[str, str | bytes] | None = None, **rest: Any
    ) -> httpx.Response:
        """As whoever holds the token, if there is one."""
        sent: list[tuple[str, str | bytes]] = [("authorization", f"Bearer {token}")] if token is not None else []
        sent += (headers or {}).items()
        raw = [(name.encode(), value if isinstance(value, bytes) else value.encode("ascii")) for name, value in sent]
        transport = httpx.ASGITransport(app=self.app, client=(self.client_at, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url=self.root, trust_env=False) as client:
            return await client.request(method, path, headers=raw, **rest)

    async def get(self, path: str, **rest: Any) -> httpx.Response:
        """As the holder of the one token."""
        return await self.ask("GET", path, self.token, **rest)

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.ask("POST", path, self.token, json=body)

    def close(self) -> None:
        os.close(self.arena)
