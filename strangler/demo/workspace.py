"""The temporary folder the demo lives in: the worked example, two databases, and the addresses of its parts."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

EXAMPLES = ("routes.yaml", "mappings.yaml")
ADDED = '\nlog: {access: access.log}\nreload: trusted\nadmin: {address: "127.0.0.1:0"}\n'


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where everything is. `environ` is what the copied example expands its ``${…}`` from."""

    folder: Path
    legacy_url: str
    modern_url: str
    proxy_url: str
    identity_key: str

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

    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "LEGACY_URL": self.legacy_url,
            "MODERN_URL": self.modern_url,
            "STRANGLER_IDENTITY_KEY": self.identity_key,
            "STRANGLER_LISTEN": self.proxy_url.removeprefix("http://"),
            "OLD_DATABASE": self.legacy_database,
            "NEW_DATABASE": self.modern_database,
        }


def prepare(folder: Path) -> Workspace:
    """Copy the worked example into `folder`, with an access log switched on and edits by hand trusted, and choose free ports.

    The admin address is not part of the story, and whoever serves already may have the usual one.
    """
    for name in EXAMPLES:
        shutil.copyfile(example(name), folder / name)
    routes = folder / "routes.yaml"
    routes.write_text(f"{routes.read_text(encoding='utf-8')}{ADDED}", encoding="utf-8")
    legacy, modern, proxy = (f"http://127.0.0.1:{port}" for port in free_ports(3))
    return Workspace(folder, legacy, modern, proxy, secrets.token_hex(32))


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
