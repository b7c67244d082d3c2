"""Addresses and files that the configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from strangler.config.rules.draft import Draft, Rule
from strangler.core.model import Address, Admin, Listener
from strangler.core.spec.reader import Reader


def addresses_differ(draft: Draft, reader: Reader) -> None:
    seen: dict[str, str] = {}
    for place, address in _addresses(draft):
        if address.port or address.unix:
            first = seen.setdefault(str(address), place)
            if first != place:
                reader.problem(_place(draft, place), place, f"{address} is taken by {first}")


def admin_is_protected(draft: Draft, reader: Reader) -> None:
    """Tokens in plain HTTP across a network are given away."""
    admin = draft.values.get("admin") or Admin()
    if admin.tls is None and not admin.insecure and not _is_loopback(admin.address):
        draft.problem(
            reader,
            "admin.address",
            f"{admin.address} is not loopback: add `tls:`, or `insecure: true` if something else protects it",
        )


def files_exist(draft: Draft, reader: Reader) -> None:
    for place, name in _files(draft):
        if not (draft.folder / name).is_file():
            reader.problem(_place(draft, place), place, f"there is no file {name} (looked in the folder of this file)")


def _addresses(draft: Draft) -> Iterator[tuple[str, Address]]:
    for index, listener in enumerate(draft.values.get("listen", (Listener(),))):
        if listener:
            yield f"listen[{index}].address", listener.address
    admin = draft.values.get("admin") or Admin()
    yield "admin.address", admin.address


def _files(draft: Draft) -> Iterator[tuple[str, str]]:
    for index, listener in enumerate(draft.values.get("listen", ())):
        if listener and listener.tls:
            yield f"listen[{index}].tls.cert", listener.tls.cert
            yield f"listen[{index}].tls.key", listener.tls.key
    admin = draft.values.get("admin")
    if admin and admin.tls:
        yield "admin.tls.cert", admin.tls.cert
        yield "admin.tls.key", admin.tls.key
    for name, upstream in draft.upstreams.items():
        if upstream and upstream.ca:
            yield f"upstreams.{name}.ca", upstream.ca
    for index, name in enumerate(draft.values.get("mappings", ())):
        yield f"mappings[{index}]", name


def _place(draft: Draft, path: str):  # type: ignore[no-untyped-def]
    return draft.written.place(*path.partition("[")[0].split("."))


def _is_loopback(address: Address) -> bool:
    if address.unix or address.host == "localhost":
        return True
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return False


RULES: tuple[Rule, ...] = (addresses_differ, admin_is_protected, files_exist)
