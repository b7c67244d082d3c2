"""Converters, as tables: what goes in, what comes out, what is refused."""

from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from reconcile.mapping.convert import CONVERTERS, NEVER, TWICE
from reconcile.mapping.kind import TEXT


def convert(name: str, value: object, zone: str | None = None) -> tuple[object, list[str]]:
    notes: list[str] = []
    return CONVERTERS[name].make(zone)(value, notes.append), notes


@pytest.mark.parametrize(
    ("written", "zone", "expected", "notes"),
    [
        ("2024-01-15 12:00:00", "Europe/Amsterdam", "2024-01-15T11:00:00Z", []),
        ("2024-07-15 12:00:00", "Europe/Amsterdam", "2024-07-15T10:00:00Z", []),
        ("2024-07-15T12:00:00", "Europe/Amsterdam", "2024-07-15T10:00:00Z", []),
        ("2024-07-15 12:00:00.250000", "Europe/Amsterdam", "2024-07-15T10:00:00.250000Z", []),
        ("2024-10-27 02:30:00", "Europe/Amsterdam", "2024-10-27T00:30:00Z", [TWICE]),  # its first: still +02:00
        ("2024-10-27 01:59:59", "Europe/Amsterdam", "2024-10-26T23:59:59Z", []),
        ("2024-10-27 03:00:00", "Europe/Amsterdam", "2024-10-27T02:00:00Z", []),
        ("2024-03-31 02:30:00", "Europe/Amsterdam", "2024-03-31T01:30:00Z", [NEVER]),  # with the offset before: +01:00
        ("2024-03-31 03:00:00", "Europe/Amsterdam", "2024-03-31T01:00:00Z", []),
        ("2024-11-03 01:30:00", "America/New_York", "2024-11-03T05:30:00Z", [TWICE]),
        ("2024-01-15 12:00:00", "UTC", "2024-01-15T12:00:00Z", []),
    ],
)
def test_local_time(written: str, zone: str, expected: str, notes: list[str]):
    found, noted = convert("local_time", written, zone)
    assert (TEXT.fit(found), noted) == (expected, notes)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (1.5, "1970-01-01T00:00:01.500000Z"),
        ("1700000000", "2023-11-14T22:13:20Z"),
    ],
)
def test_epoch_seconds(seconds: object, expected: str):
    assert TEXT.fit(convert("epoch_seconds", seconds)[0]) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (19.99, 1999),
        (0.1 + 0.2, 30),
        (1.1 * 3, 330),
        (4.35, 435),
        (1.15, 115),
        (89.97999999999999, 8998),
        (12500.0, 1_250_000),
        (0.0, 0),
        (-0.0, 0),
        (-19.99, -1999),
        (7, 700),
        ("19.99", 1999),
        (Decimal("19.99"), 1999),
        (90_071_992_547.93, 9_007_199_254_793),
    ],
)
def test_cents(amount: object, expected: int):
    found, _ = convert("cents", amount)
    assert found == expected
    assert str(found) == str(expected)  # not -0


@pytest.mark.parametrize(("text", "expected"), [("", None), ("  \t", None), (" a ", " a "), ("NULL", "NULL"), (0, 0)])
def test_blank_to_null(text: object, expected: object):
    assert convert("blank_to_null", text)[0] == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [(1, True), (0, False), ("1", True), ("t", True), (" TRUE ", True), ("n", False), ("No", False), ("off", False)],
)
def test_bool(word: object, expected: bool):
    assert convert("bool", word)[0] is expected


@pytest.mark.parametrize(("text", "expected"), [(" a b\t", "a b"), ("\u00a0", ""), ("", ""), (5, 5)])
def test_trim(text: object, expected: object):
    assert convert("trim", text)[0] == expected


@pytest.mark.parametrize(
    "written", ["2024-02-29", "2024-02-29 23:59:59", "2024-02-29T00:00:00Z", date(2024, 2, 29), datetime(2024, 2, 29, 5)]
)
def test_date(written: object):
    assert convert("date", written)[0] == date(2024, 2, 29)


@pytest.mark.parametrize(
    "written",
    [
        "6BA7B810-9dad-11d1-80b4-00c04fd430c8",
        "6ba7b8109dad11d180b400c04fd430c8",
        UUID(int=0x6BA7B8109DAD11D180B400C04FD430C8).bytes,
    ],
)
def test_uuid(written: object):
    assert convert("uuid", written)[0] == UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


@pytest.mark.parametrize(
    ("milliseconds", "expected"), [(0, "1970-01-01T00:00:00Z"), (1_700_000_000_123, "2023-11-14T22:13:20.123000Z")]
)
def test_epoch_milliseconds(milliseconds: object, expected: str):
    assert TEXT.fit(convert("epoch_milliseconds", milliseconds)[0]) == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("local_time", "2024-13-01 00:00:00", "not a local time"),
        ("local_time", "0000-00-00 00:00:00", "not a local time"),
        ("local_time", "", "not a local time"),
        ("local_time", 5, "not a local time"),
        ("local_time", "2024-01-01 00:00:00+02:00", "already says its offset"),
        ("local_time", "0001-01-01 00:00:00", "outside the years"),
        ("date", "today", "neither a date nor a moment"),
        ("date", 5, "neither a date nor a moment"),
        ("uuid", "6ba7b810", "not a UUID"),
        ("uuid", b"123", "not a UUID"),
        ("cents", Decimal("19.990001"), "more than 2 decimal places"),
        ("epoch_milliseconds", 10**18, "outside the years"),
        ("epoch_seconds", "soon", "not a number"),
        ("epoch_seconds", float("nan"), "not a number"),
        ("epoch_seconds", 10**15, "outside the years"),
        ("cents", 19.999, "more than 2 decimal places"),
        ("cents", 0.005, "more than 2 decimal places"),
        ("cents", float("inf"), "not a number"),
        ("cents", "€ 5", "not a number"),
        ("cents", b"5", "not a number"),
        ("cents", True, "not a number"),
        ("cents", "1e9999", "not a number of that size"),
        ("bool", 2, "neither true nor false"),
        ("bool", "J", "neither true nor false"),
    ],
)
def test_what_cannot_be_converted_is_refused(name: str, value: object, message: str):
    with pytest.raises(ValueError, match=message):
        convert(name, value, "Europe/Amsterdam")


def test_notes_are_counted_by_column(world):
    table = "(id INTEGER PRIMARY KEY, value TEXT);"
    mapping = """
        name: things
        from: {database: old, table: thing, key: id}
        to: {database: new, table: things, key: id}
        columns: {id: id, value: {column: value, convert: local_time, zone: Europe/Amsterdam}}
    """
    world.create(f"CREATE TABLE thing {table}", f"CREATE TABLE things {table}", mapping)
    moments = ["2024-10-27 02:10:00", "2024-10-27 02:20:00", "2024-03-31 02:30:00", "2024-05-05 05:05:05", None]
    world.old("INSERT INTO thing VALUES (?, ?)", list(enumerate(moments)))
    expected = Counter({f"value: {TWICE}": 2, f"value: {NEVER}": 1})
    assert world.backfill(chunk_rows=2).notes == expected
    assert world.reconcile(chunk_rows=2).notes == expected
