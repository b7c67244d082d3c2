"""What HTTP requests have in them, what becomes of an event by what is answered, and where none is ever sent."""

import asyncio
import json
import socket
import ssl
from email.utils import formatdate

import pytest
import trustme

from reconcile.sinks import settings
from reconcile.sinks.contract import event
from reconcile.sinks.http import HttpSink
from reconcile.sinks.sink import Delivered, Failed, Refused, Unavailable
from tests.contract.sinks.stands import Answer, Receiver

NOW = 1_800_000_000.5
SECRET = "whsec_" + "c2VjcmV0" * 4


@pytest.fixture
async def receiver():
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def opened():
    """Opens sinks, and closes them."""
    sinks = []

    def open_one(url, **told):
        sinks.append(HttpSink(settings.Http(url, **{"secret": SECRET, "timeout": 30.0, **told}), now=lambda: NOW))
        return sinks[-1]

    yield open_one
    for sink in sinks:
        await sink.close()


async def one(sink, sent=None):
    (outcome,) = await sink.send([sent or event(1)])
    return outcome


async def test_a_structured_request_has_everything_in_its_body_and_is_signed(receiver, opened):
    assert await one(opened(receiver.url, headers={"Authorization": "Bearer x"})) == Delivered()
    (request,) = receiver.requests
    assert request.path == "/events"
    assert json.loads(request.body)["id"] == "event-1"
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["authorization"] == "Bearer x"
    assert request.headers["idempotency-key"] == request.headers["webhook-id"] == "event-1"
    assert request.headers["webhook-timestamp"] == "1800000000"
    assert request.headers["webhook-signature"].startswith("v1,")
    assert not [name for name in request.headers if name.startswith("ce-")]


async def test_a_binary_request_has_the_payload_as_its_body(receiver, opened):
    assert await one(opened(receiver.url, mode="binary"), event(1, payload=b"\0", content_type="image/png")) == Delivered()
    (request,) = receiver.requests
    assert (request.body, request.headers["content-type"], request.headers["ce-id"]) == (b"\0", "image/png", "event-1")


async def test_an_event_cannot_set_headers_of_the_request(receiver, opened):
    sent = event(1, headers={"host": "evil", "content-length": "0", "authorization": "evil", "webhook-signature": "evil"})
    assert await one(opened(receiver.url, mode="binary"), sent) == Delivered()
    (request,) = receiver.requests
    assert "authorization" not in request.headers
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["ce-authorization"] == "evil"


@pytest.mark.parametrize(
    ("status", "headers", "kind", "after"),
    [
        *((status, (), Delivered, None) for status in (200, 201, 202, 204)),
        *((status, (), Refused, None) for status in (400, 406, 411, 413, 414, 415, 416, 422, 431, 451)),
        *((status, (), Failed, None) for status in (402, 403, 404, 405, 408, 409, 410, 421, 423, 424, 425, 426, 428)),
        *((status, (), Failed, None) for status in (500, 501, 502, 504, 507, 599)),
        *((status, (), Unavailable, None) for status in (301, 302, 303, 304, 307, 308, 401, 407, 429, 503)),
        (503, ("retry-after: 7",), Unavailable, 7.0),
        (429, ("retry-after: 999999",), Unavailable, 3600.0),
        (503, (f"retry-after: {formatdate(NOW + 30, usegmt=True)}",), Unavailable, 29.5),
        (503, ("retry-after: Wed, 21 Oct 2015 07:28:00 GMT",), Unavailable, 0.0),
        (503, ("retry-after: soon",), Unavailable, None),
        (503, ("retry-after: -5",), Unavailable, None),
        (500, ("retry-after: 7",), Failed, None),
    ],
)
async def test_what_a_status_means(status, headers, kind, after, receiver, opened):
    receiver.answers = [Answer(status, headers)]
    outcome = await one(opened(receiver.url))
    assert type(outcome) is kind
    assert getattr(outcome, "after", None) == after
    assert kind is Delivered or f"127.0.0.1 answered {status}" in outcome.why


async def test_a_redirect_is_not_followed(receiver, opened):
    receiver.answers = [Answer(307, (f"location: {receiver.url}/elsewhere",))]
    outcome = await one(opened(receiver.url))
    assert "redirects are not followed" in outcome.why
    assert len(receiver.requests) == 1


async def test_a_reason_shows_what_was_answered_and_nothing_secret(receiver, opened):
    body = f"no such order\r\n\x1b[31m {SECRET} hunter2 t0ken bWU6aHVudGVyMg== /events?api_key=abcd {'x' * 500}".encode()
    receiver.answers = [Answer(422, (), body)]
    url = receiver.url.replace("//", "//me:hunter2@") + "?api_key=abcd"
    outcome = await one(opened(url, headers={"authorization": "Bearer t0ken"}))
    assert outcome.why.startswith("127.0.0.1 answered 422: no such order [31m … … … … …?… xxx")
    assert len(outcome.why) < 300


async def test_a_long_answer_is_not_read_to_its_end(receiver, opened):
    receiver.answers = [Answer(200, (), b"x" * (50 << 20))]
    assert await one(opened(receiver.url)) == Delivered()


