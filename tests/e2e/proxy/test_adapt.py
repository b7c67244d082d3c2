"""Translation of the modern leg: what modern is asked, what the client gets of its answer, and what becomes of the rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.core.answer import Answer
from strangler.core.errors import UsageError
from strangler.core.model import Route
from strangler.proxy import hooks
from strangler.proxy.adapt import MOST_BYTES, MOST_INLINE, check_hooks
from strangler.proxy.hooks import load_hook
from tests.unit.given import config, route

from .conftest import Open, Scene
from .wire import Wire, eventually, lines_of, request, response, without_added

JSON = "Content-Type: application/json"


def to_modern(adapt: str, path: str = "/api/orders/{id}", **more: str) -> tuple[Route, ...]:
    keys = ", ".join(f"{key}: {value}" for key, value in {"stage": "modern", "fallback": "off", **more}.items())
    return (route(f"{keys}, adapt: {{{adapt}}}", f'path: "{path}"'),)


async def asked(scene: Scene, line: str, *headers: str, body: bytes = b"") -> tuple[Wire, Wire, list[str]]:
    """A request that goes to modern: the client, modern's connection, and what arrived there."""
    client = await scene.dial()
    client.send(request(line, *headers, body=body))
    modern = await scene.modern.accept()
    return client, modern, without_added(await modern.head())


async def answered(scene: Scene, answer: bytes, line: str = "GET /api/orders/7 HTTP/1.1") -> tuple[list[str], bytes]:
    """What the client gets when modern gives this answer."""
    client, modern, _ = await asked(scene, line)
    modern.send(answer)
    head, body = await client.message()
    await modern.close()  # the next one comes on a connection of its own
    return lines_of(head), body


# The request.


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET /api/orders/7 HTTP/1.1", "GET /v2/orders/7/lines HTTP/1.1"),
        ("GET /api/orders/7?a=/../b&%2e=%3f?x HTTP/1.1", "GET /v2/orders/7/lines?a=/../b&%2e=%3f?x HTTP/1.1"),
        ("GET /api/orders/caf%c3%a9 HTTP/1.1", "GET /v2/orders/caf%C3%A9/lines HTTP/1.1"),
        ("GET /api/orders/a%3Fb%23c%20d%25 HTTP/1.1", "GET /v2/orders/a%3Fb%23c%20d%25/lines HTTP/1.1"),
        ("GET http://shop.example/api/orders/7? HTTP/1.1", "GET /v2/orders/7/lines? HTTP/1.1"),
    ],
)
async def test_the_path_is_made_of_the_routes_parameters(opened: Open, line: str, expected: str):
    scene = await opened(routes=to_modern('request: {path: "/v2/orders/{id}/lines"}'))
    client, modern, seen = await asked(scene, line)
    assert seen[0] == expected
    modern.send(response(b"x", "ETag: 1"))
    assert await client.body(await client.head()) == b"x"


async def test_a_path_that_would_mean_something_else_is_refused(opened: Open):
    scene = await opened(routes=to_modern('request: {path: "/v2/{id}/{rest}"}', path="/api/{id}/{rest...}"))
    client = await scene.dial()
    client.send(request("GET /api/1/ HTTP/1.1"))
    modern = await scene.modern.accept()
    assert without_added(await modern.head())[0] == "GET /v2/1/ HTTP/1.1"
    scene = await opened(routes=to_modern('request: {path: "/v2/{rest}/x"}', path="/api/{rest...}"))
    client = await scene.dial()
    client.send(request("GET /api/1/ HTTP/1.1"))
    assert b" 400 " in await client.head()
    assert scene.modern.untouched


async def test_headers_are_set_and_removed_however_they_are_spelled(opened: Open):
    scene = await opened(routes=to_modern("request: {set_headers: {x-tenant: main, accept: a/b}, remove_headers: [x-old]}"))
    sent = ("X-Tenant: forged", "X_Tenant: forged", "x.tenant: forged", "Accept: c/d", "X-OLD: 1", "x_old: 2", "X-New: 3")
    for _ in range(2):  # the second head on a connection is remembered from the first
        _, _, seen = await asked(scene, "GET /api/orders/7 HTTP/1.1", *sent)
        assert [line for line in seen[1:] if not line.startswith("Host")] == ["X-New: 3", "x-tenant: main", "accept: a/b"]


