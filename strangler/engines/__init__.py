"""Other data planes behind the same contract.

An engine here is a protocol in front of the native one, which decides, forwards, observes and copies for all of them:
whatever is true of a request there is true here, and an engine that fails has nowhere else to send a request to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

from strangler.core.capabilities import CAPABILITIES
from strangler.core.errors import UsageError
from strangler.core.streams import MakeCodec

NATIVE = "native"


def check(engines: Iterable[str]) -> None:
    """Raises UsageError if one of them is not installed."""
    for engine in sorted({*engines} - {NATIVE}):
        if not installed(engine):
            raise UsageError(f"listen.engine: {missing(engine)}")


def installed(engine: str) -> bool:
    """Whether what an engine stands on is there. Its extra has the package's name."""
    extra = CAPABILITIES[engine].extra
    return not extra or find_spec(extra) is not None


def missing(engine: str) -> str:
    """What to do without it."""
    return f"{engine} is not installed: pip install 'strangler[{CAPABILITIES[engine].extra}]', or take engine: {NATIVE}"


def codecs(engines: Iterable[str]) -> Mapping[str, MakeCodec]:
    """What speaks each engine's protocol; the native engine needs nothing. Raises UsageError.

    Loading one takes a second: it is done where it is used, and only there.
    """
    wanted = {*engines} - {NATIVE}
    check(wanted)
    if not wanted:
        return {}
    from strangler.engines.mitm import Http2

    return dict.fromkeys(wanted, Http2)
