"""Relays and a consumer that are killed at any moment, a database that cuts everybody off: every effect is there once, in order.

`STRANGLER_TEST_KILLS` sets how often (6); `benchmarks.outbox --chaos` restarts servers as well. The oracle is the writers' books.
"""

from __future__ import annotations

import os
from functools import partial

import pytest

from benchmarks.mayhem import Mayhem, cut
from tests.e2e.running import free_port

KILLS = int(os.environ.get("STRANGLER_TEST_KILLS", "6"))


@pytest.mark.timeout(600)
def test_every_effect_is_there_once_and_in_order_whoever_dies(fresh, dialect):
    old, new = fresh(dialect), fresh(dialect)
    cutting = None if dialect == "sqlite" else partial(cut, old)
    found = Mayhem(old, new, free_port(), KILLS, seed=len(dialect), restart=cutting).run()
    assert found.wrong == ()
    assert found.events > 0
    assert found.restarts > 0 or dialect == "sqlite"
