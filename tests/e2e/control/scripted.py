"""An upstream that answers, byte for byte, what a test wrote down for a path; and a client that sends bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.e2e.control.serving import SECONDS, Serving, Upstream


@dataclass
class Scripted(Upstream):
    """Answers what is written for a target, its name for any other; an empty answer is a closed connection."""

    script: dict[str, bytes | Callable[[], bytes]] = field(default_factory=dict)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                await _body(reader, head)
                wanted = self.script.get(head.split(b" ", 2)[1].decode("latin-1"))
                wanted = wanted() if callable(wanted) else wanted
                writer.write(answer(self.name.encode()) if wanted is None else wanted)
                await writer.drain()
                if wanted == b"" or b"\r\nConnection: close\r\n" in (wanted or b""):
                    break
        writer.close()


async def _body(reader: asyncio.StreamReader, head: bytes) -> None:
    """Read past the body of a request."""
    low = head.lower()
    if b"transfer-encoding: chunked" in low:
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(low.partition(b"content-length:")[2].split(b"\r\n")[0] or 0))


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """An answer with a length. `headers`: whole lines, Content-Type among them if it is to have one."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunked(body: bytes, *headers: str, size: int = 7) -> bytes:
    """An answer in chunks of so many bytes."""
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    head = "\r\n".join(["HTTP/1.1 200 OK", *headers, "Transfer-Encoding: chunked", "", ""]).encode("latin-1")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


async def send(port: int, request: bytes) -> bytes:
    """Send one request on a connection of its own that asks to be closed; all that comes back."""
    async with asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        try:
            return await reader.read()
        finally:
            writer.close()


async def scripted(serving: Serving) -> tuple[Scripted, Scripted]:
    """Put upstreams with a script in the place of those that `serving` has."""
    await serving.legacy.close()
    await serving.modern.close()
    legacy, modern = Scripted("legacy"), Scripted("modern")
    await legacy.open()
    await modern.open()
    serving.legacy, serving.modern = legacy, modern
    return legacy, modern
