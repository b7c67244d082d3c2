"""Keep-alive clients that ask again and again and write down everything that goes wrong: what a load generator counts as
one number, a test of reloads and takeovers must be able to tell apart."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

SECONDS = 30.0  # that an answer may take


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a good answer.

    Attributes:
        served: answers that the same connection had had before.
        sent: whether the request had left; if not, nothing was accepted.
    """

    what: str
    served: int
    sent: bool


@dataclass(slots=True)
class Crowd:
    """So many clients, each on a connection of its own, which it opens again when it is closed.

    Attributes:
        pause: seconds that each rests after an answer. With 0 they take all the processor time there is: of what they are to
            meet, reloads and restarts, less happens beside them.
    """

    port: int
    clients: int
    path: str = "/"
    pause: float = 0.02
    answered: int = 0
    failures: list[Failure] = field(default_factory=list)
    _over: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Crowd:
        self._tasks = [asyncio.create_task(self._client()) for _ in range(self.clients)]
        await self.progress(self.clients)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()
        await asyncio.gather(*self._tasks)

    def stop(self) -> None:
        """Ask no more."""
        self._over = True

    async def progress(self, count: int) -> None:
        """Wait until so many more requests have come to an end. Raises TimeoutError if they do not."""
        target = self.answered + len(self.failures) + count
        async with asyncio.timeout(3 * SECONDS):
            while self.answered + len(self.failures) < target:
                await asyncio.sleep(0.01)

    async def _client(self) -> None:
        while not self._over:
            await self._connection()

    async def _connection(self) -> None:
        served, sent, writer = 0, False, None
        try:
            async with asyncio.timeout(SECONDS):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            keep = True
            while keep and not self._over:
                sent = False
                writer.write(b"GET %b HTTP/1.1\r\nHost: shop.example.org\r\n\r\n" % self.path.encode())
                sent = True
                async with asyncio.timeout(SECONDS):
                    keep = await _answer(reader)
                served += 1
                self.answered += 1
                if self.pause:
                    await asyncio.sleep(self.pause)
        except (OSError, EOFError, ValueError) as error:  # TimeoutError is an OSError
            self.failures.append(Failure(repr(error), served, sent))
        finally:
            if writer is not None:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> bool:
    """Read one answer that announces its length; whether the connection may be used again. Raises ValueError if not 2xx."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 2"):
        raise ValueError(head.partition(b"\r\n")[0].decode("latin-1"))
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return b"connection: close" not in head
