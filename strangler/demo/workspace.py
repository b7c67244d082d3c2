"""The temporary folder the demo lives in: its routes, the mappings of the worked example, two databases, and addresses."""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything is. `environ` is what the files expand their ``${…}`` from, and where commands find the configuration."""

    folder: Path
    legacy_url: str
    modern_url: str
    proxy_url: str
    admin_url: str

    @property
    def routes(self) -> Path:
        return self.folder / "routes.yaml"

    @property
    def mappings(self) -> Path:
        return self.folder / "mappings.yaml"

    @property
    def access_log(self) -> Path:
        return self.folder / "access.log"

    @property
    def legacy_database(self) -> str:
        return f"sqlite:///{self.folder / 'legacy.db'}"

    @property
    def modern_database(self) -> str:
        return f"sqlite:///{self.folder / 'modern.db'}"

    def has_token(self) -> bool:
        """Whether the proxy has made it: a moment after it begins to serve."""
        return (self.folder / "admin.token").exists()

    @property
    def token(self) -> str:
        """What opens the pages; made at the proxy's first start."""
        return (self.folder / "admin.token").read_text().strip()

    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "LEGACY_URL": self.legacy_url,
            "MODERN_URL": self.modern_url,
            "STRANGLER_ADMIN": self.admin_url.removeprefix("http://"),
            "STRANGLER_CONFIG": str(self.routes),
            "STRANGLER_LISTEN": self.proxy_url.removeprefix("http://"),
            "OLD_DATABASE": self.legacy_database,
            "NEW_DATABASE": self.modern_database,
        }


def prepare(folder: Path) -> Workspace:
    """Put the files into `folder`, and choose free ports: whoever serves already may have the usual ones."""
    space = Workspace(folder, *(f"http://127.0.0.1:{port}" for port in free_ports(4)))
    shutil.copyfile(str(files("strangler.demo") / "routes.yaml"), space.routes)
    shutil.copyfile(example("mappings.yaml"), space.mappings)
    return space


def example(name: str) -> Path:
    """A file of the worked example: beside the samples in an installed wheel, at the top of a checkout."""
    package = Path(str(files("sample_legacy")))
    found = next((path for path in (package / name, package.parent / name) if path.is_file()), None)
    if found is None:
        raise FileNotFoundError(f"the worked example {name} is not part of this installation")
    return found


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now. All are held until the last is chosen, so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in held]
    finally:
        for listener in held:
            listener.close()
