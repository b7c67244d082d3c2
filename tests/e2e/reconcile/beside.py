"""What goes on beside a test, for the length of a block."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import reconcile
from reconcile.mapping.model import Plan


@contextmanager
def relaying(plan: Plan) -> Iterator[None]:
    """A relay in a thread."""
    stop = threading.Event()
    thread = threading.Thread(target=reconcile.relay, args=(plan,), kwargs={"stop": stop})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
