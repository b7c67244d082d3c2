"""What the data process says of each mapping, for people: a document that it writes, and that is read here as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from strangler.control import data_document
from strangler.core.model import Config

VERSION = 1


def told(config: Config) -> Mapping[str, Any]:
    """What the data process has said, by file; nothing if there is nothing that can be read."""
    guards = data_document.path_of(config)
    with suppress(OSError, ValueError, KeyError, TypeError):
        read = json.loads(guards.with_name(f"{guards.stem}.details.json").read_bytes())
        if read["version"] == VERSION:
            return {name: file for name, file in read["files"].items() if isinstance(file.get("mappings"), list)}
    return {}
