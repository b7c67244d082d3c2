"""An endpoint as it was found: one method of one template, and what was seen of it. Frozen; nothing in it is a secret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from strangler.core.model import SAFE_METHODS
from strangler.core.template import Literal, Part, Rest, Template
from strangler.traffic.discovery.members import holders
from strangler.traffic.discovery.tally import Asked, Tally
from strangler.traffic.openapi import Operation

Clean = Callable[[str], str]
"""A request target without its secrets."""

_ALWAYS = 0.995  # of the requests
_FEW_VALUES = 6  # that name variants of an endpoint
_LONGEST_VALUE = 24
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Query:
    """A parameter of the query. `values` only if they are few, so that they may mean variants."""

    name: str
    share: float
    values: tuple[str, ...] = ()

    @property
    def always(self) -> bool:
        return self.share >= _ALWAYS


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one template.

    Args:
        methods: those of its requests: GET may stand for HEAD, too.
        statuses: number of answers by status; 0 is no answer.
        auth: by how requests said who asks, and how many did so. Empty if headers are not known.
        sizes, seconds: medians and 95th percentiles, of the answers' bodies and of whole requests; None if not known.
        effects: what a safe method does although it should not, in words.
        again: requests that were asked again, how many of those got the same answer, and where the others differed.
        mappings: which mappings it probably reads or writes. Guessed from names.
        operation: what the document says of it; None if it is not in there, or there is none.
    """

    method: str
    template: Template
    requests: int
    methods: Mapping[str, int]
    statuses: Mapping[int, int]
    kinds: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()
    query: tuple[Query, ...] = ()
    auth: Mapping[str, int] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    varies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    clients: int = 0
    sizes: tuple[float, float] | None = None
    seconds: tuple[float, float] | None = None
    effects: tuple[str, ...] = ()
    again: tuple[int, int, tuple[str, ...]] = (0, 0, ())
    upgrades: bool = False
    streams: bool = False
    holders: frozenset[str] = frozenset()
    examples: tuple[str, ...] = ()
    mappings: tuple[str, ...] = ()
    operation: Operation | None = None

    @property
    def safe(self) -> bool:
        return self.method in SAFE_METHODS

    @property
    def name(self) -> str:
        return f"{self.method} {self.template.text}"

    @property
    def failed(self) -> int:
        """Requests that legacy failed: 5xx, or no answer at all."""
        return sum(number for status, number in self.statuses.items() if status == 0 or status >= 500)

    @property
    def classes(self) -> dict[str, int]:
        """Answers by status class; ``–`` is no answer."""
        found: Counter[str] = Counter()
        for status, number in sorted(self.statuses.items()):
            found[f"{status // 100}xx" if status else "–"] += number
        return dict(found)

    def told_by(self, operation: Operation | None) -> Endpoint:
        """The same, with what the document says of it."""
        return replace(self, operation=operation)


def endpoint(method: str, template: Template, tally: Tally, clean: Clean) -> Endpoint:
    """The endpoint of a tally."""
    again = tally.again
    return Endpoint(
        method,
        template,
        tally.requests,
        dict(tally.methods),
        {**tally.statuses, **({0: tally.failures} if tally.failures else {})},
        kinds=_most(tally.kinds),
        sends=_most(tally.sends),
        query=tuple(_query(name, asked, tally.requests, clean) for name, asked in sorted(tally.query.items())),
        auth=dict(tally.auth.most_common()),
        cookies=_most(tally.cookies),
        varies=_most(tally.varies),
        hosts=_most(tally.hosts),
        clients=len(tally.clients),
        sizes=_quantiles(tally.sizes.quantile(0.5), tally.sizes.quantile(0.95)),
        seconds=_quantiles(tally.durations.quantile(0.5), tally.durations.quantile(0.95)),
        effects=_effects(tally) if method in SAFE_METHODS else (),
        again=(again.times, again.same, _most(again.fields)),
        upgrades=bool(tally.upgrades),
        streams="text/event-stream" in tally.kinds,
        holders=holders(tally.known_members),
        examples=tuple(clean(each) for each in tally.examples),
    )


def redirects(statuses: Mapping[int, int]) -> int:
    """How many answers sent the client elsewhere."""
    return sum(number for status, number in statuses.items() if status in _REDIRECTS)


def structure(template: Template) -> tuple[str, ...]:
    """A template without the names of its parameters: equal if two take the same paths."""
    return tuple(_of_part(part) for part in template.parts)


def _of_part(part: Part) -> str:
    if isinstance(part, Literal):
        return part.text
    return "{...}" if isinstance(part, Rest) else f"{{:{part.regex}}}"


def _most(counter: Counter[str]) -> tuple[str, ...]:
    return tuple(name for name, _ in counter.most_common() if name)


def _quantiles(half: float | None, most: float | None) -> tuple[float, float] | None:
    return None if half is None or most is None else (half, most)


def _query(name: str, asked: Asked, requests: int, clean: Clean) -> Query:
    few = not asked.many and len(asked.values) <= _FEW_VALUES
    telling = few and asked.times > len(asked.values) and all(len(value) <= _LONGEST_VALUE for value in asked.values)
    values = (clean(f"/?{name}={value}").partition("=")[2] for value in sorted(asked.values))
    return Query(
        clean(f"/?{name}=").removeprefix("/?").removesuffix("="), asked.times / requests, tuple(values) if telling else ()
    )


def _effects(tally: Tally) -> tuple[str, ...]:
    """What else than an answer a safe request led to, as far as it shows from outside."""
    found = []
    if tally.sets:
        names = ", ".join(sorted(tally.sets)[:3])
        found.append(f"sets the cookie {names}" if len(tally.sets) == 1 else f"sets cookies ({names})")
    sent_on = redirects(tally.statuses)
    if sent_on >= 0.5 * tally.requests:
        found.append("redirects, so it may do something first")
    return tuple(found)
