"""A finished request, and two answers to one, to be changed where a test says so."""

from dataclasses import replace

from strangler.core.model import Side, Stage
from strangler.core.observation import Observation, Pair
from strangler.proxy.exchange import Exchange

EXCHANGE = Exchange(
    method="GET",
    target="/shop/1?q=secret",
    client="192.0.2.7",
    route="shop",
    stage=Stage.LEGACY,
    side="legacy",
    upstream="legacy",
    status=200,
    reason="",
    request_id="abc",
    fell_back=False,
    retried=False,
    started=1.0,
    first_byte=0.002,
    duration=0.003,
    request_bytes=0,
    response_bytes=200,
)

PAIR = Pair(
    route="shop",
    stage="shadow",
    rules="0123456789ab",
    control_side=Side.LEGACY,
    method="GET",
    target="/shop/1",
    control=Observation(200, ((b"Content-Type", b"text/plain"),), b"one", 3, first_byte=0.001, duration=0.002),
    candidate=Observation(200, ((b"Content-Type", b"text/plain"),), b"one", 3, first_byte=0.003, duration=0.004),
    at=90.0,
    version="b1",
)
DIFFERENT = replace(PAIR, candidate=replace(PAIR.candidate, body=b"two"))
