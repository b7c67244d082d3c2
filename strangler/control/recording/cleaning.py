"""An exchange as it was seen, without its secrets: what a recording may hold.

The tokens are those of the evidence, made with the same key, so that the same person is the same here and there. Bodies are
taken out of their content coding, since nobody can look for secrets in them otherwise, and headers say so then. Of what is no
text nothing is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from strangler.core.document import Content
from strangler.core.model import Config
from strangler.core.observation import Headers
from strangler.core.redact import Redactor
from strangler.core.redact.overall import redactor_of
from strangler.core.redact.token import mint
from strangler.evidence.coding import Undecodable, decode
from strangler.evidence.documents import document_of
from strangler.proxy.tape import Taped
from strangler.traffic.entry import Entry, Message
from strangler.traffic.har_bodies import encoded

_LONGEST_HEADER = 64 * 1024
_ROOM = 64 * 1024  # that a body may grow by tokens, besides twice its size


class Cleaner:
    """Cleans under one configuration.

    Args:
        key: of the tokens; raises ValueError if it has less than 16 bytes.
        keep: names of headers, in lower case, that are kept as they are.
    """

    def __init__(self, config: Config, key: bytes, keep: Collection[str] = ()) -> None:
        self._routes = {route.name: route for route in config.routes}
        self._redactors: dict[str, Redactor] = {}
        self._key, self._keep = key, keep
        self._other = redactor_of(config, key)
        self._token = mint(key)

    def clean(self, taped: Taped) -> Entry:
        """The entry of an exchange."""
        redactor = self._redactor_of(taped.route)
        echoes = redactor.begin()
        asked, got = list(_pairs(taped.request_headers)), list(_pairs(taped.response_headers))
        kept = {place: value for place, value in enumerate(asked + got) if value[0].lower() in self._keep}
        shown = [
            redactor.target(taped.target),
            [[redactor.text(name, 200), redactor.header(name, value, _LONGEST_HEADER)] for name, value in asked + got],
            _text(asked, taped.request_body, redactor),
            _text(got, taped.response_body, redactor),
        ]
        target, headers, sent, answered = echoes.scrub(shown)  # all at once: making the writings of a secret is dear
        clean = [kept.get(place, (name, value)) for place, (name, value) in enumerate(headers)]
        return Entry(
            taped.method,
            target,
            taped.host,
            taped.scheme,
            taped.at,
            taped.duration,
            _message(clean[: len(asked)], sent, taped.request_size),
            taped.status or None,
            _message(clean[len(asked) :], answered, taped.response_size) if taped.status else Message(),
            taped.failure,
            taped.side,
            taped.route,
            self._token("client", taped.client),
        )

    def _redactor_of(self, name: str) -> Redactor:
        """Of a route; of all of them together, if it is known no more or was never one."""
        route = self._routes.get(name)
        if route is None:
            return self._other
        if name not in self._redactors:
            self._redactors[name] = Redactor(route.redact, self._key, [route.match.path])
        return self._redactors[name]


def _pairs(headers: Headers) -> Iterator[tuple[str, str]]:
    return ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)


def _text(headers: list[tuple[str, str]], body: bytes | None, redactor: Redactor) -> str | None:
    """A body as text without secrets; None if it was not kept, is no text, or cannot be decoded."""
    if not body:
        return None if body is None else ""
    plain = decode(body, [value.encode("latin-1") for name, value in headers if name.lower() == "content-encoding"])
    if isinstance(plain, Undecodable):
        return None
    document = document_of(next((value for name, value in headers if name.lower() == "content-type"), ""), plain)
    if document.content is Content.BYTES:
        return None
    shown = redactor.body(document, 2 * len(plain) + _ROOM)
    return None if shown.cut else shown.text


def _message(headers: list[tuple[str, str]], text: str | None, size: int) -> Message:
    """With headers that say what the body is now."""
    if not text:
        return Message(tuple(headers), None if text is None else b"", size)
    body = encoded(text, next((value for name, value in headers if name.lower() == "content-type"), ""))
    kept = [(name, value) for name, value in headers if name.lower() != "content-encoding"]
    told = ((name, str(len(body)) if name.lower() == "content-length" else value) for name, value in kept)
    return Message(tuple(told), body, len(body))
