"""Templates, and how values become words in them. Everything that is not written in a template is escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from strangler import __version__
from strangler.control.standings import SAID
from strangler.core.causes import words
from strangler.core.figures import age, clean, count, moment, rate, share, shorten, took
from strangler.core.guard.verdict import Verdict
from strangler.core.outcome import SKIPS

# Scripts and styles are files of ours, and htmx needs no more. What pages show came from strangers: it can load nothing, send
# nothing anywhere, and stands in no frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.NOT_ENOUGH: "?"}


def page(template: str, status: int = 200, **given: Any) -> HTMLResponse:
    """A page, whole."""
    text = _environment().get_template(template).render(given)
    return HTMLResponse(text.encode("utf-8", "backslashreplace"), status, {"Content-Security-Policy": POLICY})


@cache
def _environment() -> Environment:
    loader = PackageLoader("strangler.web", "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {
        "age": age,
        "clean": lambda text: clean(str(text)),
        "count": count,
        "moment": moment,
        "rate": rate,
        "segment": segment,
        "shorten": shorten,
        "told": told,
        "visible": lambda text: "\n".join(map(clean, str(text).splitlines())),
        "words": words,
        "took": lambda seconds: "–" if seconds is None else took(seconds) if seconds < float("inf") else "> 11 s",
    }
    made.globals |= {
        "share": share,
        "version": __version__,
        "marks": _words(MARKS),
        "said": _words(SAID),
        "settings": SETTINGS,
        "skips": SKIPS,
    }
    return made


def _words(table: Mapping[Verdict, str]) -> dict[str, str]:
    return {str(verdict): word for verdict, word in table.items()}


_CODE = Markup("<code>{}</code>")


def told(text: str) -> Markup:
    """Words of ours or of strangers on a line; what stands between backquotes is a command."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # one of them has no other end
        return escape(clean(str(text)))
    return Markup("").join(_CODE.format(clean(part)) if index % 2 else escape(clean(part)) for index, part in enumerate(parts))


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="@")


# What htmx would add to pages by itself, and what it would run, is against the policy.
SETTINGS = json.dumps({"includeIndicatorStyles": False, "allowEval": False, "selfRequestsOnly": True, "historyCacheSize": 0})
