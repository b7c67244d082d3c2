"""Answers of ours, origins of upstreams, chunks, deadlines."""

from __future__ import annotations

import asyncio
import json

import pytest

from strangler.core.model import Url
from strangler.proxy import answers, reasons
from strangler.proxy.deadlines import NEVER, Deadlines
from strangler.proxy.framing import as_chunk, last_chunk
from strangler.proxy.origins import Origins
from strangler.proxy.reasons import Reason

REASONS = [value for value in vars(reasons).values() if isinstance(value, Reason)]


def test_labels_are_one_each() -> None:
    labels = [reason.label for reason in REASONS]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("reason", [reason for reason in REASONS if reason.status], ids=lambda reason: reason.label)
def test_every_reason_can_be_said(reason: Reason) -> None:
    for accepts in ([], ["application/json"]):
        head, _, body = answers.render(reason, request_id="i", route="r", accepts=accepts).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        assert reason.label.encode() in body
    assert json.loads(body)["message"] == reason.message


def test_to_head_the_body_is_left_out() -> None:
    whole = answers.render(reasons.RESET, request_id="i")
    head = answers.render(reasons.RESET, request_id="i", to_head=True)
    assert whole.startswith(head)
    assert head.endswith(b"\r\n\r\n")


ORIGINS = Origins([Url("http", "legacy.internal", 80), Url("http", "127.0.0.1", 9002), Url("http", "::1", 9003)])


@pytest.mark.parametrize(
    ("sent", "host", "expected"),
    [
        ("http://127.0.0.1:9002/a?b#c", "shop.example", "http://shop.example/a?b#c"),
        ("http://LEGACY.internal:80", "shop.example", "http://shop.example"),
        ("https://legacy.internal/a", "shop.example:8080", "http://shop.example:8080/a"),
        ("//legacy.internal/a", "shop.example", "//shop.example/a"),
        ("http://[::1]:9003/a", "shop.example", "http://shop.example/a"),
        ("http://127.0.0.1:9002/a", "", "/a"),
        ("http://127.0.0.1:9002", "", "/"),
        ("http://127.0.0.1:9009/a", "shop.example", "http://127.0.0.1:9009/a"),
        ("http://legacy.internal.evil.example/", "shop.example", "http://legacy.internal.evil.example/"),
        ("http://legacy.internal@evil.example/", "shop.example", "http://legacy.internal@evil.example/"),
        ("/login?next=http://127.0.0.1:9002/", "shop.example", "/login?next=http://127.0.0.1:9002/"),
    ],
)
def test_locations(sent: str, host: str, expected: str) -> None:
    assert ORIGINS.location(sent.encode(), b"http", host.encode()) == expected.encode()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("a=1; Domain=legacy.internal; Path=/", "a=1; Domain=shop.example; Path=/"),
        ("a=1;DOMAIN=.Legacy.Internal", "a=1; Domain=shop.example"),
        ("a=1; Domain=example.org", "a=1; Domain=example.org"),
        ("domain=legacy.internal", "domain=legacy.internal"),
        ("a=1; Expires=Wed, 21 Oct 2065 07:28:00 GMT", "a=1; Expires=Wed, 21 Oct 2065 07:28:00 GMT"),
    ],
)
def test_cookies(sent: str, expected: str) -> None:
    assert ORIGINS.cookie(sent.encode(), b"shop.example") == expected.encode()


def test_chunks() -> None:
    assert b"".join(as_chunk([b"a" * 20, b"b"])) == b"15\r\n" + b"a" * 20 + b"b\r\n"
    assert last_chunk([b"A: 1"]) == b"0\r\nA: 1\r\n\r\n"


class Late:
    """Counts how often it was late; raises if told to."""

    def __init__(self, raises: bool = False) -> None:
        self.deadline = 0.0
        self.expired = asyncio.Event()
        self._raises = raises

    def expire(self) -> None:
        self.expired.set()
        if self._raises:
            raise RuntimeError
        self.deadline = NEVER


async def test_deadlines_outlive_an_error() -> None:
    errors: list[Exception] = []
    deadlines = Deadlines(asyncio.get_running_loop(), errors.append, tick=0.001)
    broken, sound, never = Late(raises=True), Late(), Late()
    never.deadline = NEVER
    for one in (broken, sound, never):
        deadlines.watch(one)
    await broken.expired.wait()
    await sound.expired.wait()
    sound.deadline = 0.0
    sound.expired.clear()
    await sound.expired.wait()
    assert not never.expired.is_set()
    assert len(errors) == 1
    deadlines.stop()
