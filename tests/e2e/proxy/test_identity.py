"""Who the user is: asked of legacy, told to modern, signed; and never somebody else, whatever happens."""

from __future__ import annotations

import asyncio
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.breaker import Circuit
from strangler.core.decide import Table
from strangler.core.model import Breaker, Config, Fallback, Identity, Stage
from strangler.core.units import Seconds
from strangler.proxy import Exchange, Proxy, identities, start

from .conftest import TICK, route
from .conftest import config as plain_config
from .wire import Upstream, Wire, dial, eventually, lines_of, request, response

KEY = "the key of these tests, long enough"


def find_key(_: Config) -> bytes:
    return KEY.encode()


IDENTITY = Identity("legacy", "/whoami", ("cookie", "authorization"))


@dataclass
class Town:
    """A proxy before a legacy that knows sessions and a modern that repeats what it was told.

    Attributes:
        sessions: who is logged in, by Cookie line; questions: what legacy was asked, in order.
        hold: questions wait for it before they are answered.
    """

    proxy: Proxy
    legacy: Upstream
    modern: Upstream
    sessions: dict[str, int] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    legacy_heads: list[str] = field(default_factory=list)
    modern_heads: list[str] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    answer: Callable[[str], bytes] | None = None
    observed: list[Exchange] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    async def serve(self, upstream: Upstream, one: Callable[[Wire, str], Awaitable[None]]) -> None:
        while True:
            wire = await upstream._waiting.get()
            self.tasks.append(asyncio.create_task(self.talk(wire, one)))

    async def talk(self, wire: Wire, one: Callable[[Wire, str], Awaitable[None]]) -> None:
        try:
            while True:
                head = (await wire.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                await one(wire, head)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    async def as_legacy(self, wire: Wire, head: str) -> None:
        if not head.startswith("GET /whoami "):
            self.legacy_heads.append(head)
            cookie = value(head, "cookie")
            if head.startswith("POST /logout"):
                self.sessions.pop(cookie, None)
                wire.send(response(b"bye"))
            elif head.startswith("GET /logout"):
                self.sessions.pop(cookie, None)
                wire.send(response(b"bye", "Set-Cookie: s=; Max-Age=0"))
            else:
                wire.send(response(b"legacy"))
            return
        self.questions.append(head)
        user = self.sessions.get(value(head, "cookie"))
        await self.hold.wait()
        if self.answer is not None:
            wire.send(self.answer(head))
        elif user is None:
            wire.send(response(b"{}", "Set-Cookie: s=new", status="401 Unauthorized"))
        else:
            wire.send(response(json.dumps({"id": user}).encode(), "Set-Cookie: seen=1"))

    async def as_modern(self, wire: Wire, head: str) -> None:
        self.modern_heads.append(head)
        wire.send(response(value(head, "x-user").encode()))

    async def ask(self, *headers: str, line: str = "GET /m HTTP/1.1") -> tuple[str, str]:
        """One request on a new connection: the head of the answer, and its body."""
        client = await dial(self.proxy.addresses[0].port)
        self.wires.append(client)
        client.send(request(line, *headers))
        head, body = await client.message()
        return head.decode("latin-1"), body.decode("latin-1")

    async def user(self, *headers: str) -> Any:
        """Who modern is told that the user is."""
        head, body = await self.ask(*headers)
        assert head.startswith("HTTP/1.1 200 "), head
        return claims(body)["user"] if body else None


def value(head: str, name: str) -> str:
    found = re.findall(rf"(?im)^{name}: (.*?)\r?$", head)
    assert len(found) <= 1, head
    return found[0] if found else ""


def claims(header: str) -> dict[str, Any]:
    payload = header.split(".")[1]
    read: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return read


Open = Callable[..., Awaitable[Town]]


def config_of(legacy: int, modern: int, identity: Identity, fallback: Fallback = Fallback.OFF) -> Config:
    routes = (route("/m", fallback=fallback), route("/canary", stage=Stage.LEGACY, index=1, name="c"))
    made = plain_config(legacy, modern, routes=routes)
    upstreams = {**made.upstreams, "modern": replace(made.upstreams["modern"], identity=identity)}
    return replace(made, upstreams=upstreams)


@pytest.fixture
async def town() -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def open_(identity: Identity = IDENTITY, **settings: Any) -> Town:
            legacy, modern = await Upstream().open(), await Upstream().open()
            made = config_of(legacy.port, modern.port, identity, **settings)
            observed: list[Exchange] = []
            proxy = await start(Table(made), listeners=made.listen, observe=observed.append, tick=TICK, identity_key=find_key)
            found = Town(proxy, legacy, modern, observed=observed)
            found.hold.set()
            found.tasks += [
                asyncio.create_task(found.serve(legacy, found.as_legacy)),
                asyncio.create_task(found.serve(modern, found.as_modern)),
            ]

            async def close() -> None:
                for wire in found.wires:
                    await wire.close()
                await proxy.stop(0)
                for task in found.tasks:
                    task.cancel()
                await legacy.close()
                await modern.close()
                assert proxy.counters.faults == 0

            stack.push_async_callback(close)
            return found

        yield open_


ANNA, BERT = "Cookie: s=anna-0123456789", "Cookie: s=bert-0123456789"
SESSIONS = {ANNA[8:]: 1, BERT[8:]: 2}


async def test_modern_is_told_who_legacy_knows(town: Open):
    scene = await town()
    scene.sessions |= SESSIONS
    assert [await scene.user(who) for who in (ANNA, BERT, ANNA)] == [{"id": 1}, {"id": 2}, {"id": 1}]
    assert len(scene.questions) == 2
    said = claims(value(scene.modern_heads[0], "x-user"))
    assert (said["aud"], said["exp"] - said["iat"]) == ("modern", 30)
    assert all("set-cookie" not in head.lower() for head in scene.modern_heads)


async def test_only_the_named_headers_are_sent_along(town: Open):
    scene = await town()
    scene.sessions |= SESSIONS
    await scene.user(ANNA, "Authorization: Bearer x", "X-Other: 1", "X-Request-Id: mine", "Accept: */*", "Range: bytes=0-1")
    lines = lines_of(scene.questions[0].encode("latin-1"))
    assert lines[0] == "GET /whoami HTTP/1.1"
    names = [line.partition(":")[0].lower() for line in lines[1:]]
    assert names == [
        *("host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"),
        *("accept", "accept-encoding", "cookie", "authorization", "x-request-id"),
    ]
    assert value(scene.questions[0], "x-request-id") == "mine"
    assert value(scene.questions[0], "accept") == "application/json"


async def test_without_credentials_nobody_is_asked(town: Open):
    scene = await town()
    for headers in ([], ["Cookie: "], ["X-Other: 1"]):
        assert await scene.user(*headers) is None
    assert scene.questions == []


async def test_who_is_not_logged_in_is_nobody(town: Open):
    scene = await town()
    assert [await scene.user("Cookie: s=x"), await scene.user("Cookie: s=x")] == [None, None]
    assert len(scene.questions) == 1


FORGED = ["X-User: 1", "x-user: v1.a.b", "X_User: 1", "x_USER: 1", "X.User: 1", "x-user: 1\r\nX-User: 2"]


@pytest.mark.parametrize("forged", FORGED)
async def test_a_clients_own_header_goes_nowhere(town: Open, forged: str):
    scene = await town()
    scene.sessions |= SESSIONS
    assert await scene.user(forged) is None
    assert await scene.user(forged, ANNA) == {"id": 1}
    assert await scene.user(forged, "Cookie: s=x") is None
    await scene.ask(forged, line="GET /elsewhere HTTP/1.1")
    await scene.ask(forged, line="GET /canary HTTP/1.1")
    for head in (*scene.legacy_heads, *scene.questions, *scene.modern_heads):
        assert not re.search(r"(?im)^x[^a-z]user: (?!v1\.ey)", head), head


async def test_nor_does_it_in_a_trailer_or_on_the_second_request_of_a_connection(town: Open):
    scene = await town()
    client = await dial(scene.proxy.addresses[0].port)
    scene.wires.append(client)
    for _ in range(2):
        client.send(request("GET /m HTTP/1.1", "X-User: 1"))
        assert (await client.message())[1] == b""
    seen: list[bytes] = []

    async def whole(wire: Wire, head: str) -> None:
        seen.append(await wire.body(head.encode()))
        wire.send(response(b"x"))

    scene.as_modern = whole  # type: ignore[method-assign]
    for task in scene.tasks[1:2]:
        task.cancel()
    for pool in scene.proxy.routing.pools.values():
        pool.retire()
        pool.retired = False
    scene.tasks.append(asyncio.create_task(scene.serve(scene.modern, whole)))
    client.send(request("POST /m HTTP/1.1", "Transfer-Encoding: chunked", "Trailer: X_User, X-Sum"))
    client.send(b"1\r\na\r\n0\r\nX_User: 1\r\nx-user: 2\r\nX-Sum: 3\r\n\r\n")
    await client.message()
    assert seen == [b"1\r\na\r\n0\r\nX-Sum: 3\r\n\r\n"]


@pytest.mark.parametrize("how", ["POST /logout HTTP/1.1", "GET /logout HTTP/1.1"])
async def test_who_has_logged_out_is_not_recognised_any_more(town: Open, how: str):
    scene = await town()
    scene.sessions |= SESSIONS
    assert [await scene.user(ANNA), await scene.user(BERT)] == [{"id": 1}, {"id": 2}]
    await scene.ask(ANNA, line=how)
    assert [await scene.user(ANNA), await scene.user(BERT)] == [None, {"id": 2}]
    assert len(scene.questions) == 3


async def test_nor_with_the_same_session_beside_other_cookies(town: Open):
    scene = await town()
    both = f"{ANNA}; theme=dark"
    scene.sessions |= {ANNA[8:]: 1, both[8:]: 1}
    assert [await scene.user(ANNA), await scene.user(both)] == [{"id": 1}, {"id": 1}]
    await scene.ask(both, line="POST /logout HTTP/1.1")
    scene.sessions.clear()
    assert [await scene.user(ANNA), await scene.user(both)] == [None, None]


async def test_a_login_with_the_same_session_is_seen_at_once(town: Open):
    scene = await town()
    assert await scene.user(ANNA) is None
    scene.sessions |= SESSIONS
    await scene.ask(ANNA, "Content-Length: 0", line="POST /login HTTP/1.1")
    assert await scene.user(ANNA) == {"id": 1}


async def test_a_question_from_before_the_logout_is_not_believed_after_it(town: Open):
    scene = await town()
    scene.sessions |= SESSIONS
    scene.hold.clear()
    early = asyncio.create_task(scene.user(ANNA))
    await eventually(lambda: len(scene.questions) == 1)
    await scene.ask(ANNA, line="POST /logout HTTP/1.1")
    late = asyncio.create_task(scene.user(ANNA))
    await eventually(lambda: len(scene.questions) == 2)
    scene.hold.set()
    assert (await early, await late) == ({"id": 1}, None)
    assert await scene.user(ANNA) is None


async def test_a_burst_of_one_user_asks_once(town: Open):
    scene = await town()
    scene.sessions |= SESSIONS
    scene.hold.clear()
    burst = [asyncio.create_task(scene.user(ANNA)) for _ in range(200)]
    await eventually(lambda: len(scene.questions) == 1 and scene.proxy.counters.connections_open == 200)
    scene.hold.set()
    assert await asyncio.gather(*burst) == [{"id": 1}] * 200
    assert len(scene.questions) == 1


async def test_clients_that_leave_while_it_is_asked_are_no_trouble(town: Open):
    scene = await town()
    scene.sessions |= SESSIONS
    scene.hold.clear()
    leaving = await dial(scene.proxy.addresses[0].port)
    leaving.send(request("GET /m HTTP/1.1", ANNA))
    staying = asyncio.create_task(scene.user(ANNA))
    await eventually(lambda: len(scene.questions) == 1)
    await leaving.close()
    await eventually(lambda: bool(scene.observed))
    scene.hold.set()
    assert await staying == {"id": 1}


UNKNOWN = [
    response(b"{}", status="500 Internal Server Error"),
    response(b'{"id":1}', status="302 Found"), response(b"null"), response(b"{"),
    response(b'{"id":1,"id":2}'), response(b'{"a":"' + b"x" * 5000 + b'"}'), response(b'{"a":"' + b"x" * 50_000 + b'"}'),
    b"garbage\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n", response(b""),
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("answer", UNKNOWN, ids=range(len(UNKNOWN)))
async def test_an_answer_that_says_nothing_is_unknown_and_modern_is_not_asked(town: Open, answer: bytes):
    scene = await town()
    scene.answer = lambda head: answer
    head, body = await scene.ask(ANNA)
    assert head.startswith("HTTP/1.1 503 ")
    assert "reason: identity_unknown" in body
    assert scene.modern_heads == []
    assert (scene.observed[0].upstream, scene.observed[0].reason) == ("", "identity_unknown")


@pytest.mark.parametrize(("method", "status", "body"), [("GET", "200", "legacy"), ("POST", "503", "identity_unknown")])
async def test_with_a_fallback_legacy_answers_what_is_safe(town: Open, method: str, status: str, body: str):
    scene = await town(fallback=Fallback.SAFE)
    scene.answer = lambda head: UNKNOWN[0]
    head, got = await scene.ask(ANNA, "Content-Length: 0", line=f"{method} /m HTTP/1.1")
    assert head.split()[1] == status
    assert body in got
    assert scene.modern_heads == []


async def test_a_stopped_legacy_is_nobodys_identity(town: Open, monkeypatch: pytest.MonkeyPatch):
    scene = await town(replace(IDENTITY, cache=Seconds(0)))
    scene.sessions |= SESSIONS
    assert await scene.user(ANNA) == {"id": 1}
    scene.tasks[0].cancel()
    await scene.legacy.close()
    head, body = await scene.ask(ANNA)
    assert head.startswith("HTTP/1.1 503 ")
    assert "identity_unknown" in body
    assert await scene.user() is None  # who shows no credentials is still nobody, and served
    assert len(scene.modern_heads) == 2


async def test_a_legacy_that_hangs_is_given_up(town: Open, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(identities, "PATIENCE", 0.05)
    scene = await town()
    scene.hold.clear()
    assert "identity_unknown" in (await scene.ask(ANNA))[1]


async def test_a_legacy_that_is_out_of_service_is_not_asked(town: Open):
    scene = await town()
    pool = scene.proxy.routing.pools["legacy"]
    pool.gate.circuit = circuit = Circuit(Breaker(min_requests=2), 0.0)
    scene.answer = lambda head: b"garbage\r\n\r\n"
    for number in range(2):
        assert "identity_unknown" in (await scene.ask(f"Cookie: s={number}"))[1]
    assert (circuit.state, pool.shut) == ("open", True)
    assert "identity_unknown" in (await scene.ask(ANNA))[1]
    assert len(scene.questions) == 2


async def test_a_question_on_a_connection_that_legacy_has_closed_is_asked_again(town: Open):
    scene = await town()
    scene.sessions |= SESSIONS
    assert await scene.user(ANNA) == {"id": 1}
    for wire in scene.legacy.wires:
        await wire.close()
    assert await scene.user(BERT) == {"id": 2}


async def test_the_body_of_a_request_waits_for_the_answer(town: Open):
    scene = await town()
    scene.sessions |= SESSIONS
    scene.hold.clear()
    task = asyncio.create_task(scene.ask(ANNA, "Content-Length: 0", line="POST /m HTTP/1.1"))
    await eventually(lambda: len(scene.questions) == 1)
    scene.hold.set()
    assert claims((await task)[1])["user"] == {"id": 1}


async def test_another_host_is_another_question(town: Open):
    scene = await town()
    scene.sessions |= SESSIONS
    for host in ("a.example", "b.example", "a.example"):
        client = await dial(scene.proxy.addresses[0].port)
        scene.wires.append(client)
        client.send(request("GET /m HTTP/1.1", ANNA, host=host))
        await client.message()
    assert [value(head, "host") for head in scene.questions] == ["a.example", "b.example"]


async def test_a_reload_keeps_what_is_known_unless_it_is_asked_elsewhere(town: Open):
    scene = await town()
    scene.sessions |= SESSIONS
    assert await scene.user(ANNA) == {"id": 1}
    made = config_of(scene.legacy.port, scene.modern.port, IDENTITY)
    scene.proxy.use(Table(made))
    assert await scene.user(ANNA) == {"id": 1}
    assert len(scene.questions) == 1
    scene.proxy.use(Table(config_of(scene.legacy.port, scene.modern.port, replace(IDENTITY, path="/whoami?again"))))
    scene.answer = lambda head: response(b'{"id":9}')
    head, _ = await scene.ask(ANNA)
    assert head.startswith("HTTP/1.1 ")
    assert len(scene.legacy_heads) + len(scene.questions) == 2


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "ask", "login", "logout", "answer"]), st.integers(0, 3)), min_size=4, max_size=24
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
async def test_users_are_never_mixed(steps: list[tuple[str, int]]):
    """Whatever the order of questions, logins and logouts: modern hears of the user whose cookie it was or of nobody, and
    after a logout that was answered, of nobody."""
    legacy, modern = await Upstream().open(), await Upstream().open()
    made = config_of(legacy.port, modern.port, IDENTITY)
    proxy = await start(Table(made), listeners=made.listen, tick=TICK, identity_key=find_key)
    scene = Town(proxy, legacy, modern)
    scene.tasks += [
        asyncio.create_task(scene.serve(legacy, scene.as_legacy)),
        asyncio.create_task(scene.serve(modern, scene.as_modern)),
    ]
    cookies = [f"Cookie: s=session-of-{number}-0123456789" for number in range(4)]
    asked: list[tuple[int, bool, asyncio.Task[Any]]] = []
    try:
        for step, number in steps:
            cookie = cookies[number]
            if step == "ask":
                asked.append((number, cookie[8:] in scene.sessions, asyncio.create_task(scene.user(cookie))))
                await asyncio.sleep(0)
            elif step == "login":
                scene.sessions[cookie[8:]] = number
                await scene.ask(cookie, "Content-Length: 0", line="POST /login HTTP/1.1")
            elif step == "logout":
                running = [task for other, _, task in asked if other == number and not task.done()]
                await scene.ask(cookie, line="POST /logout HTTP/1.1")
                after = asyncio.create_task(scene.user(cookie))
                scene.hold.set()
                assert await after is None
                await asyncio.gather(*running)
                scene.hold.clear()
            else:
                scene.hold.set()
                await asyncio.gather(*(task for _, _, task in asked))
                scene.hold.clear()
        scene.hold.set()
        for number, _, task in asked:
            assert await task in (None, {"id": number})
    finally:
        for wire in scene.wires:
            await wire.close()
        await proxy.stop(0)
        for task in scene.tasks:
            task.cancel()
        await legacy.close()
        await modern.close()
    assert proxy.counters.faults == 0
