"""What was seen of one method at one place. Everything in it is bounded, whatever comes and however much of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from strangler.traffic.discovery.again import Again
from strangler.traffic.discovery.counting import LONGEST, NAMES, OTHERS, count
from strangler.traffic.discovery.members import Members, document, members
from strangler.traffic.discovery.sample import Sample
from strangler.traffic.entry import Entry

_LOOKED_INTO = 8  # bodies of one tally
_MEMBERS = 160
_CLIENTS = 64
_EXAMPLES = 3
VALUES = 12  # of one parameter


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
            self.values.add(value[:LONGEST])
            if len(self.values) > VALUES:
                self.many, self.values = True, set()


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
        self.methods[entry.method if len(self.methods) < NAMES else OTHERS] += 1
        if entry.status is None:
            self.failures += 1
        else:
            self.statuses[entry.status] += 1
        if entry.duration is not None and entry.status != 101:
            self.durations.add(entry.duration)
        if entry.client and len(self.clients) < _CLIENTS:
            self.clients.add(entry.client)
        if entry.host:
            count(self.hosts, entry.host[:LONGEST])
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
                for crumb in cookie.split(";")[:NAMES]:
                    count(self.cookies, crumb.partition("=")[0].strip()[:LONGEST])
            if headers.first("content-type"):
                count(self.sends, media_type(headers.first("content-type")))

    def _query(self, query: str) -> None:
        given: dict[str, list[str]] = {}
        for pair in query.split("&")[: NAMES * 4] if query else ():
            name, _, value = pair.partition("=")
            given.setdefault(unquote_plus(name)[:LONGEST], []).append(value[:LONGEST])
        for name, values in given.items():
            if name in self.query or len(self.query) < NAMES:
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
            count(self.sets, cookie.partition("=")[0].strip()[:LONGEST])
        for name in answer.first("vary").split(","):
            if name.strip():
                count(self.varies, name.strip().lower()[:LONGEST])
        self.upgrades += entry.status == 101
        if len(self.prints) < 2:
            self.prints.add((entry.status, answer.size, answer.first("location")))
        if entry.status and 200 <= entry.status < 300 and entry.method == "GET":
            self._look(entry)

    def _look(self, entry: Entry) -> None:
        if entry.response.body is None:
            return
        value = document(entry.response) if self.looked < _LOOKED_INTO else None
        if value is not None:
            self.looked += 1
            self.members |= set(members(value)) if len(self.members) < _MEMBERS else set()
        self.again.see(entry)

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
            if name in self.query or len(self.query) < NAMES:
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
    return value.partition(";")[0].strip().lower()[:LONGEST]
