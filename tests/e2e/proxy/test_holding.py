"""Writes that wait while their data changes hands: safe requests never do, nothing of a body is read, and all have an answer."""

from __future__ import annotations

import asyncio

import pytest

from strangler.core.decide import Table
from strangler.core.model import Stage
from strangler.proxy import holding

from .conftest import Open, Scene, config, route
from .wire import Wire, eventually, lines_of, request, response

POST = b"POST /o HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n\r\nabc"
LONG = 60.0


@pytest.fixture
async def scene(opened: Open) -> Scene:
    """A route whose data legacy owns, and whose reads modern answers."""
    found: Scene = await opened(
        routes=(route("/o", Stage.LEGACY, data=("orders",)), route(index=1, name="rest", stage=Stage.LEGACY))
    )
    return found


def moved(scene: Scene) -> Table:
    """The table after the cutover."""
    routes = (route("/o", data=("orders",)), route(index=1, name="rest", stage=Stage.LEGACY))
    return Table(config(scene.legacy.port, scene.modern.port, routes=routes), ("orders",))


async def waits(scene: Scene, number: int = 1) -> None:
    await eventually(lambda: scene.proxy.holding.waiting == number)


async def answered(upstream: Wire) -> bytes:
    head, _ = await upstream.message()
    upstream.send(response(b"kept"))
    return head


async def test_a_write_waits_and_goes_where_the_new_table_says(scene: Scene) -> None:
    scene.proxy.hold(("r",), LONG)
    client = await scene.dial()
    client.send(POST)
    await waits(scene)
    assert scene.legacy.untouched
    table = moved(scene)
    table.hold(("r",))
    scene.proxy.use(table)
    assert scene.proxy.holding.waiting == 1, "a new table lets nobody go"
    scene.proxy.hold((), 0)
    assert (await answered(await scene.modern.accept())).startswith(b"POST /o ")
    assert (await client.message())[1] == b"kept"
    assert scene.legacy.untouched
    assert scene.proxy.counters.held == 1
    assert scene.observed[0].duration < LONG


async def test_reads_and_other_routes_never_wait(scene: Scene) -> None:
    scene.proxy.hold(("r",), LONG)
    for line in (b"GET /o HTTP/1.1\r\nHost: shop\r\n\r\n", b"POST /p HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n"):
        client, upstream, _ = await scene.ask(line)
        upstream.send(response(b"seen", "Connection: close"))
        assert (await client.message())[1] == b"seen"


async def test_who_has_waited_for_too_long_is_told_to_come_again(scene: Scene) -> None:
    scene.proxy.hold(("r",), 0.05)
    client = await scene.dial()
    client.send(POST)
    head, _ = await client.message()
    assert head.startswith(b"HTTP/1.1 503 ")
    assert any(line.lower().startswith("retry-after: ") for line in lines_of(head))
    scene.proxy.hold((), 0)
    client.send(request("GET /o HTTP/1.1"))
    upstream = await scene.legacy.accept()
    await upstream.head()
    upstream.send(response(b"on the same connection"))
    assert (await client.message())[1] == b"on the same connection"
    assert scene.proxy.counters.refusals["held"] == 1


async def test_no_more_wait_than_there_is_room_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "MOST", 2)
    scene.proxy.hold(("r",), LONG)
    clients = [await scene.dial() for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(POST)
        await waits(scene, min(number + 1, 2))
    assert (await clients[2].head()).startswith(b"HTTP/1.1 503 ")
    await clients[0].close()
    await waits(scene, 1)
    another = await scene.dial()
    another.send(POST)
    await waits(scene, 2)  # who has gone takes no room


async def test_nothing_of_a_body_is_read_while_it_waits(scene: Scene) -> None:
    scene.proxy.hold(("r",), LONG)
    client = await scene.dial()
    size = 64 * 2**20
    client.send(b"POST /o HTTP/1.1\r\nHost: shop\r\nContent-Length: %d\r\n\r\n" % size)
    await waits(scene)
    sending = asyncio.create_task(send(client, size))
    passage = next(iter(scene.proxy.clients)).passage
    assert passage is not None
    await eventually(lambda: client.writer.transport.get_write_buffer_size() > 0)  # type: ignore[attr-defined]
    assert passage.inbound.buffered == 0
    scene.proxy.hold((), 0)
    upstream = await scene.legacy.accept()
    head = await upstream.head()
    assert len(await upstream.exactly(size)) == size
    upstream.send(response(b"all of it"))
    await sending
    assert head.startswith(b"POST /o ")
    assert (await client.message())[1] == b"all of it"


async def send(client: Wire, size: int) -> None:
    for _ in range(size // 2**20):
        client.send(bytes(2**20))
        await client.drain()


async def test_they_go_on_in_the_order_in_which_they_came(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "AT_ONCE", 2)
    scene.proxy.hold(("r",), LONG)
    for number in range(7):
        client = await scene.dial()
        client.send(b"POST /o HTTP/1.1\r\nHost: shop\r\nX-Number: %d\r\nContent-Length: 0\r\n\r\n" % number)
        await waits(scene, number + 1)
    scene.proxy.hold((), 0)
    heads = [await (await scene.legacy.accept()).head() for _ in range(7)]
    assert [head.partition(b"X-Number: ")[2][:1] for head in heads] == [b"%d" % number for number in range(7)]


async def test_a_hold_that_comes_back_while_they_go_keeps_them(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "AT_ONCE", 1)
    scene.proxy.hold(("r",), LONG)
    for number in range(4):
        client = await scene.dial()
        client.send(POST)
        await waits(scene, number + 1)
    scene.proxy.hold((), 0)
    scene.proxy.hold(("r",), LONG)
    assert (await (await scene.legacy.accept()).head()).startswith(b"POST "), "one had gone on already"
    await waits(scene, 3)
    assert scene.proxy.holding.waiting == 3


async def test_what_is_at_work_is_counted_until_it_ends(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "LEFT", LONG)
    at_work = lambda: scene.proxy.holding.at_work(("r",))  # noqa: E731
    client, upstream, _ = await scene.ask(b"POST /o HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nabc")
    assert at_work() == 1, "an upload that is still open"
    client.send(b"defghi")
    await upstream.exactly(9)
    upstream.send(response(b"kept", "Connection: close"))
    await client.message()
    assert at_work() == 0
    gone, _, _ = await scene.ask(POST)
    assert at_work() == 1
    gone.reset()
    await eventually(lambda: not [each for each in scene.proxy.clients if each.passage])
    assert at_work() == 1, "the upstream may not have noticed that its client has gone"


async def test_a_proxy_that_stops_answers_those_who_wait(scene: Scene) -> None:
    scene.proxy.hold(("r",), LONG)
    client = await scene.dial()
    client.send(POST)
    await waits(scene)
    stopping = asyncio.create_task(scene.proxy.stop(LONG))
    assert (await client.head()).startswith(b"HTTP/1.1 503 ")
    await stopping


async def test_a_path_that_could_be_held_waits_too(scene: Scene) -> None:
    scene.proxy.hold(("r",), LONG)
    client = await scene.dial()
    client.send(b"POST /x/%2e%2e/o HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n")
    await waits(scene)
    assert scene.legacy.untouched