async def test_the_fallback_gets_the_request_as_it_came(opened: Open):
    adapt = 'request: {path: "/v2/{id}", set_headers: {x-tenant: main}, remove_headers: [range]}, response: {rename: {$.a: $.b}}'
    scene = await opened(routes=to_modern(adapt.replace(", remove_headers: [range]", ""), fallback="safe"))
    client, modern, seen = await asked(
        scene, "GET /api/orders/7?q HTTP/1.1", "X-Tenant: own", "Range: bytes=0-1", "Accept-Encoding: br"
    )
    assert seen == ["GET /v2/7?q HTTP/1.1", "Host: shop.example", "x-tenant: main", "accept-encoding: identity"]
    await modern.close()
    legacy = await scene.legacy.accept()
    assert without_added(await legacy.head()) == [
        "GET /api/orders/7?q HTTP/1.1", "Host: shop.example", "X-Tenant: own", "Range: bytes=0-1", "Accept-Encoding: br"
    ]  # fmt: skip
    legacy.send(response(b'{"a":1}', JSON, 'ETag: "x"', status="206 Partial Content"))
    head, body = await client.message()
    assert (b'ETag: "x"' in head, body) == (True, b'{"a":1}')


async def test_legacy_is_not_translated(opened: Open):
    adapt = 'request: {path: "/v2/{id}"}, response: {rename: {$.a: $.b}}'
    scene = await opened(routes=to_modern(adapt, stage="legacy"))
    client, legacy, head = await scene.ask(request("GET /api/orders/7 HTTP/1.1", "Range: bytes=0-1"))
    assert without_added(head) == ["GET /api/orders/7 HTTP/1.1", "Host: shop.example", "Range: bytes=0-1"]
    legacy.send(response(b'{"a":1}', JSON))
    assert (await client.message())[1] == b'{"a":1}'


# The answer.

RENAMES = 'response: {rename: {$.customerName: $.customer.name, "$.items[*].no": "$.items[*].id"}}'
DOCUMENT = b'{"total":1.10,"customerName":"Zo\xc3\xab","items":[{"no":9007199254740993},{"x":1e400}]}'
RENAMED = b'{"total":1.10,"customer":{"name":"Zo\xc3\xab"},"items":[{"id":9007199254740993},{"x":1e400}]}'


async def test_members_get_the_names_that_clients_know(opened: Open):
    scene = await opened(routes=to_modern(RENAMES))
    untrue = ('ETag: "1"', "Content-MD5: x", "Digest: x", "Repr-Digest: x", "Content-Digest: x", "Accept-Ranges: bytes")
    kept = (JSON + "; charset=utf-8", "Set-Cookie: a=1", "Set-Cookie: b=2", "Last-Modified: x", "Cache-Control: no-store")
    head, body = await answered(scene, response(DOCUMENT, *untrue, *kept))
    assert body == RENAMED
    assert head == ["HTTP/1.1 200 OK", *kept, f"Content-Length: {len(RENAMED)}"]
    assert scene.observed[0].response_bytes == len(RENAMED)


