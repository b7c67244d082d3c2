"""Listeners whose engine is not all that the file takes it for. Warnings: a file may be checked on another machine than the one
that serves it, and a service may know what no browser does."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from strangler.config.rules.draft import Draft, Rule
from strangler.core.capabilities import CAPABILITIES
from strangler.core.model import OWN_AUTHORITY, Listener
from strangler.core.spec.reader import Reader

_ISSUES_CERTIFICATES = "cryptography"


def engines_can_do_what_is_asked(draft: Draft, reader: Reader) -> None:
    for section, listener in draft.sections("listen"):
        for key, message in _shortcomings(listener) if listener else ():
            reader.problem(section.place(key), f"{section.path}.{key}", message, warning=True)


def _shortcomings(listener: Listener) -> Iterator[tuple[str, str]]:
    engine = CAPABILITIES[listener.engine]
    if engine.extra and find_spec(engine.extra) is None:
        yield "engine", f"{listener.engine} is not installed here, and `serve` needs it: pip install 'strangler[{engine.extra}]'"
    if listener.tls == OWN_AUTHORITY and find_spec(_ISSUES_CERTIFICATES) is None:
        yield "tls", "`ca` needs what makes certificates, and `serve` will ask for it: pip install 'strangler[mitmproxy]'"
    if listener.tls is None and "HTTP/2" in engine.protocols:
        yield "engine", "without `tls:` no browser speaks HTTP/2 here: add `tls: ca` or `tls: {cert: …, key: …}`"


RULES: tuple[Rule, ...] = (engines_can_do_what_is_asked,)
