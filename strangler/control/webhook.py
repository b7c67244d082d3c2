"""Calls a person by webhook: one JSON object per event, in a thread of its own, so that nobody who has something to say waits.

What cannot be delivered after a few tries is dropped and said once; the URL is a secret, as many have a token in them, so only
its host is ever named.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

PATIENCE = 5.0  # seconds for one try
PAUSES = (1.0, 4.0, 15.0)  # seconds between tries
MOST = 100  # events that wait; more than that, and the oldest goes
PARTING = 2.0  # seconds for what waits when it is closed

logging.getLogger("httpx").setLevel(logging.WARNING)  # it would write down every URL

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses that may be others soon


class Webhook:
    """One place to call, which may change.

    Args:
        complain: told once that nobody can be called, and once that it works again.
        transport: what carries requests; the network if it is not given.
        pauses: seconds between tries.
    """

    def __init__(
        self,
        complain: Callable[[str], None],
        transport: httpx.BaseTransport | None = None,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self._complain, self._transport, self._pauses = complain, transport, pauses
        self._url = ""
        self._waiting: queue.Queue[Mapping[str, Any] | None] = queue.Queue(MOST)
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._failing = False

    def use(self, url: str) -> None:
        """Call here from now on; nowhere if it is ""."""
        self._url = url

    def tell(self, event: Mapping[str, Any]) -> None:
        """Have an event delivered. Returns at once."""
        if not self._url or self._closing.is_set():
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver_all, name="webhook", daemon=True)
            self._thread.start()
        while True:
            try:
                self._waiting.put_nowait(event)
                return
            except queue.Full:
                self._drop_one()

    def close(self) -> None:
        """Deliver what waits, without trying twice, for a moment."""
        self._closing.set()
        if self._thread is not None:
            while self._thread.is_alive():
                try:
                    self._waiting.put_nowait(None)
                    break
                except queue.Full:
                    self._drop_one()
            self._thread.join(PARTING)

    def _drop_one(self) -> None:
        try:
            self._waiting.get_nowait()
        except queue.Empty:
            return
        self._fail("more happens than can be told")

    def _deliver_all(self) -> None:
        with httpx.Client(transport=self._transport, timeout=PATIENCE, follow_redirects=False, trust_env=False) as client:
            while (event := self._waiting.get()) is not None:
                self._deliver(client, event)

    def _deliver(self, client: httpx.Client, event: Mapping[str, Any]) -> None:
        for pause in (*self._pauses, None):
            why = self._try(client, event)
            if not why:
                self._succeed()
                return
            last = pause is None or not why.startswith(_AGAIN)
            if last or self._closing.wait(pause):
                break
        self._fail(why.removeprefix(_AGAIN))

    def _try(self, client: httpx.Client, event: Mapping[str, Any]) -> str:
        """Why it was not delivered, beginning with _AGAIN if that may be otherwise soon; "" if it was."""
        try:
            answer = client.post(self._url, json=event)
        except httpx.HTTPError as error:
            return f"{_AGAIN}{type(error).__name__}"
        except Exception as error:  # a URL that httpx does not take, say
            return type(error).__name__
        if answer.is_success:
            return ""
        return f"{_AGAIN if answer.status_code in _LATER else ''}it answered {answer.status_code}"

    def _fail(self, why: str) -> None:
        if not self._failing:
            self._complain(f"nobody can be called at {_host(self._url)}: {why}")
        self._failing = True

    def _succeed(self) -> None:
        if self._failing:
            self._complain(f"{_host(self._url)} can be called again")
        self._failing = False


_AGAIN = "for now: "


def _host(url: str) -> str:
    """What of a URL is no secret."""
    try:
        return urlsplit(url).hostname or "the webhook"
    except ValueError:
        return "the webhook"
