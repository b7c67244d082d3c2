"""A new connection to an upstream, with TLS if its URL says https; and why there is none.

The name in the certificate must be the URL's host, whatever Host header the requests carry (RFC 9110 section 4.3.4).
"""

from __future__ import annotations

import asyncio
import ssl

from strangler.core.model import Url
from strangler.proxy import reasons
from strangler.proxy.reasons import Reason
from strangler.proxy.secured import secure


class DialError(Exception):
    """There is no connection.

    Attributes:
        reason: constant.
        detail: for the log; says nothing that is secret.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.label}: {detail}")
        self.reason = reason
        self.detail = detail


async def dial(url: Url, context: ssl.SSLContext | None, protocol: asyncio.Protocol, seconds: float) -> None:
    """Connect, shake hands, and have the protocol made, within so many seconds. Raises DialError."""
    try:
        async with asyncio.timeout(seconds):
            await _dial(url, context, protocol, seconds)
    except TimeoutError:
        raise DialError(reasons.CONNECT_TIMEOUT, f"not within {seconds:g} s") from None


async def _dial(url: Url, context: ssl.SSLContext | None, protocol: asyncio.Protocol, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    try:
        if context is None:
            await loop.create_connection(lambda: protocol, url.host, url.port)
            return
        raw, _ = await loop.create_connection(asyncio.Protocol, url.host, url.port)
    except TimeoutError:  # an OSError too: the system gave up before we did
        raise
    except (OSError, UnicodeError) as error:
        raise DialError(reasons.CONNECT_FAILED, getattr(error, "strerror", None) or type(error).__name__) from None
    try:
        transport = await secure(raw, protocol, context, timeout=2 * seconds, server_hostname=url.host)
    except ssl.SSLCertVerificationError as error:
        raise DialError(reasons.CERTIFICATE, error.verify_message.rstrip(".")) from None
    except (OSError, ValueError) as error:
        raise DialError(reasons.TLS_FAILED, _in_words(error)) from None
    protocol.connection_made(transport)


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.replace("_", " ").lower()
    return "the connection was closed" if isinstance(error, ConnectionError) else type(error).__name__
