"""Which names the admin address answers to.

A page that a browser has loaded from anywhere may point a name of its own at 127.0.0.1 and then talk to what listens here
as if it came from there (DNS rebinding). The browser still sends that name as Host, so only known ones are answered.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE = frozenset({"0.0.0.0", "::"})


def allowed(host: str, configured: Collection[str]) -> bool:
    """Whether a Host header names us: a name of this machine for itself, or one of the configured addresses.

    An address that listens everywhere is reached by whatever addresses the machine has, which are numbers: a name can be
    anybody's, a number is what it says.
    """
    name = _bare(host)
    if name in LOOPBACK or name in configured:
        return True
    return bool(_EVERYWHERE.intersection(configured)) and _is_number(name)


def _bare(host: str) -> str:
    """Without port and brackets, in lower case, without the dot at the end."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].rstrip(".") if ":" in host else host.rstrip(".")


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
