"""What a request of the soak asks its upstream to do, and the upstream that does it.

Every byte of a body belongs to the request: a body is its id, over and over. Whoever gets a byte of another's sees it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field

SOUND = ("sized", "chunked", "until_close", "slow", "interim", "events", "none", "missing", "error")
UNSOUND = ("cut", "reset", "silent", "stalled", "garbage", "early")
STATUS = {"none": 204, "missing": 404, "error": 500, "reset": 502, "garbage": 502, "silent": 504}  # 200 for all others
INCOMPLETE = frozenset({"cut", "stalled"})
_NO_LINGER = struct.pack("ii", 1, 0)
_PATIENCE = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Plan:
    """One request.

    Attributes:
        deed: what the upstream does.
        upload: bytes of the request's body; none: GET.
        size: bytes of the answer's body, if it has one.
    """

    id: str
    deed: str
    size: int
    upload: int = 0
    chunked: bool = False

    @property
    def status(self) -> int:
        return STATUS.get(self.deed, 200)

    @property
    def answer(self) -> bytes:
        return b"" if self.deed == "none" else pattern(self.id, self.size)

    def head(self) -> bytes:
        lines = [f"{'POST' if self.upload else 'GET'} /soak/{self.deed} HTTP/1.1", "Host: shop.example.org"]
        lines += [f"X-Request-Id: {self.id}", f"X-Plan: {self.deed} {self.size} {self.upload}"]
        if self.upload:
            lines.append("Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {self.upload}")
        return "\r\n".join([*lines, "", ""]).encode()

    def body(self) -> bytes:
        body = pattern(self.id, self.upload)
        return b"".join([*chunks(body), b"0\r\n\r\n"]) if self.chunked and body else body


def pattern(name: str, size: int) -> bytes:
    """So many bytes that could be nobody else's."""
    line = name.encode() + b"\n"
    return (line * (size // len(line) + 1))[:size]


def chunks(body: bytes) -> list[bytes]:
    """A body in chunks of uneven size, without the last."""
    pieces = [body[at : at + 7919] for at in range(0, len(body), 7919)]
    return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]


class Broken(Exception):
    """A message that ended before its end, or that is not what it should be."""


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """The next head; b"" if the connection ends before it."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Broken(f"a head ended after {error.partial[-40:]!r}") from None
        return b""


async def read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """The body that a head announces. Raises Broken if it is cut short."""
    lower = head.lower()
    try:
        if b"\r\ntransfer-encoding: chunked" in lower:
            body = b""
            while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readuntil(b"\r\n")
            return body
        length = lower.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
        return await reader.readexactly(int(length or 0))
    except asyncio.IncompleteReadError:
        raise Broken("the body ended early") from None


@dataclass(slots=True)
class Upstream:
    """Does what each request asks for.

    Attributes:
        asked: how often each id has arrived.
        wrong: what arrived and should not have.
    """

    asked: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    port: int = 0
    _server: asyncio.Server | None = None
    _at_work: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Upstream:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        await self.hang_up()

    async def hang_up(self) -> None:
        """Close all connections."""
        for task in self._at_work:
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._obey(reader, writer)
        except (OSError, EOFError, Broken, RuntimeError):  # uvloop's word for a connection that has gone
            pass
        finally:
            writer.close()

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do what the requests of one connection say."""
        while head := await read_head(reader):
            if b"\r\nupgrade: " in head.lower():
                await self._echo(reader, writer)
                return
            if not await self._answer(head, reader, writer):
                return

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Do one deed; whether the connection can be used again."""
        name = head.partition(b"X-Request-Id: ")[2].partition(b"\r\n")[0].decode()
        deed, size, upload = head.partition(b"X-Plan: ")[2].partition(b"\r\n")[0].decode().split()
        self.asked[name] += 1
        if deed != "early" and await read_body(reader, head) != pattern(name, int(upload)):
            self.wrong.append(f"{name}: its body is not its own")
        return await _do(deed, pattern(name, int(size)), writer)

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


async def _do(deed: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
    """Answer, in the way that `deed` says; whether the connection can be used again."""
    phrase = {"none": b"204 No Content", "missing": b"404 Not Found", "error": b"500 Oh"}.get(deed, b"200 OK")
    sized = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n" % (phrase, len(body))
    coded = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    half = len(body) // 2
    match deed:
        case "none":
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        case "chunked":
            writer.writelines([coded, *chunks(body), b"0\r\n\r\n"])
        case "events":
            writer.write(coded)
            for piece in chunks(body)[:-1]:
                writer.write(piece)
                await asyncio.sleep(random.random() * 0.05)
            writer.writelines([*chunks(body)[-1:], b"0\r\n\r\n"])
        case "slow":
            writer.write(sized[:10])
            await asyncio.sleep(random.random() * 0.1)
            writer.write(sized[10:] + body[:half])
            await asyncio.sleep(random.random() * 0.1)
            writer.write(body[half:])
        case "interim":
            writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + sized + body)
        case "until_close":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + body)
            return False
        case "early":
            writer.write(sized.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + body)
            return False
        case "cut":
            writer.write(sized + body[:half])
            return False
        case "stalled":
            writer.writelines([coded, *chunks(body)])
            await asyncio.sleep(_PATIENCE)
        case "silent":
            await asyncio.sleep(_PATIENCE)
        case "garbage":
            writer.write(b"\x16\x03\x01garbage\r\n\r\n")
        case "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            writer.transport.abort()
            return False
        case _:
            writer.write(sized + body)
    await writer.drain()
    return deed not in UNSOUND
