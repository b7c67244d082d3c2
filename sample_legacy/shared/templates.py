"""The shop's pages. They render the documents that the API gives, so both applications show the same."""

from typing import Any

from jinja2 import Environment, PackageLoader
from starlette.responses import HTMLResponse

from sample_legacy.shared import money


def _euros(amount: float) -> str:
    return money.euros(money.to_cents(amount))


_pages = Environment(loader=PackageLoader("sample_legacy.shared", "html"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_pages.filters["euros"] = _euros


def page(name: str, status_code: int = 200, headers: dict[str, str] | None = None, /, **context: Any) -> HTMLResponse:
    """One page; everything in the context is escaped."""
    return HTMLResponse(_pages.get_template(name).render(context), status_code, headers)
