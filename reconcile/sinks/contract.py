"""What every sink must do, as tests: for those here, and for whoever adds one. Run by pytest, which nothing here imports.

    class TestMine(SinkContract):
        @pytest.fixture
        def stand(self):
            return MyStand()

A stand is the other end of the sink, as a test needs it: see `Stand`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol
from unittest import SkipTest

from reconcile.sinks.event import Event
from reconcile.sinks.sink import BEHIND, Delivered, Failed, Outcome, Refused, Sink, Unavailable

SOME = 20  # events; more than that would show nothing else
PATIENCE = 60.0  # seconds for what must come about, on a busy machine
BIG = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Arrived:
    """An event as the other end has it. `key` is None where the other end is not told."""

    id: str
    type: str
    payload: bytes
    key: str | None = None


class Stand(Protocol):
    """The other end, empty when a test begins; everything happens in the test's own event loop, within ``async with``.

    Attributes:
        refused: an event that can never be delivered; None if there is none.
        secrets: what the sink was told that nobody may see.
        can_be_away: whether there is anything that could be.
    """

    refused: Event | None
    secrets: Sequence[str]
    can_be_away: bool

    async def __aenter__(self) -> Stand: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def open(self) -> Sink:
        """A sink that sends there. It may be called while the other end is away, and more than once."""

    async def received(self) -> Sequence[Arrived]:
        """All that has arrived, in the order of arrival (of a key, where there are partitions). It is not away."""

    async def leave(self) -> None:
        """The other end goes away: what is connected is cut, and nothing can connect."""

    async def come_back(self) -> None:
        """It is there again, with what it had."""


Story = Callable[[Stand, Sink], Awaitable[None]]


def event(number: int, *, key: str | None = "", payload: bytes | None = None, **other: object) -> Event:
    """An event with this number in everything; without a `key`, it has one of its own."""
    whole = Event(
        sequence=number,
        id=f"event-{number}",
        type="order.placed",
        key=f"order-{number}" if key == "" else key,
        payload=b'{"number":%d}' % number if payload is None else payload,
        at=1_700_000_000_000_000 + number,
        source="/contract",
    )
    return replace(whole, **other)  # type: ignore[arg-type]


class SinkContract:
    """Subclass it, and give a fixture `stand`."""

    def test_what_is_delivered_is_there_as_it_was_sent(self, stand: Stand) -> None:
        sent = [event(number, headers={"x-tenant": "north"}, version=number) for number in range(SOME)]
        _play(stand, _delivers(sent))

    def test_events_without_a_key_are_delivered(self, stand: Stand) -> None:
        _play(stand, _delivers([event(number, key=None) for number in range(SOME)]))

    def test_nothing_to_send_is_nothing_sent(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            assert list(await sink.send([])) == []
            assert list(await stand.received()) == []

        _play(stand, story)

    def test_a_payload_of_a_mebibyte_arrives_whole(self, stand: Stand) -> None:
        whole = b'"%b"' % (b"x" * (BIG - 2))
        _play(stand, _delivers([event(1), event(2, payload=whole), event(3)]))

    def test_a_payload_may_be_empty(self, stand: Stand) -> None:
        _play(stand, _delivers([event(1, payload=b"")]))

    def test_a_payload_may_be_any_bytes(self, stand: Stand) -> None:
        every = bytes(range(256))
        _play(stand, _delivers([event(1, payload=every, content_type="application/octet-stream")]))

    def test_every_language_arrives(self, stand: Stand) -> None:
        words = "Ω – 注文 – 🜂 – naïve"
        odd = event(1, key=words, payload=f'{{"name":"{words}"}}'.encode(), headers={"x-name": words}, id=f"№ 1 {words}")
        _play(stand, _delivers([odd]))

    def test_keys_and_types_may_look_like_patterns(self, stand: Stand) -> None:
        keys = ("a.b", "a b", "a\r\nb", "\0", "", "*", ">", "#", "a/b", "..", "{type}", "%2E", "$SYS")
        sent = [event(number, key=key, type=f"order.{key}") for number, key in enumerate(keys)]
        _play(stand, _delivers(sent))

    def test_no_event_stops_the_sink(self, stand: Stand) -> None:
        """Whatever is wrong with it is its own: the sink is there for the next one."""

        async def story(stand: Stand, sink: Sink) -> None:
            half, long, vast = "half \ud800", "long" * 2000, "vast" * 50_000
            parts: list[dict[str, Any]] = [{name: text} for text in (half, long) for name in ("id", "type", "key", "source")]
            parts += [{"headers": {"x-odd": text}} for text in (half, long, vast, "\0\r\n")]
            parts += [{"headers": {"\0": "odd"}}, {"at": 2**62}, {"at": -(2**62)}, {"content_type": "\r\n"}, {"version": 2**70}]
            for number, part in enumerate(parts):
                (outcome,) = await sink.send([replace(event(number), **part)])
                assert isinstance(outcome, Delivered | Refused | Failed), f"{part}: {outcome}"
                await _deliver(stand, sink, [event(1000 + number)])

        _play(stand, story)

    def test_one_call_takes_as_many_as_it_says(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            sent = [event(number) for number in range(min(sink.batch, 1000))]
            await _deliver(stand, sink, sent)

        _play(stand, story)

    def test_a_key_keeps_its_order(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            sent = [event(number, key=f"order-{number % 3}") for number in range(SOME)]
            await _deliver(stand, sink, sent)
            arrived = [each.id for each in await stand.received()]
            for key in ("order-0", "order-1", "order-2"):
                mine = [each.id for each in sent if each.key == key]
                assert [each for each in arrived if each in mine] == mine, "events of one key are in the order they were sent in"

        _play(stand, story)

    def test_an_event_that_comes_twice_is_delivered_twice_or_known(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            await _deliver(stand, sink, [event(1)])
            (again,) = await sink.send([event(1)])
            assert isinstance(again, Delivered)
            times = [each.id for each in await stand.received()].count("event-1")
            assert times == (1 if again.known else 2), "an event that the other end knows is not there twice"

        _play(stand, story)

    def test_what_is_refused_is_refused_alone_and_says_why(self, stand: Stand) -> None:
        refused = _refused(stand)

        async def story(stand: Stand, sink: Sink) -> None:
            sent = [event(1), refused, event(3)]
            outcomes = await _send(sink, sent)
            assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
            assert isinstance(outcomes[1], Refused)
            assert outcomes[1].why
            await _has(stand, [event(1), event(3)])

        _play(stand, story)

    def test_nothing_overtakes_what_was_refused(self, stand: Stand) -> None:
        refused = replace(_refused(stand), key="order-1")

        async def story(stand: Stand, sink: Sink) -> None:
            if not sink.keeps_order:
                raise SkipTest("no key is twice in a call")
            sent = [event(1, key="order-0"), refused, event(2, key="order-1"), event(3)]
            outcomes = await sink.send(sent)
            assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, type(BEHIND), Delivered]
            assert [each.id for each in await stand.received()] == ["event-1", "event-3"]

        _play(stand, story)

    def test_calls_at_the_same_time_do_not_disturb_each_other(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            if sink.batch != 1:
                raise SkipTest("one caller at a time")
            sent = [event(number) for number in range(SOME)]
            outcomes = await asyncio.gather(*(sink.send([each]) for each in sent))
            assert [type(outcome) for (outcome,) in outcomes] == [Delivered] * SOME
            await _has(stand, sent)

        _play(stand, story)

    def test_while_the_other_end_is_away_the_sink_says_so(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            await _deliver(stand, sink, [event(1)])
            await stand.leave()
            await _until_unavailable(sink, event(2))
            await stand.come_back()
            await _until_delivered(sink, event(2))
            await _has(stand, [event(1), event(2)])

        _play_away(stand, story)

    def test_a_sink_may_be_opened_before_the_other_end_is_there(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            await _until_unavailable(sink, event(1))
            await stand.come_back()
            await _until_delivered(sink, event(1))
            await _has(stand, [event(1)])

        async def away(stand: Stand) -> None:
            await stand.leave()

        _play_away(stand, story, away)

    def test_what_is_cut_off_at_once_is_tried_again_and_not_lost(self, stand: Stand) -> None:
        _play_away(stand, _cut_off(1))

    def test_what_is_cut_off_in_the_middle_is_tried_again_and_not_lost(self, stand: Stand) -> None:
        _play_away(stand, _cut_off(8))

    def test_a_call_that_is_cancelled_leaves_the_sink_usable(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            for turns in range(SOME):
                sending = asyncio.ensure_future(sink.send([event(turns)]))
                for _ in range(turns):
                    await asyncio.sleep(0)
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            await _deliver(stand, sink, [event(SOME)])

        _play(stand, story)

    def test_it_can_be_closed_unused(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            pass

        _play(stand, story)

    def test_it_can_be_closed_while_the_other_end_is_away(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            await _deliver(stand, sink, [event(1)])
            await stand.leave()
            await _until_unavailable(sink, event(2))
            await asyncio.wait_for(sink.close(), PATIENCE)
            await stand.come_back()

        _play_away(stand, story)

    def test_no_secret_is_shown(self, stand: Stand) -> None:
        async def story(stand: Stand, sink: Sink) -> None:
            await stand.leave()
            shown = f"{sink!r} {await _send(sink, [event(1)])!r}"
            await stand.come_back()
            assert [secret for secret in stand.secrets if secret in shown] == []

        _play_away(stand, story)


def _play(stand: Stand, story: Story, first: Callable[[Stand], Awaitable[None]] | None = None) -> None:
    async def play() -> None:
        async with stand:
            if first:
                await first(stand)
            sink = _Closed(stand.open())
            try:
                await story(stand, sink)
            finally:
                await sink.close()

    asyncio.run(play())


def _play_away(stand: Stand, story: Story, first: Callable[[Stand], Awaitable[None]] | None = None) -> None:
    if not stand.can_be_away:
        raise SkipTest("there is nothing that could be away")
    _play(stand, story, first)


def _refused(stand: Stand) -> Event:
    if stand.refused is None:
        raise SkipTest("there is nothing that it refuses")
    return stand.refused


class _Closed:
    """A sink that may be closed more than once."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self._open = sink, True
        self.batch, self.keeps_order = sink.batch, sink.keeps_order

    def __repr__(self) -> str:
        return repr(self._sink)

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        outcomes = await self._sink.send(events)
        assert len(outcomes) == len(events), "there is an outcome for every event"
        return outcomes

    async def close(self) -> None:
        if self._open:
            self._open = False
            await self._sink.close()


