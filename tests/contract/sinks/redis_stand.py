"""A stream of Redis as the contract suite needs it, behind a line that can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from urllib.parse import urlsplit

from redis.asyncio import Redis

from reconcile.sinks import settings
from reconcile.sinks.contract import Arrived
from reconcile.sinks.redis import RedisSink
from reconcile.sinks.sink import Sink
from tests.contract.sinks.stands import UNFIT, Behind


class RedisStand(Behind):
    refused = UNFIT

    def __init__(self, address: str) -> None:
        super().__init__(urlsplit(address).hostname or "", urlsplit(address).port or 6379)
        self.address, self.stream = address, f"test_{token_hex(6)}"

    async def __aenter__(self) -> RedisStand:
        await super().__aenter__()
        self.client = Redis.from_url(self.address)
        return self

    async def __aexit__(self, *of: object) -> None:
        await self.client.delete(self.stream)
        await self.client.aclose()
        await super().__aexit__(*of)

    def open(self) -> Sink:
        url = urlsplit(self.address)._replace(netloc=f"127.0.0.1:{self.line.port}").geturl()
        return RedisSink(settings.Redis(url, self.stream))

    async def received(self) -> Sequence[Arrived]:
        return [_arrived(fields) for _, fields in await self.client.xrange(self.stream)]


def _arrived(fields: dict[bytes, bytes]) -> Arrived:
    said = {name.decode(): value for name, value in fields.items()}
    key = said.get("subject")
    return Arrived(said["id"].decode(), said["type"].decode(), said["data"], None if key is None else key.decode())
