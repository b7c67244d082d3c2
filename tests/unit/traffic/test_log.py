"""Access logs: the formats that servers write, what is no request, and what is never kept."""

from __future__ import annotations

import json
import os
from collections import Counter
from typing import Any

import pytest

from strangler.control.access import AccessLog
from strangler.traffic.entry import Entry
from strangler.traffic.log import NO_REQUEST, NOT_A_LINE, entries
from tests.unit.control.given import EXCHANGE

AT = 1_792_674_000.0  # 22 October 2026, 13:00 UTC
TIME = "[22/Oct/2026:15:00:00 +0200]"


def only(line: str | bytes) -> Entry:
    (entry,) = entries([line])
    return entry


TEXT = {
    "common": (f'10.0.0.1 - - {TIME} "GET /a?b=1 HTTP/1.1" 200 512', None),
    "combined": (f'10.0.0.1 - ann {TIME} "GET /a?b=1 HTTP/1.1" 200 512 "https://x/" "curl/8 \\"q\\""', None),
    "nginx with a time": (f'10.0.0.1 - - {TIME} "GET /a?b=1 HTTP/2.0" 200 512 "-" "curl" 0.250', 0.25),
    "a time in quotes": (f'10.0.0.1 - - {TIME} "GET /a?b=1 HTTP/2.0" 200 512 "-" "curl" "-" "0.250"', 0.25),
    "a named time": (f'10.0.0.1 - - {TIME} "GET /a?b=1 HTTP/2.0" 200 512 "-" "curl" rt=0.250 urt="0.100"', 0.25),
    "Apache's microseconds": (f'10.0.0.1 - - {TIME} "GET /a?b=1 HTTP/1.1" 200 512 "-" "curl" 250000', 0.25),
    "whole seconds are not guessed": (f'10.0.0.1 - - {TIME} "GET /a?b=1 HTTP/1.1" 200 512 "-" "curl" 1', None),
    "Traefik": (f'10.0.0.1 - - {TIME} "GET /a?b=1 HTTP/1.1" 200 512 "-" "-" 17 "web@file" "http://10.0.0.9" 250ms', 0.25),
    "with a virtual host": (f'shop.example.org:443 10.0.0.1 - - {TIME} "GET /a?b=1 HTTP/1.1" 200 512 "-" "curl"', None),
    "a user with a space": (f'10.0.0.1 - "ann b" {TIME} "GET /a?b=1 HTTP/1.1" 200 512', None),
    "an absolute target": (f'10.0.0.1 - - {TIME} "GET http://shop.example.org/a?b=1 HTTP/1.1" 200 512', None),
}


@pytest.mark.parametrize("name", TEXT)
def test_a_line_of_text(name: str) -> None:
    line, seconds = TEXT[name]
    entry = only(line)
    assert (entry.method, entry.target, entry.status, entry.response.size) == ("GET", "/a?b=1", 200, 512)
    assert entry.at == AT
    assert entry.duration == (None if seconds is None else pytest.approx(seconds))
    assert entry.host == ("shop.example.org" if "shop.example.org" in line else "")


