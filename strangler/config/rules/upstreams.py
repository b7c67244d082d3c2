"""Names of upstreams, and upstreams that cannot work."""

from __future__ import annotations

from strangler.config.rules.draft import Draft, Rule
from strangler.core.model import Listener, Stage
from strangler.core.spec.reader import Reader, nearest


def default_is_known(draft: Draft, reader: Reader) -> None:
    """Whatever no route matches goes to `defaults.legacy`, so that must exist, even without a route."""
    if draft.default not in draft.upstreams:
        where = "defaults.legacy" if "legacy" in draft.defaults else "upstreams"
        known = nearest(draft.default, list(draft.upstreams))
        draft.problem(reader, where, f"there is no upstream {draft.default!r}, which serves whatever no route matches{known}")


def routes_name_known_upstreams(draft: Draft, reader: Reader) -> None:
    """A route at `legacy` needs no modern yet; from `shadow` on it does."""
    for route, placed in draft.whole():
        needed = {"legacy": route.legacy}
        if route.stage is not Stage.LEGACY or "modern" in placed.written:
            needed["modern"] = route.modern
        for key, name in needed.items():
            if name not in draft.upstreams and not (name == draft.default and key == "legacy"):
                hint = nearest(name, list(draft.upstreams))
                placed.problem(reader, key, f"there is no upstream {name!r}{hint}")
        if route.legacy == route.modern:
            placed.problem(
                reader, "modern", f"legacy and modern are both {route.legacy!r}: there is nothing to move", warning=True
            )


def identity_asks_another(draft: Draft, reader: Reader) -> None:
    for name, upstream in draft.upstreams.items():
        if upstream is None or upstream.identity is None:
            continue
        place, ask = f"upstreams.{name}.identity.ask", upstream.identity.ask
        if ask not in draft.upstreams:
            draft.problem(reader, place, f"there is no upstream {ask!r}{nearest(ask, list(draft.upstreams))}")
        elif ask == name:
            draft.problem(reader, place, "asks itself: name the upstream that knows the session (legacy)")
        if not upstream.identity.path.startswith("/"):
            draft.problem(reader, f"upstreams.{name}.identity.path", "does not start with /")


def paths_start_with_slash(draft: Draft, reader: Reader) -> None:
    for name, upstream in draft.upstreams.items():
        if upstream and upstream.health and not upstream.health.path.startswith("/"):
            draft.problem(reader, f"upstreams.{name}.health.path", "does not start with /")


def upstream_is_not_ourselves(draft: Draft, reader: Reader) -> None:
    listeners = draft.values.get("listen", (Listener(),))
    ours = {(listener.address.host, listener.address.port) for listener in listeners if listener and listener.address.port}
    for name, upstream in draft.upstreams.items():
        if upstream and (upstream.url.host.replace("localhost", "127.0.0.1"), upstream.url.port) in ours:
            draft.problem(reader, f"upstreams.{name}.url", "is an address that this proxy listens on: it would call itself")


RULES: tuple[Rule, ...] = (
    default_is_known,
    routes_name_known_upstreams,
    identity_asks_another,
    paths_start_with_slash,
    upstream_is_not_ourselves,
)
