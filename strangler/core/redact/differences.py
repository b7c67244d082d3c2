"""Differences without their secrets. They are compared before, so that a secret that differs is still told, by its tokens."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from strangler.core.difference import Difference, Kind, Path
from strangler.core.document import Content, Document
from strangler.core.redact.redactor import Redactor
from strangler.core.redact.sheet import Rendered

_LONGEST = 4 * 2**20  # of a text that is searched for values that go over several lines
_VALUE = 2000  # characters of one value


class Differences:
    """The differences between two documents, redacted."""

    def __init__(self, redactor: Redactor, control: Document, candidate: Document) -> None:
        self._redactor = redactor
        self._documents = (control, candidate)
        self._content = control.content if control.content is candidate.content else Content.NONE

    def plain(self, one: Difference) -> dict[str, Any]:
        """A difference as plain values: its path as rules write it, and both values as JSON, None for what is not there."""
        control, candidate = (
            None if one.kind is absent else self._value(value, one)
            for value, absent in ((one.control, Kind.EXTRA), (one.candidate, Kind.MISSING))
        )
        shown: dict[str, Any] = {"path": self._redactor.path(one.path, one.kind), "kind": str(one.kind)}
        shown |= {"control": control and control.text, "candidate": candidate and candidate.text}
        return shown | ({"cut": True} if (control and control.cut) or (candidate and candidate.cut) else {})

    def _value(self, value: Any, one: Difference) -> Rendered:
        redactor, content = self._redactor, self._content
        if one.kind is Kind.HEADER:
            return redactor.header_value(value, str(one.path[0]), _VALUE)
        if one.kind is Kind.STATUS or (not one.path and content is Content.NONE):
            return redactor.value(value, (), Content.NONE, _VALUE)
        if content is Content.BYTES:
            return redactor.digest(str(value))
        secret = self._is_secret(value, one.path)
        return redactor.value(value, one.path, content, _VALUE, secret=secret)

    def _is_secret(self, value: Any, path: Path) -> bool:
        if self._content is Content.TEXT:
            lines = value if isinstance(value, list) else [value]
            known = self._open_lines
            return known is None or any(isinstance(line, str) and line.strip() in known for line in lines)
        return any(self._redactor.is_labelled(document, path) for document in self._documents)

    @cached_property
    def _open_lines(self) -> frozenset[str] | None:
        """Lines that a secret goes over; None if there is too much text to say."""
        texts = [document.value for document in self._documents]
        if sum(map(len, texts)) > _LONGEST:
            return None
        return frozenset(line for text in texts for line in self._redactor.open_lines(text))
