"""What comparisons are tested in: two documents as text, a route's keys in YAML, and differences as lines of text."""

from __future__ import annotations

from typing import Any

from strangler.core import exact
from strangler.core.compare.compare import compare
from strangler.core.compare.rules import NO_RULES, Rules, rules_for
from strangler.core.compare.view import Comparison, View
from strangler.core.difference import Difference, render_path
from strangler.core.document import Content, Document, Element
from tests.unit.given import route


def rules(keys: str = "") -> Rules:
    """The rules of a route, from keys such as ``compare: {ignore: [$.a]}``."""
    return rules_for(route(keys)) if keys else NO_RULES


def view(value: Any, content: Content = Content.JSON, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> View:
    return View(status, headers, Document(content, value))


def json(text: str) -> View:
    return view(exact.parse(text.encode()))


def compared(control: str, candidate: str, keys: str = "") -> Comparison:
    """Two JSON documents, compared."""
    return compare(json(control), json(candidate), rules(keys))


def lines(comparison: Comparison) -> list[str]:
    """``$.a value 1 2`` for a difference; ``$.a value 1 2 < ignore $.a`` for one that a rule allows."""
    ignored = [f"{line(difference)} < {rule}" for difference, rule in comparison.ignored]
    return [line(difference) for difference in comparison.differences] + ignored


def line(difference: Difference) -> str:
    return f"{render_path(difference.path)} {difference.kind} {shown(difference.control)} {shown(difference.candidate)}"


def shown(value: Any) -> str:
    """A value in JSON; what is not there is ``-``, as null is."""
    if value is None:
        return "-"
    return str(value) if isinstance(value, int | Element) and not isinstance(value, bool) else exact.render(value).decode()


def tree(text: str) -> Element:
    """A little tree: ``<a x=1><b>text</b></a>``; no entities, every element is closed."""
    import re

    open_: list[tuple[str, dict[str, str], list[Any]]] = [("", {}, [])]
    for tag, words in re.findall(r"<([^>]*)>|([^<]+)", text):
        if words:
            open_[-1][2].append(words)
        elif tag.startswith("/"):
            name, attributes, children = open_.pop()
            open_[-1][2].append(Element(name, attributes, tuple(children)))
        else:
            name, *pairs = tag.split(" ")
            open_.append((name, dict(pair.split("=") for pair in pairs), []))
    root = open_[0][2][0]
    assert isinstance(root, Element)
    return root
