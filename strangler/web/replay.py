"""A replay as one page that stands alone: no script, nothing to load, for the screen, the phone and the printer.

It is made from the same document that `--json` prints, so the two never differ. What was recorded is shown as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from strangler.core.figures import moment, share, shorten, took
from strangler.core.units import Share, format_percent

_MOST_VALUE = 300  # characters of a value that differs
_MOST_BODY = 4000  # of a body
MOST_DIFFERENCES = 20  # of an example that are shown

_ANSWERS = {
    "pass": "The build agrees",
    "below the bar": "Too much differs",
    "too few compared": "Too little was compared",
    "recording damaged": "The recording could not be read to its end",
    "upstream gone": "The system was gone before the end",
    "interrupted": "It was interrupted",
}


def render(document: Mapping[str, Any]) -> str:
    """The page, complete, of a report as JSON has it."""
    return _template().render(
        found=document, answer=_ANSWERS[document["verdict"]], bar=format_percent(Share(document["fail_under"]))
    )


@cache
def _template() -> Template:
    loader = PackageLoader("strangler.web", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"moment": moment, "took": took, "number": "{:,}".format, "value": _value, "body": _body}
    environment.globals |= {"share": share, "times": _times, "most_differences": MOST_DIFFERENCES}
    return environment.get_template("replay.html")


def _value(value: Any) -> str:
    """A value that differs; "–" if there is none."""
    if value is None:
        return "–"
    return shorten(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _MOST_VALUE)


def _body(answer: Mapping[str, Any]) -> str:
    text = answer.get("body") or answer.get("note") or "(no body)"
    return shorten(str(text), _MOST_BODY)


def _times(latency: Mapping[str, Any], part: str) -> str:
    before, after = latency["control"][part], latency["candidate"][part]
    return "–" if before is None or after is None else f"{took(before)} → {took(after)}"
