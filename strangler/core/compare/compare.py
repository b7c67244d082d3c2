"""Two answers in, a flat list of their differences out: status, then headers, then the body by its kind."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from strangler.core.compare import headers
from strangler.core.compare.rules import Rules
from strangler.core.compare.tree import normal_html, normal_xml
from strangler.core.compare.view import Comparison, View
from strangler.core.compare.walk import Findings, Walk
from strangler.core.difference import Kind
from strangler.core.document import Content, Document


def compare(control: View, candidate: View, rules: Rules) -> Comparison:
    """Find everything in which two answers differ. Never raises for anything that is in them."""
    found = Findings()
    if control.status != candidate.status:
        found.add((), Kind.STATUS, control.status, candidate.status)
    for difference in headers.differing(control, candidate, rules.headers):
        found.add(difference.path, difference.kind, difference.control, difference.candidate)
    _compare_bodies(control.document, candidate.document, rules, found)
    return found.comparison()


def _compare_bodies(control: Document, candidate: Document, rules: Rules, found: Findings) -> None:
    if control.content is not candidate.content:
        found.add((), Kind.TYPE, _told(control), _told(candidate), rules.root.here.ignore)
    elif control.content is Content.FORM:
        Walk(rules, found).run(*_forms(control.value, candidate.value))
    elif control.content is Content.TEXT:
        Walk(rules, found, lengths=False).run(control.value.split("\n"), candidate.value.split("\n"))
    elif control.value is not candidate.value:
        prepare = _PREPARED.get(control.content, _as_it_is)
        Walk(rules, found).run(prepare(control.value), prepare(candidate.value))


def _told(document: Document) -> str:
    return f"{document.content} ({document.note})" if document.note else str(document.content)


def _as_it_is(value: Any) -> Any:
    return value


def _bytes(value: bytes) -> str:
    return f"{len(value)} bytes, BLAKE2b {blake2b(value, digest_size=16).hexdigest()}"


_PREPARED: dict[Content, Callable[[Any], Any]] = {
    Content.XML: normal_xml,
    Content.HTML: normal_html,
    Content.BYTES: _bytes,
}


def _forms(*forms: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Values by name; a list where one of the forms has several of that name."""
    grouped: list[dict[str, list[str]]] = []
    for form in forms:
        grouped.append({})
        for name, value in form:
            grouped[-1].setdefault(name, []).append(value)
    several = {name for values in grouped for name, found in values.items() if len(found) > 1}
    return [{name: found if name in several else found[0] for name, found in values.items()} for values in grouped]
