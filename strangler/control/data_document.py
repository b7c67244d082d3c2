"""The document in which the data process says how the mappings stand: where it is, and what it says now."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from strangler.core.data_status import DataStatus, decode
from strangler.core.model import Config

_SQLITE = "sqlite:///"
_ALONE = "strangler"  # before `.data.json`, where the store is no file


def path_of(config: Config) -> Path:
    """Beside the store's file; beside the configuration where the store is a server."""
    folder = Path(config.folder)
    if not config.store.startswith(_SQLITE):
        return folder / f"{_ALONE}.data.json"
    store = folder / config.store.removeprefix(_SQLITE).partition("?")[0]
    return store.with_name(f"{store.stem}.data.json")


def read(config: Config) -> DataStatus | None:
    """None if there is none, or none that can be read: then nothing is known."""
    with suppress(OSError, ValueError):
        return decode(path_of(config).read_bytes())
    return None
