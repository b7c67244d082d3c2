"""What `check` says of types, neighbours and capture, as values; one failing case per finding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.checking.finding import Finding
from reconcile.checking.grants import Grant, parse_grant
from reconcile.checking.neighbours import inspect_capture, inspect_order, inspect_target
from reconcile.checking.round_trip import lossy
from reconcile.databases.catalogue import Reference
from reconcile.databases.schema import Column as Live
from reconcile.databases.schema import Schema, Table
from reconcile.mapping import kind
from reconcile.mapping.kind import FLOAT, INTEGER, MOMENT, TEXT
from reconcile.mapping.model import Column, Mapping, Source, Target

BIG, SMALL, UNSIGNED = kind.integer(), kind.integer(-(2**31), 2**31 - 1), kind.integer(0, 2**64 - 1)
WIDE, NARROW = kind.decimal(4, digits=None, whole=14), kind.decimal(2, digits=None, whole=8)
ZONED, LOCAL, SECONDS = kind.moment(kept="zoned"), kind.moment(), kind.moment(0)


def shown(findings) -> list[str]:
    return [f"{'.'.join(map(str, each.steps))}: {'warning: ' if each.warning else ''}{each.message}" for each in findings]


def loss(before: Live, after: Live, *, enforced: bool = True, column: Column | None = None) -> list[str]:
    mapping = Mapping("m", Source("old", ("x",), "thing"), Target("new", "things", ("x",)), {"y": column or Column("x")})
    old, new = Table("thing", {"x": before}), Table("things", {"y": after})
    return shown(lossy(mapping, Schema(("thing",), {"thing": old}), Schema(("things",), {"things": new}), enforced=enforced))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (Live("BIGINT", BIG), Live("INTEGER", SMALL), "4,294,967,295 does not fit 32 bits; such a row stops a backfill"),
        (Live("BIGINT UNSIGNED", UNSIGNED), Live("BIGINT", BIG), "18,446,744,073,709,551,615 does not fit 64 bits"),
        (Live("INTEGER", SMALL), Live("BIGINT UNSIGNED", UNSIGNED), "-255 does not fit 64 bits"),
        (
            Live("NUMERIC(18, 4)", WIDE),
            Live("NUMERIC(18, 4)", kind.decimal(4)),
            "a number of 18 digits has more than the 15 digits",
        ),
        (Live("NUMERIC(18, 4)", WIDE), Live("NUMERIC(10, 2)", NARROW), "a number of 18 digits has more than 2 decimal places"),
        (
            Live("NUMERIC", kind.decimal(None, digits=None)),
            Live("NUMERIC(10, 2)", NARROW),
            "a number such as 0.123456789 has",
        ),
        (Live("NUMERIC(18, 4)", WIDE), Live("DOUBLE", FLOAT), "a float keeps about 15 digits of a decimal"),
        (Live("VARCHAR(40)", kind.text(40)), Live("VARCHAR(20)", kind.text(20)), "a text of 40 characters has more than 20"),
        (Live("TEXT", TEXT), Live("VARCHAR(20)", kind.text(20)), "a long text has more than 20 characters"),
        (Live("TIMESTAMP", LOCAL), Live("DATETIME", SECONDS), "a moment with a fraction of a second"),
        (
            Live("TIMESTAMP", LOCAL),
            Live("TIMESTAMPTZ", ZONED),
            "without an offset, it is taken as UTC: write `convert: local_time`",
        ),
        (Live("TEXT", MOMENT), Live("TIMESTAMPTZ", ZONED), "without an offset, it is taken as UTC"),
        (Live("TIMESTAMPTZ", ZONED), Live("DATETIME", LOCAL), "it is written in UTC, without its offset"),
    ],
)
def test_a_type_that_does_not_survive_is_a_warning(before, after, expected):
    (found,) = loss(before, after)
    assert found.startswith(f"columns.y: warning: thing.x is {before.type}, the column is {after.type}: {expected}"), found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Live("INTEGER", SMALL), Live("BIGINT", BIG)),
        (Live("VARCHAR(20)", kind.text(20)), Live("VARCHAR(20)", kind.text(20))),
        (Live("VARCHAR(20)", kind.text(20)), Live("TEXT", TEXT)),
        (Live("NUMERIC(10, 2)", NARROW), Live("NUMERIC(18, 4)", WIDE)),
        (Live("NUMERIC(10, 2)", NARROW), Live("NUMERIC(10, 2)", kind.decimal(2))),
        (Live("DATETIME", SECONDS), Live("TIMESTAMP", LOCAL)),
        (Live("TIMESTAMPTZ", ZONED), Live("TIMESTAMPTZ", ZONED)),
        (Live("JSON", None), Live("TEXT", TEXT)),
    ],
)
def test_a_type_that_survives_is_no_finding(before, after):
    assert loss(before, after) == []


def test_what_sqlite_declares_promises_nothing_and_a_converter_is_its_own_affair():
    assert loss(Live("INTEGER", INTEGER), Live("INTEGER", SMALL), enforced=False) == []
    assert loss(Live("BIGINT", BIG), Live("INTEGER", SMALL), column=Column("x", convert="cents")) == []
    assert loss(Live("BIGINT", BIG), Live("INTEGER", SMALL), column=Column(sql="x")) == []


@given(st.integers(8, 64), st.integers(8, 64), st.booleans())
def test_a_smaller_integer_is_always_seen(before, after, unsigned):
    one = kind.integer(0, 2**before - 1) if unsigned else kind.integer(-(2 ** (before - 1)), 2 ** (before - 1) - 1)
    other = kind.integer(-(2 ** (after - 1)), 2 ** (after - 1) - 1)
    sizes = (8, 16, 24, 32, 64)
    if before in sizes and after in sizes:
        assert bool(loss(Live("A", one), Live("B", other))) == (before > after or (unsigned and before == after))


def mapping(name: str, table: str) -> Mapping:
    return Mapping(name, Source("old", ("id",), table), Target("new", table, ("id",)), {"id": Column("id")})


ORDERS, LINES = mapping("orders", "orders"), mapping("lines", "order_line")
REFERENCE = Reference("order_line", ("order_id",), "orders", ("id",))
TABLES = {"orders": Table("orders", {}), "order_line": Table("order_line", {}, parents=(REFERENCE,))}


def order(*mappings: Mapping, **tables: Table) -> list[tuple[int, Finding]]:
    return list(inspect_order(mappings, {"new": Schema((), TABLES | tables)}))


def test_children_before_their_parents_are_an_error():
    assert order(ORDERS, LINES) == []
    ((index, finding),) = order(LINES, ORDERS)
    assert (index, finding.warning, finding.steps) == (0, False, ("to", "table"))
    assert (
        finding.message == "rows of order_line refer to orders, which mapping 'orders' writes later: put 'orders' before 'lines'"
    )


def test_parents_that_refer_to_each_other_cannot_be_put_in_order():
    back = Table("orders", {}, parents=(Reference("orders", ("first",), "order_line", ("id",)),))
    ((index, finding),) = order(ORDERS, LINES, orders=back)
    assert (index, finding.warning) == (0, True)
    assert "the other way round" in finding.message


def test_a_table_that_refers_to_itself_is_in_order():
    assert order(ORDERS, orders=Table("orders", {}, parents=(Reference("orders", ("up",), "orders", ("id",)),))) == []


def test_what_else_changes_when_rows_are_written_is_named():
    target = Table("orders", {}, followers=("order_line", "note"), triggers=("audit", "strangler_capture_u"))
    found = shown(inspect_target(ORDERS, target, {"order_line": "lines"}))
    assert [each.split(": ")[0:2] for each in found] == [["to.table", "warning"]] * 3
    assert "takes rows of order_line with it (ON DELETE), which no delete budget counts, and mapping 'lines' has to" in found[0]
    assert found[1].endswith("which no delete budget counts")
    assert "the trigger audit of orders fires" in found[2]


CASCADING = Reference("order_line", ("order_id",), "orders", ("id",), "CASCADE")


@pytest.mark.parametrize(
    ("dialect", "table", "expected"),
    [
        ("mariadb", Table("line", {}), ["TRUNCATE TABLE line fires no trigger"]),
        ("mariadb", Table("line", {}, parents=(CASCADING,)), ["rows of line that follow their row of orders", "TRUNCATE TABLE"]),
        ("postgresql", Table("line", {}, parents=(CASCADING,)), []),
        ("sqlite", Table("line", {}, unique=(("id",),)), []),
        (
            "sqlite",
            Table("line", {}, unique=(("id",), ("email",))),
            ["INSERT OR REPLACE that meets email of another row deletes"],
        ),
    ],
)
def test_what_triggers_cannot_see_is_named(dialect, table, expected):
    found = list(inspect_capture(table, ("id",), dialect))
    assert len(found) == len(expected)
    assert all(each.startswith(words) for each, words in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("line", "asked", "given"),
    [
        ("GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION", ("shop", "t", "TRIGGER"), True),
        ("GRANT USAGE ON *.* TO `a`@`%`", ("shop", "t", "SELECT"), False),
        ("GRANT SELECT, INSERT ON `shop`.* TO `a`@`%`", ("shop", "t", "INSERT"), True),
        ("GRANT SELECT, INSERT ON `shop`.* TO `a`@`%`", ("shop", "t", "UPDATE"), False),
        ("GRANT SELECT ON `shop`.* TO `a`@`%`", ("shopping", "t", "SELECT"), False),
        ("GRANT SELECT ON `sh%p`.* TO `a`@`%`", ("sheep", "t", "SELECT"), True),
        ("GRANT SELECT ON `my\\_shop`.* TO `a`@`%`", ("myxshop", "t", "SELECT"), False),
        ("GRANT SELECT ON `my_shop`.* TO `a`@`%`", ("myxshop", "t", "SELECT"), True),
        ("GRANT SELECT (`a`, `b`), UPDATE ON `shop`.`t` TO `a`@`%`", ("shop", "t", "UPDATE"), True),
        ("GRANT SELECT (`a`, `b`) ON `shop`.`t` TO `a`@`%`", ("shop", "t", "SELECT"), True),
        ("GRANT SELECT ON `shop`.`t` TO `a`@`%`", ("shop", "T2", "SELECT"), False),
        ("GRANT SELECT ON `shop`.`o``dd` TO `a`@`%`", ("shop", "o`dd", "SELECT"), True),
    ],
)
def test_a_line_of_show_grants_is_read(line, asked, given):
    found = parse_grant(line)
    assert found is not None
    assert found.gives(*asked) is given


def test_a_role_is_no_grant_of_its_own():
    assert parse_grant("GRANT `reader` TO `a`@`%`") is None
    assert parse_grant("GRANT SELECT ON `s`.* TO `a`@`%`") == Grant(frozenset({"SELECT"}), "s", "*")
