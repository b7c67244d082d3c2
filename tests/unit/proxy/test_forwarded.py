"""Who the client is, and what an upstream is told."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from strangler.proxy.forwarded import Peer, client_address, peer_of, set_lines

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("peername", "peer"),
    [
        (("10.1.2.3", 5), Peer("10.1.2.3", True)),
        (("11.1.2.3", 5), Peer("11.1.2.3", False)),
        (("::ffff:10.1.2.3", 5, 0, 0), Peer("10.1.2.3", True)),
        (("2001:db8::1", 5, 0, 0), Peer("2001:db8::1", True)),
        (("fe80::1%eth0", 5, 0, 2), Peer("fe80::1", False)),
        ("", Peer("", True)),
    ],
)
def test_peers(peername: object, peer: Peer) -> None:
    assert peer_of(peername, TRUSTED) == peer


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([], "10.0.0.1"),
        ([b"1.1.1.1"], "1.1.1.1"),
        ([b"6.6.6.6, 1.1.1.1"], "1.1.1.1"),  # only the rightmost was seen by a proxy we trust
        ([b"6.6.6.6", b"1.1.1.1, 10.0.0.9"], "1.1.1.1"),
        ([b"10.0.0.8, 10.0.0.9"], "10.0.0.8"),
        ([b"1.1.1.1:443"], "1.1.1.1"),
        ([b"[2001:db9::1]:443, 2001:db8::5"], "2001:db9::1"),
        ([b"1.1.1.1, nonsense, 10.0.0.9"], "10.0.0.9"),
        ([b"unknown"], "10.0.0.1"),
        ([b", ".join([b"6.6.6.6"] + [b"10.0.0.9"] * 500)], "10.0.0.9"),
    ],
)
def test_the_client_is_the_rightmost_address_nobody_vouches_for(lines: list[bytes], client: str) -> None:
    claims = {b"x-forwarded-for": lines}
    assert client_address(Peer("10.0.0.1", True), claims, TRUSTED) == client
    assert client_address(Peer("9.9.9.9", False), claims, TRUSTED) == "9.9.9.9"


def test_an_address_of_ipv6_and_a_host_with_port_are_quoted() -> None:
    lines = set_lines(Peer("2001:db9::1", False), {}, b"h:80", b"http")
    assert b'Forwarded: for="[2001:db9::1]";host="h:80";proto=http' in lines


def test_a_trusted_proxy_is_believed_word_for_word_or_not_at_all() -> None:
    claims = {b"x-forwarded-proto": [b"https", b"http"], b"x-forwarded-host": [b" a.example "]}
    lines = set_lines(Peer("10.0.0.1", True), claims, b"h", b"http")
    assert b"X-Forwarded-Proto: http\r\n" in lines  # two words are none
    assert b"X-Forwarded-Host: a.example\r\n" in lines


def test_a_unix_peer_has_no_address() -> None:
    lines = set_lines(Peer("", True), {}, b"", b"http")
    assert lines == b"X-Forwarded-Proto: http\r\nForwarded: for=unknown;proto=http"
