"""Names of upstreams, and upstreams that cannot work."""

from __future__ import annotations

from strangler.config.rules.draft import Draft, Rule
from strangler.core.model import Admin, Listener, Stage
from strangler.core.spec.reader import Reader, nearest

_EVERYWHERE = ("0.0.0.0", "::")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def default_is_known(draft: Draft, reader: Reader) -> None:
    """Whatever no route matches goes to `defaults.legacy`, so that must exist, even without a route."""
    if draft.default in draft.upstreams or not draft.knows_upstreams or draft.written.is_broken("defaults", "legacy"):
        return
    where = ("defaults", "legacy") if "legacy" in draft.defaults else ("upstreams",)
    known = nearest(draft.default, list(draft.upstreams))
    draft.problem(reader, where, f"there is no upstream {draft.default!r}, which serves whatever no route matches{known}")


def routes_name_known_upstreams(draft: Draft, reader: Reader) -> None:
    """A route at `legacy` needs no modern yet; from `shadow` on it does."""
    if not draft.knows_upstreams:
        return
    for route, placed in draft.whole():
        needed = {"legacy": route.legacy}
        if route.stage is not Stage.LEGACY or "modern" in placed.written:
            needed["modern"] = route.modern
        for key, name in needed.items():
            if name not in draft.upstreams and not (name == draft.default and key == "legacy") and not placed.is_broken(key):
                hint = nearest(name, list(draft.upstreams))
                placed.value_problem(reader, key, f"there is no upstream {name!r}{hint}")
        if route.legacy == route.modern:
            message = f"legacy and modern are both {route.legacy!r}: there is nothing to move"
            placed.value_problem(reader, "modern", message, warning=True)


def identity_asks_another(draft: Draft, reader: Reader) -> None:
    for name, upstream in draft.upstreams.items():
        if upstream is None or upstream.identity is None or not draft.knows_upstreams:
            continue
        ask = upstream.identity.ask
        if ask not in draft.upstreams:
            hint = nearest(ask, list(draft.upstreams))
            draft.problem(reader, ("upstreams", name, "identity", "ask"), f"there is no upstream {ask!r}{hint}")
        elif ask == name:
            message = "asks itself: name the upstream that knows the session (legacy)"
            draft.problem(reader, ("upstreams", name, "identity", "ask"), message)


def upstream_is_not_ourselves(draft: Draft, reader: Reader) -> None:
    addresses = [listener.address for listener in draft.values.get("listen", (Listener(),)) if listener]
    addresses.append((draft.values.get("admin") or Admin()).address)
    ours = {(host, address.port) for address in addresses if address.port for host in _meant(address.host)}
    for name, upstream in draft.upstreams.items():
        if upstream and ours.intersection((host, upstream.url.port) for host in _meant(upstream.url.host)):
            draft.problem(reader, ("upstreams", name, "url"), "is an address that this proxy listens on: it would call itself")


def _meant(host: str) -> tuple[str, ...]:
    """Under which names a host is reached from this machine."""
    return _LOOPBACK if host in _EVERYWHERE or host in _LOOPBACK else (host,)


RULES: tuple[Rule, ...] = (
    default_is_known,
    routes_name_known_upstreams,
    identity_asks_another,
    upstream_is_not_ourselves,
)
