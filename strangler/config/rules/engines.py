"""Listeners whose engine is not all that the file takes it for."""

from __future__ import annotations

from importlib.util import find_spec

from strangler.config.rules.draft import Draft, Rule
from strangler.core.capabilities import CAPABILITIES
from strangler.core.model import OWN_AUTHORITY
from strangler.core.spec.reader import Reader

_ISSUES_CERTIFICATES = "cryptography"


def engines_are_installed(draft: Draft, reader: Reader) -> None:
    """A warning: the file may be checked on another machine than the one that serves it."""
    for section, listener in draft.sections("listen"):
        extra = CAPABILITIES[listener.engine].extra if listener else ""
        if extra and find_spec(extra) is None:
            message = f"{listener.engine} is not installed here, and `serve` needs it: pip install 'strangler[{extra}]'"
            reader.problem(section.place("engine"), f"{section.path}.engine", message, warning=True)


def an_authority_can_be_made(draft: Draft, reader: Reader) -> None:
    for section, listener in draft.sections("listen"):
        if listener and listener.tls == OWN_AUTHORITY and find_spec(_ISSUES_CERTIFICATES) is None:
            message = "`ca` needs what makes certificates, and `serve` will ask for it: pip install 'strangler[mitmproxy]'"
            reader.problem(section.place("tls"), f"{section.path}.tls", message, warning=True)


def browsers_want_tls_for_http_2(draft: Draft, reader: Reader) -> None:
    """Without TLS an engine that speaks it gives nothing to anybody but services that are told to begin with it."""
    for section, listener in draft.sections("listen"):
        if listener and "HTTP/2" in CAPABILITIES[listener.engine].protocols and listener.tls is None:
            message = "without `tls:` no browser speaks HTTP/2 here: add `tls: ca` or `tls: {cert: …, key: …}`"
            reader.problem(section.place("engine"), f"{section.path}.engine", message, warning=True)


RULES: tuple[Rule, ...] = (engines_are_installed, an_authority_can_be_made, browsers_want_tls_for_http_2)
