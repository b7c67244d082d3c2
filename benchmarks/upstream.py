"""The fixed upstream where there is no nginx: answers every GET with the same 200 bytes of JSON."""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop

BODY = b'{"items": ["%b"]}' % (b"x" * 185)
assert len(BODY) == 200
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


class Fixed(asyncio.Protocol):
    """One connection. Requests have no body, so each empty line ends one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        self._transport.write(ANSWER * len(heads))


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Fixed, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
