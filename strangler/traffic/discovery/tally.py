"""What was seen of one method at one place. Everything in it is bounded, whatever comes and however much of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote_plus

from strangler.traffic.discovery.members import Members, changed, document, members, unpacked
from strangler.traffic.discovery.sample import Sample
from strangler.traffic.entry import Entry

OTHERS = "…"  # counts what there was no room for
_LOOKED_INTO = 8  # bodies of one tally
_MEMBERS = 160
_CLIENTS = 64
_EXAMPLES = 3
_NAMES = 24  # of parameters, cookies, kinds of content
VALUES = 12  # of one parameter
_REMEMBERED = 24  # requests whose answers are compared when they come again
_LONGEST = 200  # characters of a name or a value


def count(counter: Counter[str], name: str, by: int = 1) -> None:
    """Count, or count among the others if there are too many names already."""
    counter[name if name in counter or len(counter) < _NAMES else OTHERS] += by


@dataclass(slots=True)
class Asked:
    """A parameter of the query: how often it was there, and its values while they are few."""

    times: int = 0
    values: set[str] = field(default_factory=set)
    many: bool = False

    def add(self, values: Iterable[str]) -> None:
        for value in values:
            if value in self.values or self.many:
                continue
            self.values.add(value[:_LONGEST])
            if len(self.values) > VALUES:
                self.many, self.values = True, set()


@dataclass(slots=True)
class Again:
    """Requests that came again, and whether they got the same answer."""

    first: dict[bytes, tuple[bytes, Any]] = field(default_factory=dict)
    times: int = 0
    same: int = 0
    fields: Counter[str] = field(default_factory=Counter)

    def see(self, entry: Entry, value: Any) -> None:
        body = unpacked(entry.response) if entry.status == 200 else None
        if body is None:
            return
        asker = "\n".join(value for name in ("cookie", "authorization", "accept") for value in entry.request.all(name))
        key = _digest(f"{entry.host}\n{entry.target}\n{asker}".encode("utf-8", "surrogateescape"))
        answer = _digest(body)
        before = self.first.get(key)
        if before is not None:
            self.times += 1
            self.same += before[0] == answer
            if before[0] != answer:
                for name in sorted(changed(before[1], value)) if value is not None else ["$"]:
                    count(self.fields, name[:_LONGEST])
        elif len(self.first) < _REMEMBERED:
            self.first[key] = (answer, value)

    def take(self, other: Again) -> None:
        self.times += other.times
        self.same += other.same
        for name, times in other.fields.items():
            count(self.fields, name, times)


@dataclass(slots=True)
class Tally:
    """Requests of one method at one place. `prints` are what answers looked like from outside, to find those that anything gets:
    two of them, at most."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: int = 0
    methods: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    sends: Counter[str] = field(default_factory=Counter)
    query: dict[str, Asked] = field(default_factory=dict)
    auth: Counter[str] = field(default_factory=Counter)
    cookies: Counter[str] = field(default_factory=Counter)
    sets: Counter[str] = field(default_factory=Counter)
    varies: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    clients: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)
    sizes: Sample = field(default_factory=Sample)
    durations: Sample = field(default_factory=Sample)
    members: set[str] = field(default_factory=set)
    looked: int = 0
    again: Again = field(default_factory=Again)
    prints: set[Hashable] = field(default_factory=set)
    upgrades: int = 0

    def add(self, entry: Entry) -> None:
        """Count one request."""
        self.requests += 1
        self.methods[entry.method if len(self.methods) < _NAMES else OTHERS] += 1
        if entry.status is None:
            self.failures += 1
        else:
            self.statuses[entry.status] += 1
        if entry.duration is not None and entry.status != 101:
            self.durations.add(entry.duration)
        if entry.client and len(self.clients) < _CLIENTS:
            self.clients.add(entry.client)
        if entry.host:
            count(self.hosts, entry.host[:_LONGEST])
        if len(self.examples) < _EXAMPLES and entry.target not in self.examples:
            self.examples.append(entry.target[:2048])
        self._ask(entry)
        self._answer(entry)

    def _ask(self, entry: Entry) -> None:
        self._query(entry.query)
        headers = entry.request
        if headers.headers:
            count(self.auth, auth_of(entry))
            for cookie in headers.all("cookie"):
                for crumb in cookie.split(";")[:_NAMES]:
                    count(self.cookies, crumb.partition("=")[0].strip()[:_LONGEST])
            if headers.first("content-type"):
                count(self.sends, media_type(headers.first("content-type")))

    def _query(self, query: str) -> None:
        given: dict[str, list[str]] = {}
        for pair in query.split("&")[: _NAMES * 4] if query else ():
            name, _, value = pair.partition("=")
            given.setdefault(unquote_plus(name)[:_LONGEST], []).append(value[:_LONGEST])
        for name, values in given.items():
            if name in self.query or len(self.query) < _NAMES:
                asked = self.query.setdefault(name, Asked())
                asked.times += 1
                asked.add(values)

    def _answer(self, entry: Entry) -> None:
        answer = entry.response
        if answer.size is not None:
            self.sizes.add(answer.size)
        kind = media_type(answer.first("content-type"))
        if kind and entry.status and entry.status < 400:
            count(self.kinds, kind)
        for cookie in answer.all("set-cookie"):
            count(self.sets, cookie.partition("=")[0].strip()[:_LONGEST])
        for name in answer.first("vary").split(","):
            if name.strip():
                count(self.varies, name.strip().lower()[:_LONGEST])
        self.upgrades += entry.status == 101
        if len(self.prints) < 2:
            self.prints.add((entry.status, answer.size, answer.first("location")))
        if entry.status and 200 <= entry.status < 300 and entry.method == "GET":
            self._look(entry)

    def _look(self, entry: Entry) -> None:
        if entry.response.body is None:
            return
        wanted = self.looked < _LOOKED_INTO or bool(self.again.first)
        value = document(entry.response) if wanted else None
        if value is not None and self.looked < _LOOKED_INTO:
            self.looked += 1
            self.members |= set(members(value)) if len(self.members) < _MEMBERS else set()
        self.again.see(entry, value)

    @property
    def known_members(self) -> Members:
        return frozenset(self.members)

    def take(self, other: Tally) -> None:
        """Add what another one has counted."""
        self.requests += other.requests
        self.failures += other.failures
        self.statuses.update(other.statuses)
        self.methods.update(other.methods)
        self.upgrades += other.upgrades
        for mine, theirs in zip(self._counters(), other._counters(), strict=True):
            for name, times in theirs.items():
                count(mine, name, times)
        for name, asked in other.query.items():
            if name in self.query or len(self.query) < _NAMES:
                own = self.query.setdefault(name, Asked())
                own.times += asked.times
                own.add(asked.values)
                own.many = own.many or asked.many
        self.clients |= set(sorted(other.clients)[: _CLIENTS - len(self.clients)])
        self.examples += [each for each in other.examples if each not in self.examples][: _EXAMPLES - len(self.examples)]
        self.sizes.take(other.sizes)
        self.durations.take(other.durations)
        self.members |= other.members if len(self.members) < _MEMBERS else set()
        self.looked += other.looked
        self.again.take(other.again)
        if len(self.prints) < 2:
            self.prints |= set(list(other.prints)[:2])

    def _counters(self) -> tuple[Counter[str], ...]:
        return self.kinds, self.sends, self.auth, self.cookies, self.sets, self.varies, self.hosts


def auth_of(entry: Entry) -> str:
    """How a request says who asks: by a scheme, by cookies, or not at all."""
    scheme = entry.request.first("authorization").partition(" ")[0].lower()
    if scheme:
        return scheme if scheme in ("basic", "bearer", "digest", "negotiate") else "other"
    return "cookie" if entry.request.all("cookie") else "none"


def media_type(value: str) -> str:
    """Without parameters, in lower case."""
    return value.partition(";")[0].strip().lower()[:_LONGEST]


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=12).digest()
