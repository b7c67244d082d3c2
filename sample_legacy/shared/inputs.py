"""What people send, checked once: each function gives a clean value or raises the answer that they get."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

MAX_ID = 2**31 - 1  # what an INTEGER column holds; a larger number names nothing
MAX_BODY = 1 << 20
MAX_TEXT = 120
MAX_LINES = 50
MAX_QUANTITY = 99
PAGE_SIZE = 20
MAX_PAGE_SIZE = 100
_CUSTOMER_FIELDS = {"name", "email", "phone"}


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for; ``number`` starts at 1."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of an order to be."""

    product_id: int
    quantity: int


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What POST /api/orders asks for."""

    customer_id: int
    lines: tuple[Wanted, ...]


def invalid(message: str) -> HTTPException:
    """Well-formed, and yet nothing that the shop could do."""
    return HTTPException(422, message)


def path_id(request: Request) -> int:
    """The number in the path; anything that cannot be one is simply not there."""
    text = request.path_params["id"]
    if not re.fullmatch(r"[0-9]{1,10}", text) or int(text) > MAX_ID:
        raise HTTPException(404, "Not found")
    return int(text)


def query_number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number from the query string, within bounds."""
    text = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
        raise HTTPException(400, f"{name} must be a whole number from {least} to {most}")
    return int(text)


def query_choice(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    """One of some words from the query string, or None where it says nothing."""
    text = query.get(name)
    if text is not None and text not in choices:
        raise HTTPException(400, f"{name} must be one of {', '.join(choices)}")
    return text


def query_text(query: Mapping[str, str], name: str) -> str:
    """Free text from the query string."""
    text = query.get(name, "").strip()
    if "\0" in text or len(text) > MAX_TEXT:
        raise HTTPException(400, f"{name} must be text of at most {MAX_TEXT} characters")
    return text


def page_of(query: Mapping[str, str], size: int = PAGE_SIZE) -> Page:
    """``?page=`` and ``?size=``."""
    return Page(query_number(query, "page", 1, 1, 100_000), query_number(query, "size", size, 1, MAX_PAGE_SIZE))


async def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object, read no further than is sensible."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, "The body is too large")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "The body is not JSON") from None
    if not isinstance(document, dict):
        raise HTTPException(400, "The body must be a JSON object")
    return document


def new_order(document: Mapping[str, Any]) -> NewOrder:
    """``{"customer_id": 1, "items": [{"product_id": 3, "quantity": 2}]}``"""
    items = document.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_LINES:
        raise invalid(f"items must be a list of 1 to {MAX_LINES}")
    return NewOrder(_whole(document, "customer_id", MAX_ID), tuple(_wanted(item) for item in items))


def order_status(document: Mapping[str, Any], choices: tuple[str, ...]) -> str:
    """``{"status": "paid"}``"""
    status = document.get("status")
    if not isinstance(status, str) or status not in choices:
        raise invalid(f"status must be one of {', '.join(choices)}")
    return status


def customer_changes(document: Mapping[str, Any]) -> dict[str, str | None]:
    """Any of name, email and phone; a phone can be taken away with null."""
    unknown = sorted(document.keys() - _CUSTOMER_FIELDS)
    if unknown or not document:
        raise invalid("only name, email and phone can be changed, and at least one of them")
    changes = {field: None if value is None and field == "phone" else _text(field, value) for field, value in document.items()}
    if "email" in changes:
        changes["email"] = _email(changes["email"] or "")
    if changes.get("name") == "":
        raise invalid("name must not be empty")
    return changes


def _wanted(item: Any) -> Wanted:
    if not isinstance(item, dict):
        raise invalid("each item must be an object")
    return Wanted(_whole(item, "product_id", MAX_ID), _whole(item, "quantity", MAX_QUANTITY))


def _whole(document: Mapping[str, Any], name: str, most: int) -> int:
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise invalid(f"{name} must be a whole number from 1 to {most}")
    return value


def _text(name: str, value: Any) -> str:
    # Databases refuse NUL, and encoders a lone half of a surrogate pair, which JSON can smuggle in.
    if not isinstance(value, str) or re.search("[\0\ud800-\udfff]", value) or len(value) > (40 if name == "phone" else MAX_TEXT):
        raise invalid(f"{name} must be text of a sensible length")
    return value.strip() if name != "phone" else value


def _email(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise invalid("email must look like name@example.org")
    return text.lower()
