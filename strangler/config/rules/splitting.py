"""Who is served by modern: sticky keys, and what must never be split."""

from __future__ import annotations

import re

from strangler.config.rules.draft import Draft, Rule
from strangler.core.model import Stage
from strangler.core.spec.reader import Reader, nearest

# Names under which frameworks keep sessions; a session changes at login, and its user would change sides with it.
_SESSION = re.compile(
    r"(?i)sess|^(jsessionid|phpsessid|connect\.sid|sid|asp\.net_sessionid|cfid|cftoken|laravel_session|_.*_session)$"
)


def sticky_is_whole(draft: Draft, reader: Reader) -> None:
    """A route may say a part of `sticky:` and have the rest from `defaults`; together they must name the key."""
    for route, placed in draft.whole():
        if route.sticky is None and placed.says("sticky") and not placed.is_broken("sticky"):
            placed.value_problem(reader, "sticky", "`by` is missing: header:NAME, cookie:NAME, path:PARAMETER or ip")


def canary_is_sticky(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        said = placed.says("sticky") or placed.is_broken("sticky")
        if route.stage is Stage.CANARY and route.sticky is None and not said:
            placed.problem(
                reader,
                "stage",
                "a canary must say who stays together: add `sticky: {by: cookie:NAME}` (or header:NAME, path:NAME, ip)",
            )


def sticky_parameter_exists(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        if route.sticky and route.sticky.by.source == "path":
            known = route.match.path.positions
            if route.sticky.by.name not in known:
                hint = nearest(route.sticky.by.name, list(known)) or ", nor any other"
                placed.problem(reader, "sticky.by", f"{route.match.path} has no parameter {route.sticky.by.name!r}{hint}")


def sticky_cookie_outlives_a_login(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        if route.sticky and route.sticky.by.source == "cookie" and _SESSION.search(route.sticky.by.name):
            placed.value_problem(
                reader,
                "sticky.by",
                f"{route.sticky.by.name} looks like a session, which changes at login, and its user changes sides with it: "
                "use something that names the user",
                warning=True,
            )


def unsafe_methods_are_not_split(draft: Draft, reader: Reader) -> None:
    """Half of the writes in each system is a data loss that nobody notices until much later."""
    for route, placed in draft.whole():
        if placed.is_broken("data", "unsafe", "match.methods"):
            continue
        if route.unsafe and route.data:
            placed.problem(
                reader, "unsafe", "a route with `data:` moves its writes as one, by `strangler cutover`: take this or `data:` out"
            )
        elif route.stage is Stage.CANARY and route.match.takes_unsafe and not route.data and not route.unsafe:
            placed.problem(
                reader,
                "stage",
                "a canary would split writes: give `match.methods: [GET, HEAD]`, or name the tables with `data:`, "
                "or say `unsafe: independent` if a write in either system is complete there",
            )


RULES: tuple[Rule, ...] = (
    sticky_is_whole,
    canary_is_sticky,
    sticky_parameter_exists,
    sticky_cookie_outlives_a_login,
    unsafe_methods_are_not_split,
)
