"""An exchange as it was seen, without its secrets: what a recording may hold.

The tokens are those of the evidence, made with the same key, so that the same person is the same here and there. Bodies are
taken out of their content coding, since nobody can look for secrets in them otherwise, and headers say so then. Of what is no
text nothing is kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from strangler.core.document import Content
from strangler.core.model import Config
from strangler.core.observation import Headers
from strangler.core.redact import Redactor
from strangler.core.redact.echoes import Echoes
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
        entry = Entry(
            taped.method,
            redactor.target(taped.target),
            taped.host,
            taped.scheme,
            taped.at,
            taped.duration,
            self._message(taped.request_headers, taped.request_body, taped.request_size, redactor),
            taped.status or None,
            self._message(taped.response_headers, taped.response_body, taped.response_size, redactor)
            if taped.status
            else Message(),
            taped.failure,
            taped.side,
            taped.route,
            self._token("client", taped.client),
        )
        return replace(
            entry,
            target=echoes.scrub(entry.target),
            request=self._scrubbed(entry.request, echoes),
            response=self._scrubbed(entry.response, echoes),
        )

    def _redactor_of(self, name: str) -> Redactor:
        """Of a route; of all of them together, if it is known no more or was never one."""
        route = self._routes.get(name)
        if route is None:
            return self._other
        if name not in self._redactors:
            self._redactors[name] = Redactor(route.redact, self._key, [route.match.path])
        return self._redactors[name]

    def _message(self, headers: Headers, body: bytes | None, size: int, redactor: Redactor) -> Message:
        listed = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        clean = tuple(
            (redactor.text(name, 200), value if name.lower() in self._keep else redactor.header(name, value, _LONGEST_HEADER))
            for name, value in listed
        )
        if not body:
            return Message(clean, body, size)
        kind = next((value for name, value in listed if name.lower() == "content-type"), "")
        text = _text(body, [value for name, value in headers if name.lower() == b"content-encoding"], kind, redactor)
        if text is None:
            return Message(clean, None, size)
        return Message(clean, text.encode(), size)

    def _scrubbed(self, message: Message, echoes: Echoes) -> Message:
        """With no secret left that was met elsewhere in the exchange, and headers that say what the body is now."""
        headers = tuple((name, value if name.lower() in self._keep else echoes.scrub(value)) for name, value in message.headers)
        if not message.body:
            return replace(message, headers=headers)
        body = encoded(echoes.scrub(message.body.decode()), message.first("content-type"))
        return Message(tuple(_fitting(headers, len(body))), body, len(body))


def _text(body: bytes, codings: list[bytes], kind: str, redactor: Redactor) -> str | None:
    """A body as text without secrets; None if it is none, or cannot be decoded."""
    plain = decode(body, codings)
    if isinstance(plain, Undecodable):
        return None
    document = document_of(kind, plain)
    if document.content is Content.BYTES:
        return None
    shown = redactor.body(document, 2 * len(plain) + _ROOM)
    return None if shown.cut else shown.text


def _fitting(headers: tuple[tuple[str, str], ...], size: int) -> list[tuple[str, str]]:
    """Headers of a body of so many bytes, without content coding."""
    kept = [(name, value) for name, value in headers if name.lower() != "content-encoding"]
    return [(name, str(size) if name.lower() == "content-length" else value) for name, value in kept]
