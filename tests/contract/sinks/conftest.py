"""Brokers for the sinks, each started when a test first asks for it: see `tests.servers.brokers`.

Where there is none, tests are skipped on a laptop; with CI set they fail.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.servers.brokers import serving, variable

Broker = Callable[[str], str]


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    found: dict[str, str | None] = {}
    with ExitStack() as stack:

        def ask(kind: str) -> str:
            if kind not in found:
                found[kind] = stack.enter_context(serving(kind))
            address = found[kind]
            if address is None:
                why = f"no {kind}: install it, or set {variable(kind)}"
                pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
            return str(address)

        yield ask
