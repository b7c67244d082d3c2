"""Which kind a live column has, by its reflected type and dialect: one table per dialect, the first family that matches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import types
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from reconcile.mapping import json_text, kind
from reconcile.mapping.fitting import MARIADB_DATES, POSTGRESQL_DATES
from reconcile.mapping.kind import (
    ANY,
    BOOLEAN,
    BYTES,
    DATE,
    DURATION,
    FLOAT,
    INTEGER,
    JSON,
    MICROSECONDS,
    MOMENT,
    SINGLE,
    TEXT,
    TIME,
    UUID,
    Kind,
)

Make = Callable[[Any], Kind | None]


def find(column_type: TypeEngine[Any], dialect: str) -> Kind | None:
    """The kind of a reflected type; None for one that cannot be compared yet."""
    return next((make(column_type) for family, make in _TABLES[dialect] if isinstance(column_type, family)), None)


def _given(found: Kind | None) -> Make:
    return lambda _: found


def _integers(bits: int) -> Make:
    return lambda found: (
        _unsigned(bits) if getattr(found, "unsigned", False) else kind.integer(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    )


def _unsigned(bits: int) -> Kind:
    return kind.integer(0, 2**bits - 1)


def _sized_decimal(found: Any) -> Kind:
    """PostgreSQL's and MariaDB's: exact. PostgreSQL's without a size also keeps NaN and infinities."""
    endless = not isinstance(found, mysql.NUMERIC | mysql.DECIMAL)
    if found.scale is None:
        return kind.decimal(None, digits=None, endless=endless)
    return kind.decimal(found.scale, digits=None, endless=endless, whole=found.precision - found.scale)


def _postgresql_text(found: Any) -> Kind:
    padded = isinstance(found, types.CHAR)
    return kind.text(found.length or (1 if padded else None), nul=False, padded=padded)


def _mariadb_text(found: Any) -> Kind:
    padded = isinstance(found, types.CHAR)
    return kind.text(found.length if isinstance(found, types.CHAR | types.VARCHAR) else None, padded=padded)


def _postgresql_moment(found: Any) -> Kind:
    places = MICROSECONDS if found.precision is None else found.precision
    return kind.moment(places, odd=POSTGRESQL_DATES, kept="zoned" if found.timezone else "")


def _mariadb_moment(found: Any) -> Kind:
    return kind.moment(found.fsp or 0, odd=MARIADB_DATES, kept="zoned" if isinstance(found, types.TIMESTAMP) else "")


def _postgresql_time(found: Any) -> Kind | None:
    return None if found.timezone else kind.clock(MICROSECONDS if found.precision is None else found.precision)


def _mariadb_binary(found: Any) -> Kind:
    padded = isinstance(found, types.BINARY)
    return kind.binary(found.length if isinstance(found, types.BINARY | types.VARBINARY) else None, padded=padded)


def _mariadb_bit(found: Any) -> Kind:
    return replace(BOOLEAN, kept="bit") if found.length in (None, 1) else replace(_unsigned(found.length), kept="bit")


def _tiny(found: Any) -> Kind | None:
    """TINYINT(1) is how MariaDB spells BOOLEAN."""
    return BOOLEAN if found.display_width == 1 and not found.unsigned else _integers(8)(found)


_SQLITE: tuple[tuple[Any, Make], ...] = (
    (types.Float, _given(FLOAT)),
    (types.Numeric, lambda found: kind.decimal(found.scale)),
    (types.Boolean, _given(BOOLEAN)),
    (types.Integer, _given(INTEGER)),
    (types.DateTime, _given(MOMENT)),
    (types.Date, _given(DATE)),
    (types.Time, _given(TIME)),
    (types.JSON, _given(replace(JSON, fit=json_text.fit_in_sqlite))),
    (types.String, _given(TEXT)),
    (types.LargeBinary, _given(BYTES)),
    (types.NullType, _given(ANY)),
)
_POSTGRESQL: tuple[tuple[Any, Make], ...] = (
    (types.REAL, _given(SINGLE)),
    (types.Float, _given(kind.floating(nan=True))),
    (types.Numeric, _sized_decimal),
    (types.Boolean, _given(replace(BOOLEAN, stored=bool))),
    (types.SmallInteger, _integers(16)),
    (types.BigInteger, _integers(64)),
    (types.Integer, _integers(32)),
    (types.DateTime, _postgresql_moment),
    (types.Date, _given(kind.day(odd=POSTGRESQL_DATES))),
    (types.Time, _postgresql_time),
    (types.Uuid, _given(UUID)),
    (types.JSON, _given(JSON)),
    (types.Interval, _given(DURATION)),
    (postgresql.INTERVAL, _given(DURATION)),
    (postgresql.DOMAIN, lambda found: find(found.data_type, "postgresql")),
    (types.Enum, lambda found: kind.choice(found.enums)),
    (types.String, _postgresql_text),
    (types.LargeBinary, _given(BYTES)),
)
_MARIADB: tuple[tuple[Any, Make], ...] = (
    (mysql.TINYINT, _tiny),
    (mysql.SMALLINT, _integers(16)),
    (mysql.MEDIUMINT, _integers(24)),
    (types.BigInteger, _integers(64)),
    (types.Integer, _integers(32)),
    (mysql.FLOAT, _given(None)),
    (types.Float, _given(kind.floating(infinite=False))),
    (types.Numeric, _sized_decimal),
    (mysql.BIT, _mariadb_bit),
    (mysql.YEAR, _given(kind.YEAR)),
    (types.DateTime, _mariadb_moment),
    (types.Date, _given(kind.day(odd=MARIADB_DATES))),
    (types.Time, lambda found: kind.clock(found.fsp or 0)),
    (types.JSON, _given(JSON)),
    (types.Uuid, _given(replace(UUID, stored=str))),
    (types.Enum, lambda found: kind.choice(found.enums)),
    (mysql.SET, _given(TEXT)),
    (types.String, _mariadb_text),
    (types._Binary, _mariadb_binary),
)
_TABLES = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL, "mariadb": _MARIADB}
