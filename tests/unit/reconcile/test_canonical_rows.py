"""Kinds, the canonical encoding and digests."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.mapping.canonical import Digest, digest, encode, encode_found
from reconcile.mapping.kind import ANY, BOOLEAN, BYTES, DATE, FLOAT, INTEGER, MOMENT, TEXT, decimal

KINDS = {
    "integer": (INTEGER, st.integers(-(2**63), 2**63 - 1)),
    "text": (TEXT, st.text(st.characters(exclude_categories=["Cs"]))),
    "float": (FLOAT, st.floats(allow_nan=False)),
    "decimal": (decimal(4), st.decimals(-(10**10), 10**10, places=4)),
    "boolean": (BOOLEAN, st.booleans()),
    "moment": (MOMENT, st.datetimes()),
    "date": (DATE, st.dates()),
    "bytes": (BYTES, st.binary()),
    "any": (ANY, st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(), st.binary(), st.floats(allow_nan=False))),
}
LANES = list(KINDS.values())
ROW = st.tuples(*(st.none() | values for _, values in LANES))


def cells(row: tuple[object, ...]) -> tuple[bytes, ...]:
    return tuple(encode(kind, None if value is None else kind.fit(value)) for (kind, _), value in zip(LANES, row, strict=True))


def fitted(row: tuple[object, ...]) -> list[object]:
    """What the row means: values with their types, so that 1, True and 1.0 stay apart in a column that keeps types."""
    found = [None if value is None else kind.fit(value) for (kind, _), value in zip(LANES, row, strict=True)]
    return [(type(value), value) for value in found]


@given(ROW, ROW)
def test_rows_are_equal_exactly_if_their_bytes_are(one, other):
    assert (b"".join(cells(one)) == b"".join(cells(other))) == (fitted(one) == fitted(other))


@given(st.lists(st.none() | st.text(":N0123|", max_size=4), min_size=3, max_size=3), st.data())
def test_no_text_can_look_like_the_end_of_a_column(texts, data):
    other = data.draw(st.lists(st.none() | st.text(":N0123|", max_size=4), min_size=3, max_size=3))
    joined = [b"".join(encode(TEXT, value) for value in row) for row in (texts, other)]
    assert (joined[0] == joined[1]) == (texts == other)


@given(st.sampled_from(sorted(KINDS)).flatmap(lambda name: st.tuples(st.just(name), KINDS[name][1])))
def test_fitting_again_changes_nothing(case):
    kind = KINDS[case[0]][0]
    once = kind.fit(case[1])
    assert encode(kind, kind.fit(once)) == encode(kind, once)


@given(st.lists(ROW), st.randoms())
def test_a_digest_does_not_depend_on_the_order(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert digest(map(cells, rows)) == digest(map(cells, shuffled))


def decode(joined: bytes) -> list[bytes]:
    """Cut a row back into its cells, knowing nothing but which columns hold text of any form."""
    found, framed = [], [kind.framed for kind, _ in LANES]
    for has_length in framed:
        if joined.startswith(b"N"):
            size = 1
        elif has_length:
            head, _, _ = joined.partition(b":")
            size = len(head) + 1 + int(head)
        else:
            size = joined.index(b";") + 1
        found.append(joined[:size])
        joined = joined[size:]
    assert joined == b""
    return found


@given(ROW)
def test_a_row_can_be_cut_back_into_its_columns(row):
    assert decode(b"".join(cells(row))) == list(cells(row))


def test_equal_rows_do_not_cancel_out():
    one, other = (b"1:a",), (b"1:b",)
    assert len({digest([one] * count) for count in range(4)}) == 4
    assert digest([one, one]) != digest([other, other])
    assert digest([]) == Digest(0, 0)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (TEXT, [None, "", "NULL", "N", "0:", " ", "a", "a ", "A", "é", "e\u0301", "\x00", "\x00\x00"]),
        (INTEGER, [None, 0, 1, -1, 2**53, 2**53 + 1, -(2**63)]),
        (FLOAT, [None, 0.0, 5e-324, 1.0, 1.0000000000000002, float("inf"), float("-inf")]),
        (ANY, [None, "", 1, "1", b"1", 1.0, "1.0"]),
        (BYTES, [None, b"", b"\x00", b"\x00\xff"]),
    ],
)
def test_what_differs_has_different_bytes(kind, values):
    assert len({encode(kind, value) for value in values}) == len(values)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (FLOAT, [0.0, -0.0, 0, "0"]),
        (INTEGER, [7, "7", 7.0, Decimal(7)]),
        (INTEGER, [1, True]),
        (TEXT, [7, "7"]),
        (decimal(2), [Decimal("1.50"), 1.5, "1.5", "1.50"]),
        (decimal(2), [Decimal("-0.00"), 0, 0.0, -0.0, "-0"]),
        (decimal(2), [0.1 + 0.2, "0.3"]),
        (decimal(None), [Decimal("1.50"), "1.5", 1.5, "15e-1"]),
        (BOOLEAN, [True, 1, "1", "true"]),
        (
            MOMENT,
            [datetime(2024, 1, 2, 3), "2024-01-02 03:00:00", "2024-01-02T03:00:00.000000", datetime(2024, 1, 2, 3, tzinfo=UTC)],
        ),
        (MOMENT, [datetime(2024, 1, 2, 3), datetime(2024, 1, 2, 5, tzinfo=timezone(timedelta(hours=2)))]),
        (TEXT, ["2024-01-02T03:00:00Z", datetime(2024, 1, 2, 3, tzinfo=UTC)]),
        (DATE, [date(2024, 1, 2), "2024-01-02"]),
    ],
)
def test_what_a_column_would_keep_alike_has_the_same_bytes(kind, values):
    assert len({encode_found(kind, value) for value in values}) == 1


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (INTEGER, "abc"),
        (INTEGER, 1.5),
        (INTEGER, "1.0"),
        (INTEGER, " 1"),
        (INTEGER, 2**63),
        (INTEGER, b"1"),
        (INTEGER, float("nan")),
        (INTEGER, "٣"),
        (TEXT, 1.5),
        (TEXT, b"a"),
        (TEXT, True),
        (TEXT, datetime(2024, 1, 2)),
        (FLOAT, "abc"),
        (FLOAT, 2**53 + 1),
        (FLOAT, float("nan")),
        (FLOAT, 10**400),
        (decimal(2), "1.005"),
        (decimal(2), "x"),
        (decimal(None), "12345678901234567.1"),
        (decimal(None), "1e999999999"),
        (BOOLEAN, 2),
        (BOOLEAN, "t"),
        (MOMENT, "yesterday"),
        (MOMENT, 5),
        (DATE, "2024-01-02 03:00:00"),
        (DATE, datetime(2024, 1, 2)),
        (BYTES, "a"),
    ],
)
def test_what_a_column_cannot_hold_is_refused_and_never_equals_anything_that_fits(kind, value):
    with pytest.raises(ValueError):
        kind.fit(value)
    assert encode_found(kind, value).startswith(b"X")


@given(st.sampled_from(sorted(set(KINDS) - {"any"})), st.one_of(st.integers(), st.floats(), st.text(), st.binary()))
def test_every_value_that_a_database_returns_has_bytes(name, value):
    assert encode_found(KINDS[name][0], value)
