"""The recording in the words of one live upstream: its cookies, tokens and ids, as far as earlier answers have taught them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from strangler.core import exact
from strangler.core.answer import Answer
from strangler.core.model import SAFE_METHODS
from strangler.traffic.entry import Entry, Headers, Message
from strangler.traffic.replay import nouns
from strangler.traffic.replay.ids import Ids
from strangler.traffic.replay.jar import Jar

_MOST_JARS = 100_000  # clients whose cookies are known at once; the first is forgotten for the next


@dataclass(frozen=True, slots=True)
class Given:
    """What people gave on the command line, for every request.

    Attributes:
        headers: they replace those of the recording.
        cookies: values by name; "" leaves a cookie out.
    """

    headers: Headers = ()
    cookies: Mapping[str, str] = field(default_factory=dict)


class Bridge:
    """Between the recording and one upstream.

    Attributes:
        ids: as they were learned.
    """

    def __init__(self, given: Given) -> None:
        self.ids = Ids()
        self._given = given
        self._names = {name.lower() for name, _ in given.headers}
        self._jars: dict[str, Jar] = {}
        self._used: Counter[str] = Counter()

    @property
    def used(self) -> Counter[str]:
        """How often recorded values were replaced in requests, by what they are."""
        ids = Counter({f"id of {noun}": number for noun, number in self.ids.used.items()})
        return sum((jar.used for jar in self._jars.values()), self._used + ids)

    def request(self, entry: Entry, client: str) -> Entry:
        """A recorded request as it is to be sent.

        Args:
            client: whose cookies it gets.
        """
        jar = self._jars.get(client) or Jar()
        path, question, query = self.ids.target(entry.target, count=True).partition("?")
        target = path + question + jar.fields(query)
        headers = self._headers(entry, jar)
        return replace(entry, target=target, request=replace(entry.request, headers=headers, body=self._body(entry, jar)))

    def learn(self, entry: Entry, client: str, before: Answer, after: Answer) -> None:
        """From both answers, decoded, to a request as the recording has it."""
        self._jar(client).learn(before, after)
        if entry.method not in SAFE_METHODS:
            self.ids.learn(entry.target, entry.request.body, before, after)

    def lose(self, entry: Entry, before: Answer) -> None:
        """What a request made when it was recorded, it did not make here."""
        if entry.method not in SAFE_METHODS:
            self.ids.lose(entry.target, entry.request.body, before)

    def knows(self, entry: Entry) -> bool:
        """Whether everything that a request is about is here, as far as that is known."""
        return not self.ids.names_lost(entry.target, entry.request.body)

    def answer(self, entry: Entry, answer: Answer) -> Answer:
        """A recorded answer, decoded, with the ids of the upstream; the same one if nothing in it is rewritten."""
        if not self.ids:
            return answer
        headers = tuple((name, self._in_header(name, value)) for name, value in answer.headers)
        kind = next((value for name, value in answer.headers if name.lower() == "content-type"), "").partition(";")[0].lower()
        body = self._in_body(kind, answer.body, entry.path)
        unchanged = body is answer.body and headers == answer.headers
        return answer if unchanged else replace(answer, headers=headers, body=body)

    def _in_header(self, name: str, value: str) -> str:
        return self.ids.link(value) if name.lower() in ("location", "content-location", "link") else value

    def _in_body(self, kind: str, body: bytes, path: str) -> bytes:
        if kind.endswith("json"):
            value = _parsed(body)
            made = self.ids.document(value, path)
            return body if made is value else exact.render(made)
        if kind == "text/html":
            page = body.decode("utf-8", "surrogateescape")
            made = self.ids.links(page)
            return body if made == page else made.encode("utf-8", "surrogateescape")
        return body

    def _jar(self, client: str) -> Jar:
        if client not in self._jars and len(self._jars) >= _MOST_JARS:
            first = next(iter(self._jars))
            self._used += self._jars.pop(first).used
        return self._jars.setdefault(client, Jar())

    def _headers(self, entry: Entry, jar: Jar) -> Headers:
        recorded = "; ".join(entry.request.all("cookie"))
        cookies = jar.cookies(recorded, entry.path, self._given.cookies)
        kept = [
            (name, self._link_or_secret(jar, name, value))
            for name, value in entry.request.headers
            if name.lower() not in self._names and name.lower() != "cookie"
        ]
        mine = [("cookie", cookies)] if cookies and "cookie" not in self._names else []
        return (*kept, *mine, *self._given.headers)

    def _link_or_secret(self, jar: Jar, name: str, value: str) -> str:
        return self.ids.link(value) if name.lower() == "referer" else jar.header(name, value)

    def _body(self, entry: Entry, jar: Jar) -> bytes | None:
        body, kind = entry.request.body, entry.request.first("content-type").partition(";")[0].strip().lower()
        if not body or entry.request.first("content-encoding"):
            return body
        if kind.endswith("json"):
            value = _parsed(body)
            made = jar.document(self.ids.document(value, entry.path, count=True))
            return body if made == value else exact.render(made)
        if kind == "application/x-www-form-urlencoded":
            text = body.decode("latin-1")
            return jar.fields(self.ids.fields(text, nouns.noun_of_path(entry.path), count=True)).encode("latin-1")
        return body


def whole(message: Message) -> bool:
    """Whether the body of a recorded message is known; one of no bytes is."""
    return message.body is not None or message.size == 0


def _parsed(body: bytes) -> Any:
    try:
        return exact.parse(body)
    except exact.NotJsonError:
        return None
