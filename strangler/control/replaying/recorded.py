"""The recorded answer as an observation, and observations in the words of another: with its ids, or without its secrets."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b

from strangler.core.answer import Answer
from strangler.core.observation import Headers, Observation
from strangler.core.redact import Redactor
from strangler.evidence.answers import answer_of, header
from strangler.evidence.coding import Undecodable
from strangler.evidence.documents import document_of
from strangler.traffic.entry import Entry
from strangler.traffic.entry import Headers as Texts

_MOST = 8 * 2**20  # characters of a body that is redacted to be compared


def observation_of(entry: Entry, most: int) -> Observation:
    """What was recorded. `most`: bytes of a body that is compared as it is; of a larger one its digest is."""
    body = entry.response.body or b""
    large = len(body) > most
    return Observation(
        entry.status or 0,
        bytes_of(entry.response.headers),
        b"" if large else body,
        len(body),
        blake2b(body, digest_size=16).digest() if large else b"",
        failure=entry.failure or ("" if entry.status else "no_answer"),
        duration=entry.duration or 0.0,
    )


def decoded(seen: Observation) -> Answer | None:
    """The answer that was observed; None if there is none, or its body cannot be decoded."""
    if seen.failure or not seen.status:
        return None
    answer = answer_of(seen)
    return None if isinstance(answer, Undecodable) else answer


def encoded(seen: Observation, answer: Answer) -> Observation:
    """The observation with another answer in it."""
    return replace(
        seen, status=answer.status, headers=bytes_of(answer.headers), body=answer.body, size=len(answer.body), digest=b""
    )


def redacted(seen: Observation, redactor: Redactor) -> Observation:
    """The observation with tokens for secrets, as it would have been recorded."""
    answer = decoded(seen)
    if answer is None:
        return seen
    echoes = redactor.begin()
    headers = tuple((name, redactor.header(name, value)) for name, value in answer.headers)
    text = redactor.body(document_of(header(answer, "content-type"), answer.body), _MOST).text
    scrubbed = echoes.scrub([text, headers])
    return encoded(seen, replace(answer, headers=tuple(map(tuple, scrubbed[1])), body=scrubbed[0].encode("utf-8", "replace")))


def bytes_of(headers: Texts) -> Headers:
    """Headers as they go over the wire."""
    return tuple((name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers)