JSON: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "our own": (
        {"time": "2026-10-22T13:00:00.000+00:00", "path": "/a", "client": "10.0.0.1", "method": "GET", "route": "a",
         "stage": "canary", "served_by": "modern", "status": 200, "reason": None, "fell_back": False, "seconds": 0.25,
         "bytes_in": 7, "bytes_out": 512},
        {"side": "modern", "route": "a"},
    ),
    "nginx": (
        {"time_local": "22/Oct/2026:15:00:00 +0200", "remote_addr": "10.0.0.1", "request": "GET /a HTTP/1.1", "status": "200",
         "body_bytes_sent": "512", "request_length": "7", "request_time": "0.250", "http_host": "Shop.example.org"},
        {"host": "shop.example.org"},
    ),
    "Caddy": (
        {"level": "info", "ts": AT, "logger": "http.log.access", "msg": "handled request", "bytes_read": 7, "duration": 0.25,
         "request": {"remote_ip": "10.0.0.1", "proto": "HTTP/2.0", "method": "GET", "host": "shop.example.org", "uri": "/a"},
         "size": 512, "status": 200, "resp_headers": {"Content-Type": ["text/html"]}},
        {"host": "shop.example.org"},
    ),
    "Traefik": (
        {"ClientHost": "10.0.0.1", "ClientAddr": "10.0.0.1:5000", "RequestMethod": "GET", "RequestPath": "/a",
         "RequestHost": "shop.example.org", "RequestScheme": "https", "DownstreamStatus": 200, "DownstreamContentSize": 512,
         "RequestContentSize": 7, "Duration": 250_000_000, "StartUTC": "2026-10-22T13:00:00Z"},
        {"host": "shop.example.org", "scheme": "https"},
    ),
    "Envoy": (
        {"start_time": "2026-10-22T13:00:00.000Z", "method": "GET", "path": "/a", "response_code": 200, "duration": 250,
         "bytes_sent": 512, "bytes_received": 7, "authority": "shop.example.org", "downstream_remote_address": "10.0.0.1:5000"},
        {"host": "shop.example.org"},
    ),
    "the common schema of Elastic": (
        {"@timestamp": "2026-10-22T13:00:00Z", "http": {"request": {"method": "GET"}, "response": {"status_code": 200,
         "body": {"bytes": 512}}}, "url": {"original": "/a", "domain": "shop.example.org"}, "event": {"duration": 250_000_000},
         "source": {"address": "10.0.0.1"}, "bytes_received": 7},
        {"host": "shop.example.org"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", JSON)
def test_a_line_of_json(name: str) -> None:
    line, more = JSON[name]
    entry = only(json.dumps(line))
    assert (entry.method, entry.target, entry.status) == ("GET", "/a", 200)
    assert (entry.request.size, entry.response.size) == (7, 512)
    assert entry.at == AT
    assert entry.duration == pytest.approx(0.25)
    assert {key: getattr(entry, key) for key in more} == more


@pytest.mark.parametrize("more", ["", 'via_upstream - "-" '])
def test_a_line_of_envoy_as_it_writes_by_itself(more: str) -> None:
    figures = f'200 - {more}7 512 250 240 "10.0.0.1, 10.9.9.9" "curl" "cc21" "Shop" "10.0.2.1:80"'
    entry = only(f'[2026-10-22T13:00:00.000Z] "GET /a?b=1 HTTP/2" {figures}')
    assert (entry.target, entry.status, entry.host, entry.at) == ("/a?b=1", 200, "shop", AT)
    assert (entry.request.size, entry.response.size, entry.duration) == (7, 512, 0.25)
    assert entry.client == only(TEXT["common"][0]).client


def test_our_own_log_is_read_as_it_is_written() -> None:
    reading, writing = os.pipe()
    log = AccessLog(writing, lambda _, __: None, lambda target: target.partition("?")[0], lambda: AT)
    log.add(EXCHANGE)
    log.add(EXCHANGE._replace(status=0, reason="connect", route=""))
    log.flush()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answered, failed = entries(pipe)
    assert (answered.method, answered.target, answered.status, answered.at) == ("GET", "/shop/1", 200, AT)
    assert (answered.side, answered.route, answered.duration, answered.response.size) == ("legacy", "shop", 0.003, 200)
    assert (failed.status, failed.failure, failed.route) == (None, "connect", "")
    assert answered.client == failed.client != ""


def test_a_client_is_the_same_for_all_its_requests_and_its_address_is_not_kept() -> None:
    lines = [line for line, _ in TEXT.values()] + [json.dumps(line) for line, _ in JSON.values()]
    found = list(entries(lines))
    assert len({entry.client for entry in found}) == 1
    assert not any("10.0.0.1" in repr(entry) for entry in found)
    assert only(f'10.0.0.2 - - {TIME} "GET / HTTP/1.1" 200 1').client != found[0].client


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f'10.0.0.1 - - {TIME} "\\x16\\x03\\x01\\x02\\x00" 400 157', NO_REQUEST),
        (f'10.0.0.1 - - {TIME} "-" 408 0', NO_REQUEST),
        (f'10.0.0.1 - - {TIME} "OPTIONS * HTTP/1.0" 200 0', NO_REQUEST),
        (f'10.0.0.1 - - {TIME} "CONNECT evil.example:443 HTTP/1.1" 405 0', NO_REQUEST),
        ('{"status": 400, "method": "", "path": ""}', NO_REQUEST),
        ("2026-10-22 INFO started", NOT_A_LINE),
        ('10.0.0.1 - - [yesterday] "GET / HTTP/1.1" 200 1', NOT_A_LINE),
        ('{"status": 200, "path": "/a", "meth', NOT_A_LINE),
        ("{" * 100_000, NOT_A_LINE),
        ('{"hello": "world"}', NOT_A_LINE),
    ],
)  # fmt: skip
def test_what_is_no_request_is_counted(line: str, reason: str) -> None:
    unread: Counter[str] = Counter()
    (entry,) = entries([line, "", f'10.0.0.1 - - {TIME} "GET / HTTP/1.1" 200 1'], unread)
    assert entry.target == "/"
    assert unread == {reason: 1}


@pytest.mark.parametrize("value", ["1e999", "NaN", "-1", '"x"', "[]", "true", "1" * 400])
def test_nonsense_in_a_number_is_not_known_rather_than_an_error(value: str) -> None:
    entry = only(
        f'{{"method": "GET", "path": "/a", "status": {value}, "seconds": {value}, "bytes_out": {value}, "time": {value}}}'
    )
    assert entry.duration is None
    assert entry.status is None
    assert entry.response.size is None


def test_bytes_that_are_no_text_do_not_stop_the_reading() -> None:
    assert only(b'10.0.0.1 - - [22/Oct/2026:15:00:00 +0200] "GET /\xff HTTP/1.1" 200 1').status == 200
