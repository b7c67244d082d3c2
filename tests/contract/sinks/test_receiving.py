"""README's receiver, standard library only, against the HTTP sink: what it believes, and what it does not."""

from __future__ import annotations

import asyncio
import http.client
import re
import threading
import time
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconcile.sinks import settings
from reconcile.sinks.contract import event
from reconcile.sinks.event import Event
from reconcile.sinks.http import HttpSink
from reconcile.sinks.sink import Delivered, Outcome, Unavailable
from tests.contract.sinks.stands import Receiver

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
(CODE,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "def verified" in block]
WRONG = "whsec_" + "d3Jvbmch" * 4


@pytest.fixture
def names(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(CODE, names)
    names["Receiver"].log_message = lambda *_: None
    return names


@pytest.fixture
def port(names: dict[str, Any]) -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), names["Receiver"]) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def send(port: int, secret: str, *events: Event, ago: float = 0.0) -> list[Outcome]:
    async def sending() -> list[Outcome]:
        sink = HttpSink(settings.Http(f"http://127.0.0.1:{port}/", secret), now=lambda: time.time() - ago)
        try:
            return [outcome for each in events for outcome in await sink.send([each])]
        finally:
            await sink.close()

    return asyncio.run(sending())


def test_what_we_send_is_believed_and_done_once(port: int, names: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    odd = event(2, id="a.b – 2", payload='{"name": "Ω"}'.encode())
    assert send(port, names["SECRET"], event(1), odd, event(1)) == [Delivered()] * 3
    assert capsys.readouterr().out == "order.placed {'number': 1}\norder.placed {'name': 'Ω'}\n"
    assert names["seen"] == {"event-1", "a.b – 2"}


def test_while_a_secret_is_replaced_both_are_believed(port: int, names: dict[str, Any]) -> None:
    assert send(port, f"{WRONG} {names['SECRET']}", event(1)) == [Delivered()]


@pytest.mark.parametrize(
    ("secret", "ago"),
    [(WRONG, 0.0), ("", 0.0), (None, 400.0), (None, -400.0)],
    ids=["wrong secret", "not signed", "sent long ago", "sent in the future"],
)
def test_what_is_not_ours_or_not_of_now_is_not_believed(
    secret: str | None, ago: float, port: int, names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (outcome,) = send(port, names["SECRET"] if secret is None else secret, event(1), ago=ago)
    assert isinstance(outcome, Unavailable)
    assert "401" in outcome.why
    assert (capsys.readouterr().out, names["seen"]) == ("", set())


@pytest.mark.parametrize(
    ("part", "status"),
    [
        ({}, 204),
        ({"body": b"1"}, 401),
        ({"webhook-id": "event-2"}, 401),
        ({"webhook-timestamp": "+1"}, 401),
        ({"webhook-timestamp": ""}, 401),
        ({"webhook-signature": "v1,"}, 401),
        ({"webhook-signature": "v2,AAAA é"}, 401),
        ({"webhook-signature": ""}, 401),
    ],
)
def test_what_somebody_changed_on_the_way_is_not_believed(
    part: dict[str, Any], status: int, port: int, names: dict[str, Any]
) -> None:
    headers, body = overheard(names["SECRET"])
    if "webhook-timestamp" in part and part["webhook-timestamp"] == "+1":
        part = {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    body = body.replace(b"1}", b"9}") if "body" in part else body
    headers |= {name: value.encode() for name, value in part.items() if name != "body"}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/", body, headers)
    assert connection.getresponse().status == status
    connection.close()


def overheard(secret: str) -> tuple[dict[str, Any], bytes]:
    """A request of ours, as somebody on the way has it."""

    async def listening() -> tuple[dict[str, Any], bytes]:
        receiver = Receiver()
        await receiver.start()
        sink = HttpSink(settings.Http(receiver.url, secret))
        await sink.send([event(1)])
        await sink.close()
        await receiver.stop()
        (request,) = receiver.requests
        return {name: value for name, value in request.headers.items() if name.startswith("webhook")}, request.body

    return asyncio.run(listening())
