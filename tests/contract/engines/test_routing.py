"""One decider: stages, buckets, fallback and copies are the same whatever the client speaks, and the ledger closes."""

from __future__ import annotations

from collections import Counter

import pytest

from strangler.core.model import Fallback, Stage, Sticky, StickyKey
from strangler.core.units import Share
from tests.e2e.proxy.conftest import route
from tests.e2e.proxy.ledger import CONTROL, Seen, copied, serve
from tests.e2e.proxy.wire import response

from .conftest import Meet, Meeting

LEGACY, MODERN = response(b"legacy"), response(b"modern")


def answering(meeting: Meeting) -> tuple[Seen, Seen]:
    """Both upstreams say who they are."""
    return serve(meeting.scene.legacy, LEGACY), serve(meeting.scene.modern, MODERN)


def stop(*seen: Seen) -> None:
    for one in seen:
        one.stop()


@pytest.mark.parametrize(
    ("stage", "who"),
    [(Stage.LEGACY, b"legacy"), (Stage.SHADOW, b"legacy"), (Stage.MODERN, b"modern"), (Stage.RETIRED, b"modern")],
)
async def test_by_stage(meet: Meet, stage: Stage, who: bytes) -> None:
    meeting = await meet(routes=(route("/shop/{id}", stage),))
    both = answering(meeting)
    assert (await meeting.client.ask("GET", "/shop/1?a=%20")).body == who
    assert (await meeting.client.ask("GET", "/else")).body == b"legacy"
    assert [one.route for one in meeting.scene.observed] == ["r", ""]
    stop(*both)


async def test_a_user_stays_where_they_are(meet: Meet) -> None:
    """Half of the users go to modern, each of them always: HTTP/2 puts users of one connection in their own buckets, too."""
    sticky = Sticky(StickyKey("header", "x-user-id"), salt="orders")
    meeting = await meet(routes=(route(stage=Stage.CANARY, weight=Share(0.5), sticky=sticky),))
    both = answering(meeting)
    found = [
        {(await meeting.client.ask("GET", "/", [("x-user-id", f"user {number}")])).body for _ in range(2)} for number in range(12)
    ]
    assert [len(bodies) for bodies in found] == [1] * 12
    assert Counter(bodies.pop() for bodies in found).keys() == {b"legacy", b"modern"}
    stop(*both)


async def test_fallback_and_503(meet: Meet) -> None:
    """Modern is not there: a safe request is served by legacy, an unsafe one whose data has moved by nobody."""
    meeting = await meet(routes=(route(stage=Stage.MODERN, fallback=Fallback.SAFE, data=("orders",)),))
    await meeting.scene.modern.close()
    legacy = serve(meeting.scene.legacy, LEGACY)
    assert (await meeting.client.ask("GET", "/")).body == b"legacy"
    answer = await meeting.client.ask("POST", "/", [("Accept", "application/json")], b"x")
    assert (answer.status, answer.all("content-type")) == (503, ["application/json"])
    assert b'"route": "r"' in answer.body
    stop(legacy)


async def test_copies_and_the_ledger(meet: Meet) -> None:
    meeting = await meet(copying=True, routes=(copied(),), control=CONTROL)
    assert meeting.stand is not None
    seen = meeting.stand.candidate(response(b"candidate"))
    for number in range(5):
        assert (await meeting.client.ask("GET", f"/{number}", [("Accept", "text/plain")])).body == b"control"
    await meeting.client.ask("POST", "/", body=b"x")
    await meeting.stand.ledger.close()
    assert (meeting.stand.ledger.counts["r"], len(meeting.stand.ledger.pairs)) == (6, 5)
    assert meeting.stand.ledger.reasons == ["method"]
    assert all(b"X-Strangler-Shadow: 1" in head for head in seen.heads)
    assert not any(b"X-Strangler-Shadow" in head for head in meeting.stand.control.heads)
