"""The other ends of our sinks, as the contract suite needs them."""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote

from reconcile.sinks import settings
from reconcile.sinks.contract import Arrived, event
from reconcile.sinks.event import Event
from reconcile.sinks.file import FileSink
from reconcile.sinks.http import HttpSink
from reconcile.sinks.memory import MemorySink
from reconcile.sinks.sink import Delivered, Refused, Sink
from tests.servers.line import Line

NOT_JSON = event(666, payload=b"{")
UNFIT = event(666, headers={"–": "a name without letters"})


class Plain:
    """What most stands have in common."""

    refused: Event | None = NOT_JSON
    secrets: Sequence[str] = ()
    can_be_away = True

    async def __aenter__(self) -> Plain:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass


class MemoryStand(Plain):
    def __init__(self) -> None:
        self.sink = MemorySink(answer=lambda event: Refused("it is 666") if event.sequence == 666 else Delivered())

    def open(self) -> Sink:
        return self.sink

    async def received(self) -> Sequence[Arrived]:
        return [Arrived(each.id, each.type, each.payload, each.key) for each in self.sink.delivered]

    async def leave(self) -> None:
        self.sink.away = "it is away"

    async def come_back(self) -> None:
        self.sink.away = ""


class FileStand(Plain):
    """It is away while there is a folder where the file should be."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.jsonl"

    def open(self) -> Sink:
        return FileSink(settings.File(str(self.path)))

    async def received(self) -> Sequence[Arrived]:
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        return [arrived(line) for line in lines]

    async def leave(self) -> None:
        if self.path.exists():
            os.rename(self.path, self.path.with_suffix(".away"))
        self.path.mkdir()

    async def come_back(self) -> None:
        self.path.rmdir()
        if self.path.with_suffix(".away").exists():
            os.rename(self.path.with_suffix(".away"), self.path)


def arrived(structured: bytes) -> Arrived:
    """What a consumer reads from a CloudEvent in JSON. A JSON payload is told by the bytes that stand there."""
    said = json.loads(structured)
    if "data_base64" in said:
        payload = b64decode(said["data_base64"])
    elif "data" not in said:
        payload = b""
    elif "json" in said["datacontenttype"]:
        payload = structured[structured.index(b',"data":') + 8 : -1]
    else:
        payload = said["data"].encode()
    return Arrived(said["id"], said["type"], payload, said.get("subject"))


@dataclass
class Request:
    headers: Mapping[str, str]
    body: bytes
    path: str = "/"


@dataclass
class Answer:
    status: int = 200
    headers: Sequence[str] = ()
    body: bytes = b""
    never: bool = False  # nothing is answered, and the connection stays
    cut: bool = False  # nothing is answered, and the connection ends


@dataclass
class Receiver:
    """A small HTTP server. `answers` are given one after the other; after that, and without any, 200."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    tls: object = None
    host: str = "127.0.0.1"
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/events"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self.tls)  # type: ignore[arg-type]
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, asyncio.LimitOverrunError):  # headers that are too long for it, say
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await _request(reader)
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else Answer()
        if answer.never:
            await reader.read()
        if answer.never or answer.cut:
            return False
        head = [f"HTTP/1.1 {answer.status} Said", f"content-length: {len(answer.body)}", *answer.headers, "", ""]
        writer.write("\r\n".join(head).encode() + answer.body)
        await writer.drain()
        return True


async def _request(reader: asyncio.StreamReader) -> Request:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(headers, await reader.readexactly(int(headers.get("content-length", 0))), first.split()[1])


class HttpStand(Plain):
    secrets = ("whsec_" + "c2VjcmV0" * 4, "hunter2", "Bearer-of-a-token")

    def __init__(self, mode: str) -> None:
        self.mode, self.receiver = mode, Receiver()
        self.refused = NOT_JSON if mode == "structured" else event(666, content_type="none\r\n")

    async def __aenter__(self) -> HttpStand:
        await self.receiver.start()
        return self

    async def __aexit__(self, *of: object) -> None:
        await self.receiver.stop()

    def open(self) -> Sink:
        signs, password, token = self.secrets
        url = self.receiver.url.replace("//", f"//me:{password}@")
        return HttpSink(settings.Http(url, signs, {"Authorization": token}, mode=self.mode, timeout=30))

    async def received(self) -> Sequence[Arrived]:
        return [self._arrived(each) for each in self.receiver.requests]

    async def leave(self) -> None:
        await self.receiver.stop()

    async def come_back(self) -> None:
        await self.receiver.start()

    def _arrived(self, request: Request) -> Arrived:
        return arrived(request.body) if self.mode == "structured" else beside(request.headers, request.body)


def beside(headers: Mapping[str, str], body: bytes) -> Arrived:
    """What a consumer reads from a CloudEvent whose attributes are percent-encoded headers."""
    key = headers.get("ce-subject")
    return Arrived(unquote(headers["ce-id"]), unquote(headers["ce-type"]), body, None if key is None else unquote(key))


class Behind(Plain):
    """A server at the end of a line that can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self.line = Line(host, port)

    async def __aenter__(self) -> Behind:
        await self.line.mend()
        return self

    async def __aexit__(self, *of: object) -> None:
        await self.line.cut()

    async def leave(self) -> None:
        await self.line.cut()

    async def come_back(self) -> None:
        await self.line.mend()
