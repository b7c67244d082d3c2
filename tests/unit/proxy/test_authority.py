"""Hosts and targets."""

from __future__ import annotations

import pytest

from strangler.proxy import reasons
from strangler.proxy.authority import host_name, origin_form
from strangler.proxy.reasons import Reason


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        ("Shop.Example", "shop.example"),
        ("shop.example.:8080", "shop.example"),
        ("shop_1.example:", "shop_1.example"),
        ("[2001:DB8::1]:80", "2001:db8::1"),
        ("127.0.0.1:65535", "127.0.0.1"),
        ("%41.example", "%41.example"),
        ("", ""),
    ],
)
def test_valid(authority: str, name: str) -> None:
    assert host_name(authority.encode()) == name


@pytest.mark.parametrize(
    "authority",
    ["a b", "a/b", "a?b", "a#b", "u@a", "a:b", "a:65536", "a:1:2", "[::1", "::1", "%4", "a\\b", '"a"', "a\xff", "a" * 262],
)
def test_invalid(authority: str) -> None:
    assert host_name(authority.encode("latin-1")) is None


@pytest.mark.parametrize(
    ("method", "target", "host", "found"),
    [
        ("GET", b"/a?b", b"h", (b"/a?b", b"h")),
        ("GET", b"/a", None, (b"/a", None)),
        ("GET", b"http://h/a?b", b"h", (b"/a?b", b"h")),
        ("GET", b"http://H:80/a", b"h", (b"/a", b"H:80")),
        ("GET", b"https://h:443", b"h", (b"/", b"h:443")),
        ("GET", b"http://h?x", None, (b"/?x", b"h")),
        ("OPTIONS", b"http://h", b"h", (b"*", b"h")),
        ("OPTIONS", b"*", b"h", (b"*", b"h")),
        ("GET", b"*", b"h", reasons.BAD_TARGET),
        ("GET", b"h:80", b"h", reasons.BAD_TARGET),
        ("GET", b"http://", b"", reasons.BAD_TARGET),
        ("GET", b"ws://h/", b"h", reasons.BAD_TARGET),
        ("GET", b"http://h:443/", b"h", reasons.HOST_MISMATCH),
        ("GET", b"http://h/", b"", reasons.HOST_MISMATCH),
    ],
)
def test_targets(method: str, target: bytes, host: bytes | None, found: tuple[bytes, bytes | None] | Reason) -> None:
    assert origin_form(method, target, host) == found
