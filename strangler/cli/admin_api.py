"""The admin address of a running proxy, as commands ask there: where it is, and with which token."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from strangler.cli.terminal import clean
from strangler.config.keyfile import ADMIN_TOKEN
from strangler.core.errors import Refusal, StranglerError, UnreachableError, UsageError
from strangler.core.model import Address, Config

SILENCE = 30.0  # seconds without a word after which the proxy is gone: on a busy machine it may be slow
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_ERRORS = {401: UsageError, 403: Refusal, 409: Refusal}


@contextmanager
def lines(config: Config, path: str, asked: Mapping[str, Any]) -> Iterator[Iterator[dict[str, Any]]]:
    """Ask for something that goes on: its lines, as they come.

    Raises UnreachableError if there is nobody, or nobody any more; UsageError or Refusal if that is what the answer says.
    """
    address = config.admin.address
    try:
        with (
            _client(config) as client,
            client.stream("POST", path, json=dict(asked), headers={"Authorization": f"Bearer {_token(config)}"}) as response,
        ):
            if response.status_code != 200:
                response.read()
                raise _error(response)
            yield _parsed(response)
    except httpx.ConnectError as error:
        raise UnreachableError(f"nobody answers at the admin address {address}: start `strangler serve` ({error})") from None
    except (httpx.HTTPError, OSError) as error:
        raise UnreachableError(f"{address} went away: {type(error).__name__}") from None


def _client(config: Config) -> httpx.Client:
    address = config.admin.address
    scheme = "https" if config.admin.tls else "http"
    transport = httpx.HTTPTransport(uds=address.unix) if address.unix else None
    # Without TLS no authorities are read, which takes longer than the answer.
    return httpx.Client(
        base_url=f"{scheme}://{_reached(address)}",
        transport=transport,
        trust_env=False,
        timeout=SILENCE,
        verify=bool(config.admin.tls) and transport is None,
    )


def _reached(address: Address) -> str:
    """Where it is reached from here."""
    if address.unix:
        return "localhost"
    if not address.port:
        raise UsageError("admin.address names no port: write one, so that commands find it")
    return str(Address(_EVERYWHERE.get(address.host, address.host), address.port))


def _token(config: Config) -> str:
    """From the environment, or from the file that the proxy has made. None is made here."""
    if token := os.environ.get(ADMIN_TOKEN.variable, "").strip():
        return token
    if config.admin.users:
        raise UsageError(f"say who you are: your user's token in {ADMIN_TOKEN.variable}")
    if not os.path.exists(os.path.join(config.folder, ADMIN_TOKEN.file)):
        raise UnreachableError(
            f"there is no {ADMIN_TOKEN.file} beside the configuration: start `strangler serve`, which makes it"
        )
    return ADMIN_TOKEN.find(os.environ, config.folder).decode()


def _error(response: httpx.Response) -> StranglerError:
    try:
        message = str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = f"the answer was {response.status_code}"
    kind = _ERRORS.get(response.status_code, UsageError if response.status_code < 500 else UnreachableError)
    return kind(clean(message))


def _parsed(response: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        if line:
            yield json.loads(line)
