"""Whether a request that changes something was sent by a page of ours, or by no page at all.

Browsers say where a request comes from, and pages cannot say it for them: in Sec-Fetch-Site (Fetch Metadata, W3C), and where
they do not send that yet in Origin (RFC 6454). What sends neither is no browser, and no browser's cookie comes with it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def from_elsewhere(site: str | None, origin: str | None, host: str) -> bool:
    """Whether another site's page sent this.

    Args:
        site: value of Sec-Fetch-Site; origin: of Origin; host: of Host.
    """
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and (_host_of(origin) or "nobody's") != host.lower()


def _host_of(origin: str) -> str:
    """Host and port; "" for ``null`` and whatever is no origin, which nobody has."""
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return ""
    return parts.netloc if parts.scheme in ("http", "https") else ""
