"""Which requests of a recording are asked, by which route's rules they are compared, and why the others are put aside."""

from __future__ import annotations

import re
from dataclasses import dataclass

from strangler.core.decide import Refuse, Table
from strangler.core.model import Route, Stage
from strangler.core.request import Request, host_of
from strangler.traffic.entry import Entry

_SIGNATURE = re.compile(r"(?:^|-)(?:signature|hmac|hmacsha256|sig)(?:-|$)")  # as of a shadow request
_CONDITIONAL = frozenset({304, 206, 412, 416})
_BODILESS = frozenset({204, 205, 304})


@dataclass(frozen=True, slots=True)
class Wish:
    """What people asked for.

    Attributes:
        methods: that are asked.
        routes: by name; empty for all.
        asks_control: whether somebody live answers as control, so that no recorded answer is needed.
        staged: whether routes at stage legacy are put aside.
    """

    methods: frozenset[str]
    routes: frozenset[str] = frozenset()
    asks_control: bool = False
    staged: bool = True


@dataclass(frozen=True, slots=True)
class Aside:
    """An exchange that is put aside: a label of `reasons.ASIDE`, and what in particular."""

    reason: str
    detail: str = ""


class Plan:
    """Chooses, entry by entry."""

    def __init__(self, table: Table, wish: Wish) -> None:
        self._table, self._wish = table, wish

    def choose(self, entry: Entry) -> Route | Aside:
        """The route by whose rules an entry is compared, or why it is not asked."""
        decision = self._table.decide(_request(entry), 0.0)
        if isinstance(decision, Refuse):
            return Aside("ambiguous_path")
        if decision.route is None:
            return Aside("no_route")
        reason = self._of_route(decision.route) or self._of_request(entry) or self._of_answer(entry)
        return Aside(*reason) if reason else decision.route

    def _of_route(self, route: Route) -> tuple[str, ...]:
        wanted = self._wish.routes
        if wanted:
            return () if route.name in wanted else ("route",)
        return ("stage", route.name) if self._wish.staged and route.stage is Stage.LEGACY else ()

    def _of_request(self, entry: Entry) -> tuple[str, ...]:
        request = entry.request
        if entry.status == 101 or request.first("upgrade") or entry.method == "CONNECT":
            return ("upgrade",)
        if entry.method not in self._wish.methods:
            return "method", entry.method
        if any(_SIGNATURE.search(re.sub("[^a-z0-9]", "-", name.lower())) for name, _ in request.headers):
            return ("signed",)
        unknown = request.body is None and (request.size or (request.size is None and entry.method in ("POST", "PUT", "PATCH")))
        return ("request_body",) if unknown else ()

    def _of_answer(self, entry: Entry) -> tuple[str, ...]:
        answer = entry.response
        if answer.first("content-type").partition(";")[0].strip().lower() == "text/event-stream":
            return ("stream",)
        if entry.status in _CONDITIONAL:
            return ("conditional",)
        if self._wish.asks_control:
            return ()
        if entry.failure or not entry.status:
            return ("no_answer",)
        empty = entry.method == "HEAD" or entry.status in _BODILESS or answer.size == 0
        return ("no_body",) if answer.body is None and not empty else ()


def _request(entry: Entry) -> Request:
    headers = [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in entry.request.headers]
    return Request(entry.method, entry.path, entry.query, host_of(entry.host), "", headers)
