"""TLS contexts, made from the files that a configuration names: before anything is served, and again at each reload.

Reading keys and authorities takes milliseconds, so nothing here belongs on the way of a request.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from strangler.core.errors import UsageError
from strangler.core.model import Listener, Tls, Upstream

PROTOCOLS = ("http/1.1",)  # what ALPN offers and takes (RFC 7301)
MORE_PROTOCOLS = ("h2", *PROTOCOLS)  # where another engine speaks


@dataclass(frozen=True, slots=True)
class Contexts:
    """What to speak TLS with.

    Attributes:
        listeners: in their order; None: that one speaks plain HTTP.
        upstreams: by name; those with an http URL have none.
    """

    listeners: Sequence[ssl.SSLContext | None] = ()
    upstreams: Mapping[str, ssl.SSLContext] = field(default_factory=dict)


def load(listeners: Sequence[Listener], upstreams: Mapping[str, Upstream]) -> Contexts:
    """Read every file. Raises UsageError, which names the file and what to do, if one cannot be used."""
    return Contexts(
        [_receiving(listener) for listener in listeners],
        {name: _verifying(name, upstream) for name, upstream in upstreams.items() if upstream.url.scheme == "https"},
    )


def _receiving(listener: Listener) -> ssl.SSLContext | None:
    if listener.tls is None:
        return None
    protocols = PROTOCOLS if listener.engine == "native" else MORE_PROTOCOLS
    return serving(listener.tls, f"listen {listener.address}", protocols)


def serving(tls: Tls, where: str, protocols: Sequence[str] = PROTOCOLS) -> ssl.SSLContext:
    """A context for a server. Raises UsageError, which begins with `where`."""
    for path in (tls.cert, tls.key):
        _check_readable(path, where)

    def ask_nobody() -> NoReturn:  # OpenSSL would ask on the terminal
        raise UsageError(f"{where}: {tls.key} is encrypted: give a key without a passphrase, readable by this user only")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(protocols)
    try:
        context.load_cert_chain(tls.cert, tls.key, ask_nobody)
    except ssl.SSLError as error:
        raise UsageError(f"{where}: {_what_is_wrong(tls, error)}") from None
    return context


def _verifying(name: str, upstream: Upstream) -> ssl.SSLContext:
    """A context for a client that believes only the authorities of `ca`, or the system's."""
    where = f"upstreams.{name}"
    if upstream.ca:
        _check_readable(upstream.ca, where)
    try:
        context = ssl.create_default_context(cafile=upstream.ca or None)
    except ssl.SSLError:
        raise UsageError(f"{where}: {upstream.ca} holds no certificate in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(PROTOCOLS)
    return context


def _check_readable(path: str, where: str) -> None:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        raise UsageError(f"{where}: {path} cannot be read: {error.strerror}") from None


def _what_is_wrong(tls: Tls, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{tls.key} is not the key of the certificate in {tls.cert}"
    reason = f" ({error.reason.replace('_', ' ').lower()})" if error.reason else ""
    return f"{tls.cert} and {tls.key} are not a certificate chain and its key in PEM{reason}"
