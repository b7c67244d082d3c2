"""Which engine is there, what to do where it is not, and that nobody loads one who does not use it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from strangler import engines
from strangler.core.capabilities import CAPABILITIES
from strangler.core.errors import UsageError


def test_the_native_engine_needs_nothing() -> None:
    assert engines.codecs(["native", "native"]) == {}


def test_an_engine_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    engines.check(["native"])
    with pytest.raises(UsageError, match=r"not installed: pip install 'strangler\[mitmproxy\]', or take engine: native"):
        engines.codecs(["native", "mitmproxy"])


def test_every_engine_but_the_native_one_is_loaded_by_its_name() -> None:
    others = [engine for engine in CAPABILITIES if engine != engines.NATIVE]
    assert engines.codecs(CAPABILITIES).keys() == set(others)


def test_it_is_loaded_only_where_it_is_used() -> None:
    told = "import sys; from strangler import engines; engines.codecs(['native']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split()
    assert not {"mitmproxy", "h2", "cryptography"} & set(loaded)
