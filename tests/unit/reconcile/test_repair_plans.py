"""What a repair decides: exact values there and back, plans as files, and which planned rows are left alone."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.repairing import exact
from reconcile.repairing import plan as plans
from reconcile.repairing.plan import Item, Part, RepairPlan
from reconcile.reports.report import Drift
from strangler.core.errors import Refusal, UsageError

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.text(),
    st.binary(max_size=20),
    st.floats(allow_nan=False),
    st.decimals(allow_nan=False),
    (st.datetimes() | st.datetimes(timezones=st.just(UTC))).map(lambda value: value.replace(fold=0)),
    st.dates(),
    st.times().map(lambda value: value.replace(fold=0)),
    st.timedeltas(),
    st.uuids(),
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=6))
def test_a_row_comes_back_exactly(row):
    again = exact.read(exact.write(row))
    assert again == row
    assert {column: (type(value), repr(value)) for column, value in again.items()} == {
        column: (type(value), repr(value)) for column, value in row.items()
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), ("1", 1), (None, ""), (b"a", "a"), (Decimal("1.0"), Decimal("1.00")), (0.0, -0.0), (1, Decimal(1))],
)
def test_rows_that_only_look_alike_have_other_fingerprints(one, other):
    assert exact.fingerprint({"a": one}) != exact.fingerprint({"a": other})


def test_infinity_is_kept_and_what_cannot_be_kept_is_refused():
    assert exact.read(exact.write({"a": float("inf")})) == {"a": float("inf")}
    with pytest.raises(Refusal, match="the column a holds a complex, which cannot be kept"):
        exact.write({"a": 1j})


def part(mapping: str, **kinds: int) -> Part:
    items = [Item(f"[{number}]", Drift(kind), "w", "s") for kind, count in kinds.items() for number in range(count)]
    return Part(mapping, "new", 1, 100, tuple(items), {"[9]": "repaired 3 times"}, {"[8]": "st: is not in the map"})


def test_a_plan_is_the_same_after_its_file(tmp_path):
    plan = RepairPlan("abc", 17, (part("orders", missing=1, extra=2), part("customers", changed=1)))
    plans.save(plan, tmp_path / "plan.json")
    assert plans.load(tmp_path / "plan.json") == plan
    assert plan.rows == 4


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 2, "id": "a", "made_at": 1, "parts": []}', '{"version": 1}', "1"])
def test_what_is_no_plan_is_refused(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(UsageError, match=r"plan.json: not a plan of this version: write one with `repair plan`"):
        plans.load(tmp_path / "plan.json")
    with pytest.raises(UsageError, match="cannot be read"):
        plans.load(tmp_path / "none.json")


def test_parents_come_first_and_go_last():
    plan = RepairPlan("abc", 17, (part("orders", missing=1, extra=1), part("customers", changed=1, extra=1)))
    steps = [(step.mapping, [item.kind.value for item in items]) for step, items in plans.ordered(plan, ["customers", "orders"])]
    assert steps == [("customers", ["changed"]), ("orders", ["missing"]), ("orders", ["extra"]), ("customers", ["extra"])]


A, B, C = (b"1:a",), (b"1:b",), (b"1:c",)
MOVED = "the row to be repaired has changed since the plan was made"


@pytest.mark.parametrize(
    ("witnessed", "now", "why"),
    [
        ((A, B), (A, B), None),
        ((A, None), (A, None), None),
        ((None, B), (None, B), None),
        ((A, B), (C, B), None),  # the source says something else now: that is what is written
        ((A, B), (A, C), MOVED),
        ((A, B), (A, None), MOVED),
        ((A, None), (A, C), MOVED),
        ((None, B), (None, C), MOVED),
        ((A, B), (None, B), "it was changed when the plan was made, and is extra now"),
        ((None, B), (A, B), "it was extra when the plan was made, and is changed now"),
        ((A, None), (None, None), "it was missing when the plan was made, and is right now"),
    ],
)
def test_a_planned_row_is_left_alone_unless_it_is_as_witnessed(witnessed, now, why):
    kind = plans.kind_of(*witnessed)
    item = Item("[1]", kind, *(plans.digest("salt", cells) for cells in witnessed))
    assert plans.why_not(item, "salt", plans.kind_of(*now), now[1]) == why


def test_equal_rows_have_different_digests_in_different_plans():
    assert plans.digest("one", A) == plans.digest("one", A) != plans.digest("two", A)
    assert plans.digest("one", None) is None


def test_a_plan_for_people_says_what_would_be_done_and_what_not():
    plan = RepairPlan("abc", 17, (part("orders", missing=1200, extra=2), part("customers")))
    assert list(plan.lines())[:4] == [
        "plan abc: 1,202 rows to repair",
        "  orders: 1,200 to insert, 2 to delete on the new side (of 100 rows)",
        "    frozen [9]   repaired 3 times",
        "    cannot be mapped [8]   st: is not in the map",
    ]
    assert "  customers: nothing to do on the new side (of 100 rows)" in plan.lines()


def test_dates_are_not_moments_and_spans_are_whole():
    row = {"a": date(2024, 1, 1), "b": datetime(2024, 1, 1), "c": time(1, 2, 3, 4), "d": timedelta(days=-1, microseconds=1)}
    row["e"] = UUID(int=1)
    assert exact.read(exact.write(row)) == row
