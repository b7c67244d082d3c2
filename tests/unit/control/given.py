"""A finished request, to be changed where a test says so."""

from strangler.core.model import Stage
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
