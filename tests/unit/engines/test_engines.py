"""Which engine is there, what to do where it is not, and that nobody loads one who does not use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from strangler import engines
from strangler.core.capabilities import CAPABILITIES, Protocol
from strangler.core.errors import UsageError

README = Path(__file__).parents[3] / "README.md"


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


def test_what_readme_says_of_protocols() -> None:
    protocols = {name: protocol for engine in CAPABILITIES.values() for name, protocol in engine.protocols.items()}
    assert "".join(row(name, protocol) for name, protocol in protocols.items()) in README.read_text(encoding="utf-8")


def row(name: str, protocol: Protocol) -> str:
    who = ", ".join(engine for engine, found in CAPABILITIES.items() if name in found.protocols)
    assert protocol.spelling == protocol.phrases
    told = (protocol.spelling, protocol.upgrades, protocol.trailers, protocol.interim)
    return f"| {' | '.join([name, who, *('yes' if one else 'no' for one in told)])} |\n"