async def test_an_answer_is_not_unpacked(receiver, opened):
    receiver.answers = [Answer(422, ("content-encoding: gzip",), b"\x1f\x8b no gzip")]
    assert isinstance(await one(opened(receiver.url)), Refused)


async def test_no_answer_in_time_is_the_events_own_trouble(receiver, opened):
    sink = opened(receiver.url, timeout=1.0)
    while await one(sink) != Delivered():  # the time is short on a busy machine, but a connection that is there stays
        pass
    receiver.answers = [Answer(never=True)]
    assert await one(sink) == Failed("127.0.0.1 gave no answer within 1 s")


async def test_a_connection_that_ends_without_an_answer_is_the_events_own_trouble(receiver, opened):
    receiver.answers = [Answer(cut=True)]
    outcome = await one(opened(receiver.url))
    assert isinstance(outcome, Failed)
    assert outcome.why.startswith("127.0.0.1 gave no answer: ")


async def test_a_connection_is_used_again(receiver, opened):
    sink = opened(receiver.url)
    for _ in range(5):
        assert await one(sink) == Delivered()
    assert receiver.connections == 1


async def test_a_name_that_leads_nowhere_is_unavailable(opened):
    outcome = await one(opened("http://nowhere.invalid/"))
    assert isinstance(outcome, Unavailable)
    assert outcome.why.startswith("nowhere.invalid cannot be reached: its name leads nowhere")


async def test_a_name_server_that_says_nothing_is_not_the_events_own_trouble(monkeypatch, opened):
    async def getaddrinfo(*_, **__):
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    outcome = await one(opened("http://slow.example/", timeout=1.5))
    assert outcome == Unavailable("slow.example cannot be reached: nobody says within 0.5 s where its name leads")


def leads_to(monkeypatch, *addresses):
    """What every name leads to, one look after the other."""
    looks = list(addresses)

    async def getaddrinfo(self, host, port, **_):
        found = looks.pop(0) if len(looks) > 1 else looks[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)


async def test_a_name_that_leads_to_metadata_gets_nothing(monkeypatch, opened):
    leads_to(monkeypatch, ["169.254.169.254"])
    outcome = await one(opened("http://innocent.example/"))
    assert outcome == Unavailable("innocent.example leads to 169.254.169.254, a link-local address: events are never sent there")


async def test_what_was_looked_at_is_what_is_connected_to(monkeypatch, receiver, opened):
    """A name server that gives another address to the second question (rebinding) is not asked a second time."""
    leads_to(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    assert await one(opened(f"http://innocent.example:{receiver.port}/x")) == Delivered()
    assert receiver.requests[0].headers["host"] == f"innocent.example:{receiver.port}"


async def test_another_address_is_tried_and_a_forbidden_one_is_not(monkeypatch, receiver, opened):
    leads_to(monkeypatch, ["127.0.0.2", "169.254.169.254", "127.0.0.1"])
    assert await one(opened(f"http://several.example:{receiver.port}/")) == Delivered()


async def test_an_address_of_ipv6_is_connected_to(opened):
    receiver = Receiver(host="::1")
    try:
        await receiver.start()
    except OSError:
        pytest.skip("no IPv6 here")
    assert await one(opened(f"http://[::1]:{receiver.port}/x?y=1")) == Delivered()
    assert receiver.requests[0].headers["host"] == f"[::1]:{receiver.port}"
    assert receiver.requests[0].path == "/x?y=1"
    await receiver.stop()


async def test_connections_that_nobody_uses_are_let_go(receiver, opened, monkeypatch):
    monkeypatch.setattr("reconcile.sinks.http._IDLE", -1.0)
    sink = opened(receiver.url)
    for _ in range(3):
        assert await one(sink) == Delivered()
    assert receiver.connections == 3


async def test_what_a_receiver_wants_kept_is_not_kept(receiver, opened):
    receiver.answers = [Answer(200, ("set-cookie: session=1",))]
    sink = opened(receiver.url)
    assert [await one(sink), await one(sink)] == [Delivered()] * 2
    assert "cookie" not in receiver.requests[1].headers


async def test_the_environments_proxy_is_not_used(monkeypatch, receiver, opened):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert await one(opened(receiver.url)) == Delivered()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
async def secure(authority, tmp_path):
    """A receiver with a certificate for shop.example, and where that is trusted."""
    receiver = Receiver(tls=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    authority.issue_cert("shop.example").configure_cert(receiver.tls)
    await receiver.start()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    yield receiver, str(tmp_path / "ca.pem")
    await receiver.stop()


async def test_tls_verifies_the_name_in_the_address_of_the_file(monkeypatch, secure, opened):
    receiver, ca = secure
    leads_to(monkeypatch, ["127.0.0.1"])
    assert await one(opened(f"https://shop.example:{receiver.port}/", ca=ca)) == Delivered()
    for url, trust in ((f"https://other.example:{receiver.port}/", ca), (f"https://shop.example:{receiver.port}/", None)):
        outcome = await one(opened(url, ca=trust))
        assert isinstance(outcome, Unavailable)
        assert "certificate verify failed" in outcome.why
    assert len(receiver.requests) == 1
