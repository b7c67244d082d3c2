"""The JSON Schema of routes.yaml, for editors: completion, documentation and first checks while typing."""

from __future__ import annotations

from typing import Any

from strangler.config.spec import FILE


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the file, made from the same description that reads it.

    It accepts everything that the reader accepts in its usual form (numbers and booleans without quotes); what needs more
    than one value to judge is left to `strangler check`.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Strangler routes.yaml",
        **FILE.schema(),
    }
