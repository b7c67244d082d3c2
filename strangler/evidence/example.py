"""One mismatch as it is kept: the request and both answers, readable, redacted, and never larger than a page of text is long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from strangler.core.compare.view import Comparison, View
from strangler.core.document import Content, Document
from strangler.core.observation import Observation, Pair
from strangler.core.outcome import Outcome
from strangler.core.records import Cause, Example
from strangler.core.redact import Redactor
from strangler.core.redact.differences import Differences
from strangler.evidence.answers import Whole
from strangler.evidence.coding import Undecodable, decode
from strangler.evidence.documents import document_of
from strangler.evidence.finding import stratum_of

MOST_BODY = 64 * 1024  # characters
MOST_DIFFERENCES = 200


def example_of(
    pair: Pair,
    outcome: Outcome,
    redactor: Redactor,
    *,
    answers: tuple[Whole | None, Whole | None] = (None, None),
    comparison: Comparison | None = None,
    causes: tuple[Cause, ...] = (),
) -> Example:
    """What is kept of a pair.

    Args:
        answers: of control and candidate, as they were compared; None for one that could not be.
        comparison: None if there was none.
        causes: redacted already.
    """
    echoes = redactor.begin()
    control, candidate = (
        _answer(seen, answer, redactor) for seen, answer in zip((pair.control, pair.candidate), answers, strict=True)
    )
    example = Example(
        route=pair.route,
        stratum=stratum_of(pair),
        outcome=outcome,
        at=pair.at,
        request_id=redactor.text(pair.request_id, 200),
        method=pair.method,
        target=redactor.target(pair.target),
        request=_request(pair, redactor),
        control=control,
        candidate=candidate,
        differences=_differences(comparison, answers, redactor),
        causes=causes,
    )
    texts = ("target", "request", "control", "candidate", "differences", "request_id")
    return replace(example, **{name: echoes.scrub(getattr(example, name)) for name in texts})


def view_of(kept: Mapping[str, Any]) -> View | None:
    """An answer of an example, to be compared again; None if it is not all there. Secrets are tokens, which keep equality."""
    if kept.get("cut") or not kept.get("status"):
        return None
    headers = tuple((name.lower(), value) for name, value in kept["headers"])
    kind = next((value for name, value in headers if name == "content-type"), "").partition("charset")[0]
    return View(kept["status"], headers, document_of(kind, kept["body"].encode()))


def _request(pair: Pair, redactor: Redactor) -> dict[str, Any]:
    body = decode(pair.body, _values(pair, b"content-encoding"))
    if isinstance(body, Undecodable):
        return {"headers": redactor.headers(pair.headers), **_unread(len(pair.body), body.reason)}
    kind = b"".join(_values(pair, b"content-type")[:1]).decode("latin-1")
    return {"headers": redactor.headers(pair.headers), **_body(document_of(kind, body), len(pair.body), redactor)}


def _values(pair: Pair, wanted: bytes) -> list[bytes]:
    return [value for name, value in pair.headers if name.lower() == wanted]


def _answer(seen: Observation, answer: Whole | None, redactor: Redactor) -> dict[str, Any]:
    timing = {"duration": seen.duration, "first_byte": seen.first_byte, "failure": redactor.text(seen.failure, 200)}
    if answer is None:
        reason = "" if seen.failure else "the body could not be decoded"
        return {"status": seen.status, "headers": redactor.headers(seen.headers), **_unread(seen.size, reason), **timing}
    headers = [[redactor.text(name, 200), redactor.header(name, value)] for name, value in answer.answer.headers]
    body = _unread(seen.size, "larger than shadow.max_body") if seen.digest else _body(answer.view.document, seen.size, redactor)
    return {"status": answer.view.status, "headers": headers, **body, **timing}


def _body(document: Document, size: int, redactor: Redactor) -> dict[str, Any]:
    """What is kept of a body: `size` is what was sent, `note` why it is not read as what it says it is."""
    shown = redactor.body(document, MOST_BODY)
    kept = {"body": shown.text, "encoding": "text", "content": str(document.content), "size": size}
    kept |= {"note": document.note, "cut": shown.cut or document.content is Content.BYTES}
    return kept


def _unread(size: int, reason: str) -> dict[str, Any]:
    return {"body": "", "encoding": "text", "content": str(Content.NONE), "size": size, "note": reason, "cut": size > 0}


def _differences(
    comparison: Comparison | None, answers: tuple[Whole | None, Whole | None], redactor: Redactor
) -> tuple[Mapping[str, Any], ...]:
    """The first of them; the last entry says how many more there are."""
    control, candidate = answers
    if comparison is None or control is None or candidate is None:
        return ()
    plain = Differences(redactor, control.view.document, candidate.view.document).plain
    shown = [plain(one) for one in comparison.differences[:MOST_DIFFERENCES]]
    more = len(comparison.differences) - len(shown)
    if more:
        shown.append({"path": "", "kind": "more", "control": None, "candidate": None, "count": more})
    return tuple(shown)
