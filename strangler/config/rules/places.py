"""Addresses and files that the configuration names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address

from strangler.config.rules.draft import Draft, Rule
from strangler.core.model import OWN_AUTHORITY, Address, Admin, Listener
from strangler.core.spec.node import Node
from strangler.core.spec.reader import Reader

_LONGEST_SOCKET_PATH = 107  # bytes; sun_path holds 108 with its NUL


def addresses_differ(draft: Draft, reader: Reader) -> None:
    seen: dict[str, str] = {}
    for path, node, address in _addresses(draft):
        if address.port or address.unix:
            first = seen.setdefault(str(address), path)
            if first != path:
                reader.problem(node, path, f"{address} is taken by {first}")


def admin_is_protected(draft: Draft, reader: Reader) -> None:
    """Tokens in plain HTTP across a network are given away."""
    admin = draft.values.get("admin") or Admin()
    if draft.written.is_broken("admin") or admin.tls or admin.insecure or _is_loopback(admin.address):
        return
    message = f"{admin.address} is not loopback: add `tls:`, or `insecure: true` if something else protects it"
    draft.problem(reader, ("admin", "address"), message)


def socket_paths_fit(draft: Draft, reader: Reader) -> None:
    for path, node, address in _addresses(draft):
        whole = os.fsencode(draft.folder / address.unix) if address.unix else b""
        if len(whole) > _LONGEST_SOCKET_PATH:
            reader.problem(node, path, f"a socket's path has at most {_LONGEST_SOCKET_PATH} bytes, this one {len(whole)}")


def files_exist(draft: Draft, reader: Reader) -> None:
    for path, node, name in _files(draft):
        if not os.path.isfile(draft.folder / name):  # Path.is_file raises for a name that is too long
            reader.problem(node, path, f"there is no file {name} (looked in the folder of this file)")


def _addresses(draft: Draft) -> Iterator[tuple[str, Node, Address]]:
    admin, written = draft.values.get("admin") or Admin(), draft.written.has("admin", "address")
    if not written:  # then it is what stands in the file that must give way
        yield "admin.address, by default", draft.written.node, admin.address
    for listener, value in draft.sections("listen"):
        if value:
            yield f"{listener.path}.address", listener.place("address"), value.address
    if not draft.written.has("listen"):
        yield "listen[0].address", draft.written.node, Listener().address
    if written:
        yield "admin.address", draft.written.place("admin", "address"), admin.address


def _files(draft: Draft) -> Iterator[tuple[str, Node, str]]:
    served = list(draft.sections("listen"))
    if draft.written.has("admin"):
        served.append((draft.written["admin"], draft.values["admin"]))
    for section, value in served:
        if value and value.tls and value.tls != OWN_AUTHORITY:
            for key in ("cert", "key"):
                yield f"{section.path}.tls.{key}", section.place("tls", key), getattr(value.tls, key)
    for name, upstream in draft.upstreams.items():
        if upstream and upstream.ca:
            yield f"upstreams.{name}.ca", draft.written.place("upstreams", name, "ca"), upstream.ca
    if draft.written.has("mappings"):
        for (path, node), name in zip(draft.written["mappings"].places, draft.values["mappings"], strict=True):
            yield path, node, name


def _is_loopback(address: Address) -> bool:
    if address.unix or address.host == "localhost":
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return False


RULES: tuple[Rule, ...] = (addresses_differ, admin_is_protected, socket_paths_fit, files_exist)