@pytest.mark.parametrize("pieces", [1, 7, len(DOCUMENT)])
async def test_chunks_with_trailers_are_one_answer_with_a_length(opened: Open, pieces: int):
    scene = await opened(routes=to_modern(RENAMES))
    client, modern, _ = await asked(scene, "GET /api/orders/7 HTTP/1.1")
    modern.send(f"HTTP/1.1 200 OK\r\n{JSON}\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n".encode())
    for at in range(0, len(DOCUMENT), -(-len(DOCUMENT) // pieces)):
        piece = DOCUMENT[at : at + -(-len(DOCUMENT) // pieces)]
        modern.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        await modern.drain()
    modern.send(b"0\r\nX-Sum: 1\r\n\r\n")
    head, body = await client.message()
    assert body == RENAMED
    assert b"Trailer" not in head
    client.send(request("GET /api/orders/8 HTTP/1.1"))  # on the same two connections
    await modern.head()
    modern.send(response(b"[]", JSON))
    assert (await client.message())[1] == b"[]"


async def test_an_answer_that_the_close_ends_is_translated(opened: Open):
    scene = await opened(routes=to_modern(RENAMES))
    client, modern, _ = await asked(scene, "GET /api/orders/7 HTTP/1.1")
    modern.send(f"HTTP/1.1 200 OK\r\n{JSON}\r\n\r\n".encode(), DOCUMENT)
    await modern.close()
    assert (await client.message())[1] == RENAMED


async def test_an_old_client_gets_it_with_a_length_too(opened: Open):
    scene = await opened(routes=to_modern(RENAMES))
    head, body = await answered(scene, response(DOCUMENT, JSON), "GET /api/orders/7 HTTP/1.0")
    assert (body, "Connection: close" in head) == (RENAMED, True)


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        ("404 Not Found", [JSON], b'{"customerName":1}', b'{"customer":{"name":1}}'),
        ("422 Unprocessable Content", ["content-type: a/problem+json"], b'{"customerName":1}', b'{"customer":{"name":1}}'),
        ("500 Internal Server Error", ["Content-Type: text/html"], b"<b>", b"<b>"),
        ("302 Found", ["Content-Type: text/html", "Location: /x"], b"<a>", b"<a>"),
        ("404 Not Found", [], b"nothing", b"nothing"),
        ("201 Created", [], b"", b""),
        ("200 OK", [], b'{"customerName":1}', b'{"customer":{"name":1}}'),
        ("200 OK", ["Content-Encoding: identity", JSON], b'{"customerName":1}', b'{"customer":{"name":1}}'),
    ],
)  # fmt: skip
async def test_json_is_translated_whatever_the_status(
    opened: Open, status: str, headers: list[str], body: bytes, expected: bytes
):
    scene = await opened(routes=to_modern(RENAMES))
    head, got = await answered(scene, response(body, *headers, status=status))
    assert (head[0], got) == (f"HTTP/1.1 {status}", expected)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_a_body_says_nothing_about_one(opened: Open, status: str):
    scene = await opened(routes=to_modern(RENAMES))
    client, modern, _ = await asked(scene, "GET /api/orders/7 HTTP/1.1")
    modern.send(f'HTTP/1.1 {status}\r\nETag: "1"\r\nX-A: 1\r\n\r\n'.encode())
    assert lines_of(await client.head()) == [f"HTTP/1.1 {status}", "X-A: 1"]


async def test_head_says_nothing_that_get_would_not_keep(opened: Open):
    scene = await opened(routes=to_modern(RENAMES))
    client, modern, _ = await asked(scene, "HEAD /api/orders/7 HTTP/1.1")
    modern.send(f'HTTP/1.1 200 OK\r\n{JSON}\r\nETag: "1"\r\nContent-Length: 99\r\nAccept-Ranges: bytes\r\n\r\n'.encode())
    assert lines_of(await client.head()) == ["HTTP/1.1 200 OK", JSON]
    client.send(request("HEAD /api/orders/8 HTTP/1.1"))
    await modern.head()


async def test_a_whole_plain_and_fresh_answer_is_asked_for(opened: Open):
    scene = await opened(routes=to_modern(RENAMES))
    partial = (
        "Range: bytes=0-9",
        "If-Range: x",
        "If-None-Match: x",
        "If-Modified-Since: x",
        "Accept-Encoding: gzip",
        "If-Match: y",
    )
    _, _, seen = await asked(scene, "GET /api/orders/7 HTTP/1.1", *partial)
    assert seen[2:] == ["If-Match: y", "accept-encoding: identity"]


BIG = b'{"customerName":"' + b"x" * MOST_BYTES + b'"}'
CANNOT = [
    ("adapt_not_json", response(b"{", JSON)),
    ("adapt_not_json", response(b'{"a":1,"a":2}', JSON)),
    ("adapt_not_json", response(b"<html>", "Content-Type: text/html")),
    ("adapt_not_json", response(b"{", JSON, status="500 Internal Server Error")),
    ("adapt_not_json", response(b"[" * 100_000, JSON)),
    ("adapt_conflict", response(b'{"customerName":1,"customer":{"name":2}}', JSON)),
    ("adapt_conflict", response(b'{"customerName":1,"customer":"x"}', JSON)),
    ("adapt_encoded", response(b"\x1f\x8b", JSON, "Content-Encoding: gzip")),
    ("adapt_too_large", response(BIG, JSON)),
    ("adapt_too_large", f"HTTP/1.1 200 OK\r\n{JSON}\r\nTransfer-Encoding: chunked\r\n\r\n{len(BIG):x}\r\n".encode() + BIG),
    ("adapt_too_large", b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"),
]


@pytest.mark.parametrize(("label", "answer"), CANNOT, ids=range(len(CANNOT)))
async def test_what_cannot_be_translated_is_not_sent(opened: Open, label: str, answer: bytes):
    scene = await opened(routes=to_modern(RENAMES))
    client, modern, _ = await asked(scene, "GET /api/orders/7 HTTP/1.1", "Accept: application/json")
    modern.send(answer)
    head, body = await client.message()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert f'"error": "{label}"'.encode() in body
    assert scene.proxy.counters.untranslated == {label: 1}
    client.send(request("GET /elsewhere HTTP/1.1"))  # the client's connection lives on
    legacy = await scene.legacy.accept()
    await legacy.head()


@pytest.mark.parametrize(("label", "answer"), CANNOT, ids=range(len(CANNOT)))
async def test_with_a_fallback_legacy_answers_then(opened: Open, label: str, answer: bytes):
    scene = await opened(routes=to_modern(RENAMES, fallback="safe"))
    client, modern, _ = await asked(scene, "GET /api/orders/7 HTTP/1.1")
    modern.send(answer)
    legacy = await scene.legacy.accept()
    await legacy.head()
    legacy.send(response(b"old"))
    assert (await client.message())[1] == b"old"
    assert (scene.observed[0].upstream, scene.observed[0].fell_back) == ("legacy", True)


async def test_a_write_is_not_sent_to_legacy_as_well(opened: Open):
    scene = await opened(routes=to_modern(RENAMES, fallback="safe"))
    client, modern, _ = await asked(scene, "POST /api/orders/7 HTTP/1.1", "Content-Length: 1", body=b"x")
    modern.send(response(b"{", JSON))
    assert b" 502 " in await client.head()
    assert scene.legacy.untouched


async def test_an_answer_that_breaks_off_is_a_failure_before_the_first_byte(opened: Open):
    scene = await opened(routes=to_modern(RENAMES, fallback="safe"))
    client, modern, _ = await asked(scene, "GET /api/orders/7 HTTP/1.1")
    modern.send(f"HTTP/1.1 200 OK\r\n{JSON}\r\nContent-Length: 99\r\n\r\n{{".encode())
    await modern.drain()
    modern.reset()
    legacy = await scene.legacy.accept()
    await legacy.head()
    legacy.send(response(b"old"))
    assert (await client.message())[1] == b"old"


async def test_a_large_answer_is_translated_elsewhere(opened: Open):
    scene = await opened(routes=to_modern(RENAMES))
    document = b'{"customerName":"' + b"x" * MOST_INLINE + b'"}'
    _, body = await answered(scene, response(document, JSON))
    assert body == b'{"customer":{"name":"' + b"x" * MOST_INLINE + b'"}}'


# Hooks.

HOOK = 'response: {python: "adapt_hooks:%s"}'
MODULE = """
import threading
from dataclasses import replace
from strangler.core.answer import Answer
gate = threading.Event()
def shout(answer):
    return replace(answer, body=answer.body.upper(), headers=(*answer.headers, ("x-hook", str(answer.status))))
def other(answer):
    return Answer(404, (("content-type", "text/plain"), ("Content-Length", "99"), ("ETag", "x"), ("Connection", "x")), b"gone")
def empty(answer):
    return Answer(204, (), b"")
def fails(answer):
    raise KeyError("a secret of the hook")
def leaves(answer):
    raise SystemExit
def waits(answer):
    gate.wait(60)
    return answer
def nothing(answer):
    return None
def text(answer):
    return replace(answer, body="text")
def splits(answer):
    return replace(answer, headers=(("x", "a\\r\\nb: c"),))
def interim(answer):
    return replace(answer, status=101)
def body_in_204(answer):
    return Answer(204, (), b"x")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with hooks, as beside a routes.yaml."""
    (tmp_path / "adapt_hooks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "adapt_hooks", raising=False)
    yield tmp_path
    module = __import__("sys").modules.pop("adapt_hooks", None)
    if module is not None:
        module.gate.set()


async def test_a_hook_gets_the_answer_and_gives_one(opened: Open, folder: Path):
    scene = await opened(routes=to_modern(HOOK % "shout"))
    head, body = await answered(scene, response(b"abc", 'ETag: "1"', "X-A: 1", status="418 Tea"))
    assert body == b"ABC"
    assert head == ["HTTP/1.1 418 Tea", "X-A: 1", "x-hook: 418", "Content-Length: 3"]


async def test_renames_come_first(opened: Open, folder: Path):
    scene = await opened(routes=to_modern('response: {rename: {$.a: $.b}, python: "adapt_hooks:shout"}'))
    assert (await answered(scene, response(b'{"a":"x"}', JSON)))[1] == b'{"B":"X"}'


async def test_a_hook_may_give_another_status_and_never_frames_the_answer(opened: Open, folder: Path):
    scene = await opened(routes=to_modern(HOOK % "other"))
    head, body = await answered(scene, response(b"abc"))
    assert body == b"gone"
    assert [head[0].split()[1], *head[1:]] == ["404", "content-type: text/plain", "Content-Length: 4"]
    scene = await opened(routes=to_modern(HOOK % "empty"))
    head, body = await answered(scene, response(b"abc"))
    assert ([head[0].split()[1], *head[1:]], body) == (["204"], b"")


@pytest.mark.parametrize("hook", ["fails", "leaves", "nothing", "text", "splits", "interim", "body_in_204"])
async def test_a_hook_that_fails_is_a_failure_of_modern(opened: Open, folder: Path, hook: str, caplog: pytest.LogCaptureFixture):
    scene = await opened(routes=to_modern(HOOK % hook))
    for _ in range(2):
        head, body = await answered(scene, response(b"abc"))
        assert head[0].startswith("HTTP/1.1 502")
        assert b"reason: adapt_failed" in body
        assert b"secret" not in body
    assert [f"adapt_hooks:{hook} of route r" in record.getMessage() for record in caplog.records] == [True]


async def test_a_hook_has_a_deadline_and_legacy_takes_over(opened: Open, folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hooks, "SECONDS", 0.05)
    scene = await opened(routes=to_modern(HOOK % "waits", fallback="safe"))
    client, modern, _ = await asked(scene, "GET /api/orders/7 HTTP/1.1")
    modern.send(response(b"abc"))
    legacy = await scene.legacy.accept()
    await legacy.head()
    legacy.send(response(b"old"))
    assert (await client.message())[1] == b"old"


async def test_hooks_that_never_return_keep_nothing_but_their_threads(
    opened: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hooks, "SECONDS", 0.05)
    monkeypatch.setattr(hooks, "MOST_WAITING", hooks.THREADS + 2)
    scene = await opened(routes=to_modern(HOOK % "waits"))
    before = threading.active_count()
    for _ in range(hooks.THREADS + 6):
        assert (await answered(scene, response(b"abc")))[0][0].startswith("HTTP/1.1 502")
        assert scene.proxy.hooks._under_way <= hooks.MOST_WAITING
    assert threading.active_count() <= before + hooks.THREADS
    __import__("sys").modules["adapt_hooks"].gate.set()
    await eventually(lambda: scene.proxy.hooks._under_way == 0)
    assert (await answered(scene, response(b"abc")))[1] == b"abc"


async def test_a_client_that_leaves_while_a_hook_works_is_no_trouble(opened: Open, folder: Path):
    scene = await opened(routes=to_modern(HOOK % "waits"))
    client, modern, _ = await asked(scene, "GET /api/orders/7 HTTP/1.1")
    modern.send(response(b"abc"))
    await eventually(lambda: scene.proxy.hooks._under_way == 1)
    await client.close()
    await eventually(lambda: bool(scene.observed))
    __import__("sys").modules["adapt_hooks"].gate.set()
    await eventually(lambda: scene.proxy.hooks._under_way == 0)
    assert scene.observed[0].reason == "client_gone"


async def test_requests_go_on_while_a_hook_works(opened: Open, folder: Path):
    scene = await opened(routes=to_modern(HOOK % "waits"))
    slow, modern, _ = await asked(scene, "GET /api/orders/7 HTTP/1.1")
    modern.send(response(b"abc"))
    await eventually(lambda: scene.proxy.hooks._under_way == 1)
    quick, legacy, _ = await scene.ask(request())
    legacy.send(response(b"quick"))
    assert (await quick.message())[1] == b"quick"
    __import__("sys").modules["adapt_hooks"].gate.set()
    assert (await slow.message())[1] == b"abc"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone_hooks:f", None, "ModuleNotFoundError: No module named 'gone_hooks'"),
        ("bad_hooks:f", "def f(:", "SyntaxError"),
        ("raising_hooks:f", "1/0", "ZeroDivisionError"),
        ("leaving_hooks:f", "raise SystemExit(3)", "SystemExit"),
        ("lacking_hooks:f", "g = 1", "lacking_hooks has no function f"),
        ("number_hooks:f", "f = 1", "number_hooks has no function f"),
    ],
)
def test_hooks_that_cannot_be_imported_are_told_in_one_line(tmp_path: Path, name: str, text: str | None, said: str):
    if text is not None:
        (tmp_path / f"{name.partition(':')[0]}.py").write_text(text)
    routes = f'routes: [{{name: a, match: {{path: /a}}, adapt: {{response: {{python: "{name}"}}}}}}]'
    with pytest.raises(UsageError) as caught:
        check_hooks(replace(config(routes), folder=str(tmp_path)))
    assert str(caught.value).startswith(f"routes[0].adapt.response.python: {name} cannot be imported: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_changed_hook_is_imported_again_and_a_broken_one_is_not_taken(tmp_path: Path):
    file, answer = tmp_path / "changing_hooks.py", Answer(200, (), b"")
    file.write_text("state = []\ndef f(answer): return state")
    first = load_hook("changing_hooks:f", str(tmp_path))
    assert load_hook("changing_hooks:f", str(tmp_path)) is first
    file.write_text("def f(answer): return 'second'")
    second = load_hook("changing_hooks:f", str(tmp_path))
    assert (first(answer), second(answer)) == ([], "second")
    file.write_text("def f(")
    with pytest.raises(UsageError):
        load_hook("changing_hooks:f", str(tmp_path))
    with pytest.raises(UsageError):
        load_hook("changing_hooks:f", str(tmp_path))
    file.write_text("def f(answer): return 'the third'")
    assert load_hook("changing_hooks:f", str(tmp_path))(answer) == "the third"


async def test_a_reload_with_a_hook_that_cannot_be_imported_keeps_what_was(opened: Open, folder: Path):
    from strangler.core.decide import Table

    scene = await opened(routes=to_modern(HOOK % "shout"))
    before = scene.proxy.routing
    broken = replace(before.table.config, routes=to_modern(HOOK % "not_there"))
    with pytest.raises(UsageError):
        scene.proxy.use(Table(broken))
    assert scene.proxy.routing is before
    await asyncio.sleep(0)