def _delivers(sent: Sequence[Event]) -> Story:
    async def story(stand: Stand, sink: Sink) -> None:
        await _deliver(stand, sink, sent)

    return story


def _cut_off(turns: int) -> Story:
    """The other end goes away so many turns of the event loop after a call began."""

    async def story(stand: Stand, sink: Sink) -> None:
        sent = [event(number) for number in range(SOME)]
        await _deliver(stand, sink, sent[:1])
        sending = asyncio.ensure_future(_send(sink, sent))
        for _ in range(turns):
            await asyncio.sleep(0)
        await stand.leave()
        outcomes = await sending
        assert all(isinstance(outcome, Delivered | Unavailable | Failed) for outcome in outcomes)
        await stand.come_back()
        await _has(stand, [each for each, outcome in zip(sent, outcomes, strict=True) if isinstance(outcome, Delivered)])
        for each in sent:
            await _until_delivered(sink, each)
        await _has(stand, sent)

    return story


async def _deliver(stand: Stand, sink: Sink, sent: Sequence[Event]) -> None:
    outcomes = await _send(sink, sent)
    assert [outcome for outcome in outcomes if not isinstance(outcome, Delivered)] == []
    await _has(stand, sent)


async def _send(sink: Sink, sent: Sequence[Event]) -> list[Outcome]:
    """As a relay does: no more in a call than it takes, and no key twice in one unless it keeps their order."""
    outcomes: list[Outcome] = []
    call: list[Event] = []
    for each in sent:
        if len(call) == sink.batch or (not sink.keeps_order and each.key is not None and each.key in {one.key for one in call}):
            outcomes += await sink.send(call)
            call = []
        call.append(each)
    return outcomes + list(await sink.send(call))


async def _has(stand: Stand, sent: Sequence[Event]) -> None:
    arrived = {each.id: each for each in await stand.received()}
    for each in sent:
        there = arrived.get(each.id)
        assert there is not None, f"{each.id} was said to be delivered, and is not there"
        assert (there.type, there.payload) == (each.type, each.payload)
        assert there.key in (each.key, None)


async def _until_unavailable(sink: Sink, one: Event) -> None:
    """What is buffered on the way may take one more; then it must be noticed."""
    async with asyncio.timeout(PATIENCE):
        while not isinstance((await sink.send([one]))[0], Unavailable):
            await asyncio.sleep(0.01)


async def _until_delivered(sink: Sink, one: Event) -> None:
    async with asyncio.timeout(PATIENCE):
        while not isinstance((await sink.send([one]))[0], Delivered):
            await asyncio.sleep(0.01)
