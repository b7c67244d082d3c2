"""What follows from the facts about a mapping: never clean by silence, and always what to do next."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.reports.report import Verdict
from reconcile.reports.standing import Standing, todo
from strangler.core.guard.evidence import DataState

GOOD = Standing(
    "orders", captured="installed", known=True, lag=0.4, backfill="done", backfilled=1.0, verdict=Verdict.CLEAN, compared_at=1e9
)


def test_all_is_well():
    assert (GOOD.next, GOOD.status.state, GOOD.status.lag) == ("", DataState.CLEAN, 0.4)


@pytest.mark.parametrize(
    ("facts", "state", "next_"),
    [
        ({"trouble": "database old: gone"}, DataState.UNKNOWN, "database old: gone"),
        ({"captured": "missing", "known": False}, DataState.UNKNOWN, "`capture install orders`"),
        ({"captured": "paused", "known": False, "why_unknown": "paused"}, DataState.UNKNOWN, "`capture resume orders`"),
        ({"captured": "changed", "known": False, "why_unknown": "changed"}, DataState.UNKNOWN, "`capture status orders`"),
        ({"halted": "too many deletes"}, DataState.UNKNOWN, "too many deletes"),
        ({"backfill": "paused", "backfilled": 0.4, "verdict": None}, DataState.UNKNOWN, "--continue`: it is paused at 40%"),
        ({"backfill": "", "verdict": None}, DataState.UNKNOWN, "`backfill orders`"),
        ({"lag": None}, DataState.CLEAN, "nobody relays"),  # no lag fails the guard by itself
        ({"lag": 31.0}, DataState.CLEAN, "nobody relays"),
        ({"dead": 2}, DataState.DRIFT, "2 keys were given up"),
        ({"verdict": None}, DataState.UNKNOWN, "it was never compared"),
        ({"verdict": Verdict.DRIFT, "drifted": 1200}, DataState.DRIFT, "`repair plan orders`: 1,200 rows differ"),
        ({"known": False, "why_unknown": "capture was paused"}, DataState.UNKNOWN, "`reconcile orders`: capture was paused"),
        ({"rogue": 2, "rogue_key": "[7]"}, DataState.UNKNOWN, "2 rows of the side that only strangler should write"),
        ({"redefined": True}, DataState.UNKNOWN, "`reconcile orders`: the mapping has been changed since it was compared last"),
        ({"stranded": 3}, DataState.UNKNOWN, "3 changes of the side that was the owner before never left it"),
        ({"skipped": 1}, DataState.UNKNOWN, "1 dead letters were skipped"),
        ({"passed_over": 4}, DataState.UNKNOWN, "`reconcile orders`: 4 rows were passed over by the backfill"),
        ({"verdict": Verdict.CANNOT_SAY, "why": "the old side has no rows"}, DataState.UNKNOWN, "the old side has no rows"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(facts, state, next_):
    found = replace(GOOD, **facts)
    assert found.status.state is state
    assert next_ in found.next


def test_what_several_mappings_need_is_said_once_with_one_command_for_all_of_them():
    new = [Standing(name) for name in ("orders", "items")]
    drifted = [
        replace(GOOD, mapping=name, verdict=Verdict.DRIFT, drifted=count) for name, count in (("a", 1), ("b", 2), ("c", 1))
    ]
    assert todo([GOOD, *new, *drifted]) == [
        (("orders", "items"), "`capture install orders items`, so that nothing written from now on is missed"),
        (("a", "c"), "`repair plan a c`: 1 rows differ"),
        (("b",), "`repair plan b`: 2 rows differ"),
    ]


def test_drift_is_told_even_where_more_is_wrong():
    found = replace(GOOD, verdict=Verdict.DRIFT, captured="paused", known=False, halted="stop")
    assert found.status.state is DataState.DRIFT


@given(
    st.builds(
        Standing,
        mapping=st.just("orders"),
        trouble=st.sampled_from(["", "trouble"]),
        captured=st.sampled_from(["installed", "paused", "missing", "changed", "unconfirmed"]),
        known=st.booleans(),
        lag=st.none() | st.floats(0, 100),
        dead=st.integers(0, 2),
        skipped=st.integers(0, 1),
        passed_over=st.integers(0, 1),
        rogue=st.integers(0, 1),
        stranded=st.integers(0, 1),
        redefined=st.booleans(),
        halted=st.sampled_from(["", "halted"]),
        backfill=st.sampled_from(["", "running", "paused", "stopped", "waiting", "done"]),
        verdict=st.none() | st.sampled_from(Verdict),
    )
)
def test_clean_needs_all_of_it(found):
    if found.status.state is DataState.CLEAN:
        assert found.known
        assert found.verdict is Verdict.CLEAN
        assert [found.trouble, found.halted, found.dead] == ["", "", 0]
        assert not found.redefined
        assert [found.skipped, found.passed_over, found.rogue, found.stranded] == [0, 0, 0, 0]
    else:
        assert found.next
        assert found.status.why or not found.known
