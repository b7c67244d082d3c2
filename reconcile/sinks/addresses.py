"""To which addresses events are never sent: those of a machine's own link, where clouds keep metadata and with it credentials.

Loopback and private networks are where services live, and are allowed. What hides another address (mapped, 6to4, NAT64, Teredo)
is judged by the one it hides.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# Metadata that is not link-local: Amazon's, Google's, Azure's, Alibaba's and Oracle's.
_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.192")))
_LOW_32_BITS = tuple(map(IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))  # IPv4-compatible; RFC 6052; RFC 8215


def objection(address: str) -> str:
    """Why nothing is sent to an IP address; "" if it may be. Raises ValueError if it is none."""
    found = ip_address(address)
    return next((why for each in (found, *_hidden(found)) if (why := _objection(each))), "")


def _objection(address: IPv4Address | IPv6Address) -> str:
    if address.is_loopback:
        return ""
    if address.is_link_local:
        return "a link-local address"
    if address in _METADATA:
        return "an address of a cloud's metadata"
    return "a multicast address" if address.is_multicast else ""


def _hidden(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    if isinstance(address, IPv4Address):
        return []
    low = [IPv4Address(int(address) & 0xFFFF_FFFF) for network in _LOW_32_BITS if address in network]
    teredo = address.teredo[1] if address.teredo else None
    return [*low, *(found for found in (address.ipv4_mapped, address.sixtofour, teredo) if found)]
