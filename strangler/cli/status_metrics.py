"""What a running proxy counts, as `status` and `top` see it: asked for at the admin address, and read into values."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from strangler.core.model import Address, Admin, Tls

PATIENCE = 3.0  # seconds
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_LINE = re.compile(r"strangler_(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
_KEPT = frozenset(
    {
        "requests_total",
        "upstream_healthy",
        "upstream_breaker_state",
        "config_last_reload_successful",
        "workers",
        "workers_ready",
        "start_time_seconds",
    }
)


class SilentError(Exception):
    """The admin address gave no numbers. The message is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """What is known of a proxy at one moment.

    Attributes:
        requests: finished, by (route, upstream asked last); no route is "".
        ailing: upstreams that some worker does not use, and why.
        workers, ready: that are to run, and that serve by the latest configuration.
        refused: whether the file as it was read last is not what is served.
        started: of the supervisor, in seconds since 1970.
    """

    requests: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ailing: Mapping[str, str] = field(default_factory=dict)
    workers: int = 0
    ready: int = 0
    refused: bool = False
    started: float = 0.0


def ask(admin: Admin, patience: float = PATIENCE) -> Metrics:
    """What the proxy at this admin address has counted. Raises SilentError; `patience` in seconds."""
    if not admin.address.unix and not admin.address.port:
        raise SilentError("admin.address has no port of its own (0)")
    try:
        with closing(_connection(admin, patience)) as connection:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
    except (OSError, HTTPException, ValueError) as error:
        raise SilentError(f"the admin address {admin.address} does not answer: {_why(error)}") from None
    if answer.status != 200 or "strangler_" not in text:
        raise SilentError(f"{admin.address} is not the admin address of a strangler: it answered {answer.status}")
    return read(text)


def read(text: str) -> Metrics:
    """Prometheus' text format, as far as it is ours."""
    requests: dict[tuple[str, str], int] = {}
    ailing: dict[str, str] = {}
    plain: dict[str, float] = {}
    for line in text.split("\n"):
        found = _LINE.match(line)
        if found is None or found[1] not in _KEPT:
            continue
        name, value, labels = found[1], _number(found[3]), _labels(found[2] or "")
        if name == "requests_total":
            key = labels.get("route", ""), labels.get("served_by", "")
            requests[key] = requests.get(key, 0) + int(value)
        elif name == "upstream_healthy" and not value:
            ailing[labels.get("upstream", "")] = "is out of service by its health checks"
        elif name == "upstream_breaker_state" and value:
            ailing.setdefault(labels.get("upstream", ""), "is not asked for now: its breaker is open")
        elif not labels:
            plain[name] = value
    return Metrics(
        requests,
        ailing,
        int(plain.get("workers", 0)),
        int(plain.get("workers_ready", 0)),
        not plain.get("config_last_reload_successful", 1),
        plain.get("start_time_seconds", 0.0),
    )


def _labels(text: str) -> dict[str, str]:
    return {name: _ESCAPED.sub(lambda one: {"n": "\n"}.get(one[1], one[1]), value) for name, value in _LABEL.findall(text)}


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if abs(number) < float("inf") else 0.0


class _Local(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path, self._patience = path, patience

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._patience)
        self.sock.connect(self._path)


def _connection(admin: Admin, patience: float) -> HTTPConnection:
    address: Address = admin.address
    if address.unix:
        return _Local(address.unix, patience)
    host = _EVERYWHERE.get(address.host, address.host)
    if admin.tls is None:
        return HTTPConnection(host, address.port, timeout=patience)
    return HTTPSConnection(host, address.port, timeout=patience, context=_pinned(admin.tls))


def _pinned(tls: Tls) -> ssl.SSLContext:
    """Who shows the very certificate of the file is believed, whatever name it is for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(tls.cert)
    return context


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
