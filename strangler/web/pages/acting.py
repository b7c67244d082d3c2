"""Forms of pages: what the API does, asked for by a form, and answered with a page that says what came of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from strangler.web.answers import Turned
from strangler.web.bodies import kind, once, read
from strangler.web.fields import Field

_TYPE = "application/x-www-form-urlencoded"


async def form(request: Request, fields: tuple[Field, ...]) -> dict[str, Any]:
    """What stands in a form, as the fields of the endpoint want it; what was left empty is left out. Raises Turned."""
    if kind(request) != _TYPE:
        raise Turned(415, "media_type", "this takes forms")
    try:
        pairs = parse_qsl((await read(request)).decode("utf-8"), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise Turned(400, "usage", "the form cannot be read") from None
    flags = {field.name for field in fields if field.schema.get("type") == "boolean"}
    return {name: value == "yes" if name in flags else value for name, value in once(pairs).items() if value}
