"""Subjects of NATS JetStream: published one after the other without waiting, acknowledged by the stream.

The stream knows by `Nats-Msg-Id` what it had lately, and says so. Nothing is kept for a connection that was lost: the client's
own way to come back would send what it had buffered, perhaps after a later try of the same event, and out of order.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from reconcile.sinks import settings
from reconcile.sinks.cloudevents import UnfitError, ascii_only, in_headers
from reconcile.sinks.event import Event
from reconcile.sinks.naming import Naming, words
from reconcile.sinks.parcel import Parcel
from reconcile.sinks.sink import Delivered, Failed, Outcome, Refused, Unavailable

_CONNECT = 5.0  # seconds
_PATIENCE = 10.0  # seconds for the acknowledgements of a call
_PARTING = 2.0  # seconds for what is still to be written
_NO_RESPONDERS = "503"
_LONGEST = 3000  # bytes of a subject: a server ends a connection for a line of more than 4,096 (max_control_line)
_FRAME = 32  # bytes: NATS/1.0 and line ends around headers, at most
_PER_HEADER = 4  # bytes around a name and its value

# What the stream says: err_code of the server's errors.json.
_TOO_LARGE = 10054
# Nobody's event: no leader, no resources (three kinds), a stream that has all the bytes, messages or subjects that it may have.
_FULL = frozenset({10008, 10023, 10028, 10047, 10076, 10077, 10122})


class NatsSink:
    """Publishes to one subject, or to one for each type or key."""

    batch = 500
    keeps_order = False  # a stream may refuse one and take the next

    def __init__(self, told: settings.Nats) -> None:
        self._servers = [server.strip() for server in told.servers.split(",") if server.strip()]
        self._hosts = ", ".join(urlsplit(server if "//" in server else f"//{server}").hostname or "?" for server in self._servers)
        self._naming = Naming(told.subject, words)
        self._options: dict[str, Any] = {"user_credentials": told.credentials} if told.credentials else {}
        if told.credentials:
            import_module("nkeys")
            if not Path(told.credentials).is_file():
                raise ValueError(f"credentials: there is no file {told.credentials}")
        self._line: _Line | None = None

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        if not events:
            return []
        try:
            line = await self._connected()
        except _NotThereError as error:
            return [Unavailable(str(error))] * len(events)
        parcel = Parcel(events, self._pack(line.largest))
        try:
            return await self._publish(line, parcel)
        finally:
            line.expects(None)
            if line.is_lost:
                await self.close()

    async def close(self) -> None:
        line, self._line = self._line, None
        if line:
            await line.close()

    async def _connected(self) -> _Line:
        if self._line and self._line.is_lost:
            await self.close()
        if self._line is None:
            line = _Line(self._hosts)
            await line.connect(self._servers, self._options)
            self._line = line
        return self._line

    def _pack(self, largest: int) -> Callable[[Event], tuple[str, dict[str, str], bytes]]:
        def pack(event: Event) -> tuple[str, dict[str, str], bytes]:
            headers = in_headers(event)
            headers["Nats-Msg-Id"] = ascii_only(f"{event.source} {event.id}")
            size = len(event.payload) + _FRAME + sum(len(name) + len(value) + _PER_HEADER for name, value in headers.items())
            subject = self._naming.of(event)
            if len(subject.encode()) > _LONGEST:
                raise UnfitError(f"its subject would have {len(subject.encode()):,} bytes, {_LONGEST:,} are allowed")
            if size > largest:
                raise UnfitError(f"it has {size:,} bytes with its headers, the server takes {largest:,} (max_payload)")
            return subject, headers, event.payload

        return pack

    async def _publish(self, line: _Line, parcel: Parcel[tuple[str, dict[str, str], bytes]]) -> list[Outcome]:
        tally = _Tally({place: subject for place, (subject, _, _) in parcel.packed}, self._naming, parcel.settle)
        line.expects(tally)
        try:
            async with asyncio.timeout(_PATIENCE):
                for place, (subject, headers, payload) in parcel.packed:
                    await line.publish(subject, payload, place, headers)
                await tally.complete.wait()
        except NatsError as error:
            line.is_lost = True
            return parcel.outcomes(Unavailable(f"{self._hosts}: {error}"))
        except TimeoutError:
            return parcel.outcomes(self._silence(line, tally))
        return parcel.outcomes(Unavailable(f"{self._hosts}: the connection was lost"))

    def _silence(self, line: _Line, tally: _Tally) -> Outcome:
        """Where some were answered, what was not is tried again by itself; where nothing was, nobody listens."""
        why = f"{self._hosts}: no acknowledgement within {_PATIENCE:g} s"
        if tally.answered:
            return Failed(why)
        line.is_lost = True
        return Unavailable(why)


class _NotThereError(Exception):
    """No server took the connection."""


class _Tally:
    """Which acknowledgements one call waits for."""

    def __init__(self, subjects: dict[int, str], naming: Naming, settle: Callable[[int, Outcome], None]) -> None:
        self._waits, self._naming, self._settle = subjects, naming, settle
        self.answered = False
        self.complete = asyncio.Event()
        if not subjects:
            self.complete.set()

    def hear(self, place: int, message: Msg) -> None:
        subject = self._waits.pop(place, None)
        if subject is None:
            return
        self.answered = True
        self._settle(place, _judge(message, subject, self._naming))
        if not self._waits:
            self.complete.set()


class _Line:
    """One connection, until it is lost."""

    def __init__(self, hosts: str) -> None:
        self._client = Client()
        self._hosts, self._inbox = hosts, ""
        self._calls = 0
        self._tally: _Tally | None = None
        self._trouble: Exception | None = None
        self.is_lost = False

    @property
    def largest(self) -> int:
        return self._client.max_payload

    async def connect(self, servers: Sequence[str], options: dict[str, Any]) -> None:
        """Raises _NotThereError."""
        try:
            async with asyncio.timeout(_CONNECT):
                await self._client.connect(
                    list(servers),
                    name="strangler",
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    error_cb=self._note,
                    closed_cb=self._lose,
                    **options,
                )
                self._inbox = self._client.new_inbox()
                await self._client.subscribe(f"{self._inbox}.*.*", cb=self._hear)
        except Exception as error:  # also what reads credentials, certificates or addresses has errors of its own
            await self.close()
            why = str(self._trouble or error) or "it does not answer"
            raise _NotThereError(f"{self._hosts} cannot be reached: {why}") from error
        except BaseException:
            await self.close()
            raise

    def expects(self, tally: _Tally | None) -> None:
        """Whose acknowledgements come from now on; those of earlier calls are nobody's."""
        self._calls += 1
        self._tally = tally

    async def publish(self, subject: str, payload: bytes, place: int, headers: dict[str, str]) -> None:
        await self._client.publish(subject, payload, f"{self._inbox}.{self._calls}.{place}", headers)

    async def close(self) -> None:
        self.is_lost = True
        with suppress(NatsError, OSError, TimeoutError):  # a server that takes nothing more is not waited for
            async with asyncio.timeout(_PARTING):
                await self._client.close()

    async def _hear(self, message: Msg) -> None:
        *_, call, place = message.subject.split(".")
        if self._tally and int(call) == self._calls:
            self._tally.hear(int(place), message)

    async def _note(self, error: Exception) -> None:
        self._trouble = error

    async def _lose(self) -> None:
        self.is_lost = True
        if self._tally:
            self._tally.complete.set()


def _judge(message: Msg, subject: str, naming: Naming) -> Outcome:
    """What the stream said; without a stream, the server itself says that nobody listens."""
    if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
        return naming.absent(f"no stream takes {subject}: make one, or is JetStream off?")
    try:
        said = json.loads(message.data)
        error = said.get("error")
    except (ValueError, AttributeError):
        return naming.absent(f"what listens at {subject} is no stream")
    if error is None:
        return Delivered(known=bool(said.get("duplicate")))
    why = f"{subject}: {error.get('description', 'refused')} ({error.get('err_code')})"
    if error.get("err_code") == _TOO_LARGE:
        return Refused(why)
    is_full = error.get("err_code") in _FULL or error.get("code", 0) >= 500
    return Unavailable(why) if is_full else Failed(why)
