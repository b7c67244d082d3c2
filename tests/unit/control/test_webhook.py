"""Calling a person: what is sent, how often it is tried, and what is said of it."""

from __future__ import annotations

import json
import threading

import httpx
import pytest

from strangler.control.webhook import MOST, Webhook

URL = "https://user:pass@hooks.example.org/services/SECRET?token=SECRET"
EVENT = {"event": "rolled back", "route": "shop", "reason": "recent: modern failed 50 of 50", "at": 1.5}


class Service:
    """Answers with these statuses, one after the other, the last for ever; 0 is no answer."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.asked: list[httpx.Request] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.gate.wait(30)
        self.asked.append(request)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if not status:
            raise httpx.ConnectError("SECRET", request=request)
        return httpx.Response(status, headers={"location": "https://elsewhere.example.org/"})


def hook(service: Service) -> tuple[Webhook, list[str]]:
    said: list[str] = []
    made = Webhook(said.append, httpx.MockTransport(service), (0.0, 0.0))
    made.use(URL)
    return made, said


def finish(made: Webhook) -> None:
    """Wait until everything was tried."""
    made._waiting.put(None)
    assert made._thread is not None
    made._thread.join(30)
    assert not made._thread.is_alive()


def test_an_event_is_one_json_object() -> None:
    service = Service(200)
    made, said = hook(service)
    made.tell(EVENT)
    finish(made)
    (request,) = service.asked
    assert (request.method, request.headers["content-type"], json.loads(request.content)) == ("POST", "application/json", EVENT)
    assert said == []


@pytest.mark.parametrize(
    ("statuses", "tries", "said"),
    [
        ((500, 200), 2, []),
        ((0, 0, 204), 3, []),
        ((503,), 3, ["nobody can be called at hooks.example.org: it answered 503"]),
        ((0,), 3, ["nobody can be called at hooks.example.org: ConnectError"]),
        ((404,), 1, ["nobody can be called at hooks.example.org: it answered 404"]),
        ((302,), 1, ["nobody can be called at hooks.example.org: it answered 302"]),  # followed nowhere
    ],
)
def test_how_often_it_is_tried(statuses: tuple[int, ...], tries: int, said: list[str]) -> None:
    service = Service(*statuses)
    made, told = hook(service)
    made.tell(EVENT)
    finish(made)
    assert ([request.url.host for request in service.asked], told) == (["hooks.example.org"] * tries, said)


def test_a_failure_is_said_once_and_its_end_too_and_never_the_secret() -> None:
    service = Service(404, 404, 404, 200)
    made, said = hook(service)
    for _ in range(5):
        made.tell(EVENT)
    finish(made)
    assert said == [
        "nobody can be called at hooks.example.org: it answered 404",
        "hooks.example.org can be called again",
    ]
    assert "SECRET" not in str(said)


def test_nobody_waits_for_it_and_the_oldest_goes() -> None:
    service = Service(200)
    service.gate.clear()
    made, said = hook(service)
    for number in range(MOST + 10):
        made.tell({"number": number})
    service.gate.set()
    finish(made)
    delivered = [json.loads(request.content)["number"] for request in service.asked]
    assert delivered[-1] == MOST + 9
    assert len(delivered) <= MOST + 1
    assert said[0] == "nobody can be called at hooks.example.org: more happens than can be told"


def test_no_log_has_the_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    made, _ = hook(Service(200))
    made.tell(EVENT)
    finish(made)
    assert "SECRET" not in caplog.text


def test_without_a_url_nothing_is_sent() -> None:
    made = Webhook(lambda text: None)
    made.tell(EVENT)
    made.close()
    assert made._thread is None


def test_what_waits_is_delivered_when_it_is_closed() -> None:
    service = Service(503)
    made, _ = hook(service)
    service.gate.clear()
    made.tell(EVENT)
    closing = threading.Thread(target=made.close)
    closing.start()
    service.gate.set()
    closing.join(30)
    assert len(service.asked) >= 1
    made.tell(EVENT)
    assert made._waiting.empty()


@pytest.mark.parametrize("url", ["https://exa mple", "https://[", "ftp://h/SECRET"])
def test_a_url_that_is_none_ends_nothing(url: str) -> None:
    said: list[str] = []
    made = Webhook(said.append, None, ())
    made.use(url)
    made.tell(EVENT)
    finish(made)
    assert len(said) == 1
    assert "SECRET" not in said[0]
