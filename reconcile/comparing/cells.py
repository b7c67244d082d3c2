"""What is hashed of a row, and how texts of many rows become one: SQL, per dialect."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import md5
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, LargeBinary, String, cast, collate, func, literal_column
from sqlalchemy.dialects.mysql import INTEGER
from sqlalchemy.dialects.postgresql import BIT, aggregate_order_by
from sqlalchemy.exc import CompileError
from sqlalchemy.ext.compiler import compiles

DIGITS = 15  # hexadecimal digits of an MD5 that are summed: 60 bits, which fit a signed 64-bit number

Expression = ColumnElement[Any]


def record(columns: Sequence[Expression], salt: int) -> Expression:
    """PostgreSQL's own 64-bit hash of values as they are."""
    return func.hash_record_extended(func.row(*columns), _number(salt))


def text_hash(text: Expression, salt: int) -> Expression:
    """PostgreSQL's own 64-bit hash of a text; by its bytes, whatever collations it was put together from."""
    return func.hashtextextended(collate(text, "C"), _number(salt))


def rendered(expression: Expression, engine: Engine) -> Expression:
    """The same, written out once rather than with each statement: the cells of a row are long.

    What has a bound value in it that cannot be written out, or a NUL, stays as it is.
    """
    make: Any = type(engine.dialect)
    plain = make(paramstyle="named")  # in other styles a percent sign would be doubled, and once more later
    plain._backslash_escapes = getattr(engine.dialect, "_backslash_escapes", False)  # as the server said
    try:
        text = str(expression.compile(dialect=plain, compile_kwargs={"literal_binds": True}))
    except CompileError:
        return expression
    return expression if "\x00" in text else literal_column(text, expression.type)


def leading(text: Expression, digits: int, dialect: str) -> Expression:
    """The number that the first hexadecimal digits of a text's MD5 make."""
    if dialect == "sqlite":
        return func.strangler_leading(cast(text, LargeBinary), literal_column(str(digits)))  # it may be no UTF-8
    first = func.substr(func.md5(text), literal_column("1"), literal_column(str(digits)))
    if dialect == "postgresql":
        return cast(cast(literal_column("'x'").op("||")(first), BIT(4 * digits)), BigInteger)
    return cast(func.conv(first, literal_column("16"), literal_column("10")), INTEGER(unsigned=True))


def salted(text: Expression, salt: int, dialect: str) -> Expression:
    """A text with a salt before it, so that rows that collide once do not collide again."""
    before: Expression = literal_column(f"'{salt:x} '")
    return func.concat(before, text) if dialect == "mariadb" else before.op("||")(text)


def total(number: Expression, dialect: str) -> Expression:
    """The sum, however large. SQLite's own would overflow."""
    return func.strangler_total(number) if dialect == "sqlite" else func.sum(number)


def teach(connection: Connection) -> None:
    """Give a connection to SQLite the functions that it lacks."""
    driver: Any = connection.connection.driver_connection
    driver.create_function("strangler_leading", 2, _leading, deterministic=True)
    driver.create_aggregate("strangler_total", 1, _Total)


def _leading(text: bytes, digits: int) -> int:
    return int(md5(text, usedforsecurity=False).hexdigest()[:digits], 16)


class _Total:
    """A sum of any size, as text."""

    def __init__(self) -> None:
        self.sum = 0

    def step(self, number: int) -> None:
        self.sum += number

    def finalize(self) -> str:
        return str(self.sum)


class _Joined(ColumnElement[str]):
    """``GROUP_CONCAT(text ORDER BY … SEPARATOR '')``, which is no function call like others."""

    inherit_cache = False
    type = String()

    def __init__(self, text: Expression, order: Sequence[Expression]) -> None:
        self.text, self.order = text, order


@compiles(_Joined)
def _compile_joined(element: _Joined, compiler: Any, **options: Any) -> str:
    order = ", ".join(compiler.process(part, **options) for part in element.order)
    return f"group_concat({compiler.process(element.text, **options)}{' ORDER BY ' * bool(order)}{order} SEPARATOR '')"


def joined(text: Expression, dialect: str, order: Sequence[Expression] = ()) -> Expression:
    """The texts of many rows as one, in an order or as they come; NULL if there are none."""
    if dialect == "mariadb":
        return _Joined(text, order)
    if dialect == "sqlite":
        return func.group_concat(text, literal_column("''"))
    return func.string_agg(text, aggregate_order_by(literal_column("''"), *order) if order else literal_column("''"))


def length(text: Expression, dialect: str) -> Expression:
    """Bytes of a text, or characters where that is cheaper and only its size is wanted."""
    return func.octet_length(text) if dialect == "postgresql" else func.length(text)


def _number(salt: int) -> Expression:
    return literal_column(f"{salt}::bigint")
