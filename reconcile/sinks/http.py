"""Signed HTTP requests, one per event, and what becomes of an event by what is answered."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

import httpx

from reconcile.sinks import cloudevents, settings, signing
from reconcile.sinks.connecting import Connecting, ForbiddenError
from reconcile.sinks.event import Event
from reconcile.sinks.parcel import Parcel
from reconcile.sinks.sink import Delivered, Failed, Outcome, Refused, Unavailable

_CONNECT = 5.0  # seconds that a name may take, and then a connection; a third of the whole at most, to tell it from no answer
_IDLE = 2.0  # seconds: shorter than servers keep an idle connection, lest they close it under a request
_READ = 64 << 10  # bytes of an answer that are read so that its connection can be used again
_SHOWN = 200  # characters of an answer that an error repeats
_LONGEST_WAIT = 3600.0  # seconds, whatever Retry-After says

_OWN = {"user-agent": "strangler", "accept": "*/*", "accept-encoding": "identity"}

# What a status that is no success means: see README, "Sinks".
_UNFIT = frozenset({400, 406, 411, 413, 414, 415, 416, 422, 431, 451})
_NOT_NOW = frozenset({429, 503})
_OURS_TO_MEND = frozenset({401, 407})


class HttpSink:
    """Sends to one address. Redirects are not followed, and proxies that the environment names are not used.

    Args:
        now: seconds since 1970.
    """

    batch = 1
    keeps_order = False

    def __init__(self, told: settings.Http, now: Callable[[], float] = time.time) -> None:
        self._now, self._url, self._timeout = now, httpx.URL(told.url), told.timeout
        self._keys = signing.keys(told.secret)
        self._pack = _structured if told.mode == "structured" else _binary
        self._headers = {**_OWN, **_authorization(told.url), **_checked(told.headers)}
        self._secrets = _secrets(told)
        self._connections = Connecting(self._url, _trusted(told.ca), _IDLE)
        self._patience = httpx.Timeout(told.timeout, connect=min(_CONNECT, told.timeout / 3), pool=None).as_dict()

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        parcel = Parcel(events, self._pack)
        for place, (headers, body) in parcel.packed:
            parcel.settle(place, await self._deliver(events[place], headers, body))
        return parcel.outcomes(Failed("it was not sent"))

    async def close(self) -> None:
        await self._connections.close()

    async def _deliver(self, event: Event, headers: dict[str, str], body: bytes) -> Outcome:
        signed = signing.headers(self._keys, event.id, int(self._now()), body)
        said = {**self._headers, **headers, **signed, "idempotency-key": signed["webhook-id"]}
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(said, body)
        except ForbiddenError as error:
            return Unavailable(str(error))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Unavailable(f"{self._url.host} cannot be reached: {self._masked(str(error)) or 'it does not answer'}")
        except (TimeoutError, httpx.TimeoutException):
            return Failed(f"{self._url.host} gave no answer within {self._timeout:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Failed(f"{self._url.host} gave no answer: {self._masked(str(error)) or type(error).__name__}")

    async def _post(self, headers: dict[str, str], body: bytes) -> Outcome:
        answer, said = await self._connections.post(headers, body, self._patience, _READ)
        if answer.is_success:
            return Delivered()
        return _judge(answer, f"{self._url.host} answered {answer.status_code}{self._shown(said)}", self._now())

    def _shown(self, said: bytes) -> str:
        """The beginning of what was answered, on one line; an answer may repeat what it was sent, so nothing secret."""
        words = " ".join(re.sub(r"[^\x20-\x7e\xa1-\uffff]+", " ", said[: 8 * _SHOWN].decode("utf-8", "replace")).split())
        return f": {self._masked(words)[:_SHOWN]}" if words else ""

    def _masked(self, words: str) -> str:
        for secret in self._secrets:
            words = words.replace(secret, "…")
        return words


def _structured(event: Event) -> tuple[dict[str, str], bytes]:
    return {"content-type": cloudevents.STRUCTURED}, cloudevents.structured(event)


def _binary(event: Event) -> tuple[dict[str, str], bytes]:
    return cloudevents.in_headers(event), event.payload


def _authorization(address: str) -> dict[str, str]:
    """What the name and password of an address say (RFC 7617)."""
    url = urlsplit(address)
    if url.username is None:
        return {}
    said = f"{unquote(url.username)}:{unquote(url.password or '')}"
    return {"authorization": f"Basic {b64encode(said.encode()).decode()}"}


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """Their names are lower case. Raises ValueError, which does not repeat their values."""
    for name, value in headers.items():
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ValueError(f"headers.{name} is no header's name")
        if not re.fullmatch(r"[\t -~]*", value):
            raise ValueError(f"headers.{name} has a line break, or what is not ASCII")
    return {name.lower(): value for name, value in headers.items()}


def _trusted(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ValueError(f"ca: {ca} cannot be read: {error.strerror or error}") from error


def _secrets(told: settings.Http) -> tuple[str, ...]:
    """What must not be shown: the address but for its host, headers, and what signs; longest first."""
    url = urlsplit(told.url)
    found = {url.path, url.query, url.password, unquote(url.password or "")}
    shown = (told.secret, *_authorization(told.url).values(), *told.headers.values())
    found |= {word for value in shown for word in (value, *value.split())}
    return tuple(sorted((secret for secret in found if secret and len(secret) > 3), key=len, reverse=True))


def _judge(answer: httpx.Response, why: str, now: float) -> Outcome:
    status = answer.status_code
    if status in _NOT_NOW:
        return Unavailable(why, _wait(answer.headers.get("retry-after", ""), now))
    if status in _OURS_TO_MEND:
        return Unavailable(f"{why}: it does not take our credentials")
    if 300 <= status < 400:
        return Unavailable(f"{why}: redirects are not followed, write the address that is meant")
    return Refused(why) if status in _UNFIT else Failed(why)


def _wait(written: str, now: float) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3: seconds, or a date); None if it says nothing that can be read."""
    if re.fullmatch(r"[0-9]{1,10}", written.strip()):
        return min(_LONGEST_WAIT, float(written))
    try:
        moment = parsedate_to_datetime(written)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return min(_LONGEST_WAIT, max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now))
