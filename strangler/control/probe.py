"""One question to an upstream: are you well? As the proxy's own checks ask it, but now, for whoever is about to rely on it."""

from __future__ import annotations

import ssl

import httpx

from strangler.core.model import Upstream

PATIENCE = 5.0  # seconds, for everything


def well(upstream: Upstream) -> bool | None:
    """Whether an upstream answers its health check; None if it has none. Blocks for some seconds at most."""
    if upstream.health is None:
        return None
    headers = {} if upstream.host in ("preserve", "upstream") else {"host": upstream.host}
    try:
        # Reading the system's authorities takes longer than the question.
        verify = ssl.create_default_context(cafile=upstream.ca or None) if upstream.url.scheme == "https" else False
        with (
            httpx.Client(verify=verify, trust_env=False, timeout=PATIENCE) as client,
            client.stream("GET", f"{upstream.url}{upstream.health.path}", headers=headers) as answer,
        ):
            return 200 <= answer.status_code < 400
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        return False
