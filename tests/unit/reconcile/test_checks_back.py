"""The way back: which legacy columns a new row leaves alone, and whether a mapping is two-way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.checking.directions import two_way
from reconcile.databases.schema import Column as Live
from reconcile.databases.schema import Schema, Table
from reconcile.mapping import way_back
from reconcile.mapping.kind import TEXT
from reconcile.mapping.model import Back, Column, Deletion, Mapping, Source, Target

READS = {"id": frozenset({"id"}), "full": frozenset({"first", "last"}), "email": frozenset({"email"}), "by": frozenset()}
NEW = {"id": b"1", "first": b"a", "last": b"b", "email": b"x"}


@pytest.mark.parametrize(
    ("forward", "kept"),
    [
        (NEW, {"id", "full", "email", "by"}),
        (NEW | {"email": b"y"}, {"id", "full"}),
        (NEW | {"last": b"c"}, {"id", "email"}),
        ({"id": b"1"}, {"id"}),
        (None, set()),
    ],
)
def test_a_legacy_column_is_left_if_the_way_out_already_gives_what_it_depends_on(forward, kept):
    assert way_back.keep(READS, forward, NEW) == kept


@given(
    st.dictionaries(st.sampled_from("abcd"), st.binary(max_size=1)),
    st.dictionaries(st.sampled_from("abcd"), st.binary(max_size=1)),
)
def test_whatever_differs_is_written_and_a_row_that_is_equal_writes_nothing(forward, new):
    reads = {name: frozenset({name}) for name in "abcd"}
    assert way_back.keep(reads, new, new) >= new.keys()
    differing = {name for name in new if forward.get(name) != new[name]}
    assert not way_back.keep(reads, forward, new) & differing


CUSTOMERS = Mapping(
    "m",
    Source("old", ("no",), "customer", where="deleted = 0"),
    Target("new", "customers", ("id",)),
    {"id": Column("no"), "email": Column("mail"), "status": Column("st", values={"A": "active", "I": "inactive"})},
)
RETURN = {"mail": Column("email"), "st": Column("status", values={"active": "A", "inactive": "I"})}
NEW_SIDE = Schema(
    ("customers",), {"customers": Table("customers", {each: Live("TEXT", TEXT) for each in ("id", "email", "status")})}
)


def mapping(back: Back | None, **changes) -> Mapping:
    fields = {"source": CUSTOMERS.source, "target": CUSTOMERS.target, "columns": CUSTOMERS.columns, **changes}
    return Mapping("m", back=back, **fields)


WHOLE = Back(RETURN, {"deleted": "0"}, Deletion({"deleted": "1"}))


def test_the_way_back_reads_the_new_side_and_takes_the_key_along():
    turned = way_back.turned(mapping(WHOLE))
    assert (turned.source.table, turned.target.table, turned.target.where) == ("customers", "customer", "deleted = 0")
    assert turned.columns["no"] == Column("id")
    assert list(turned.columns) == ["no", "mail", "st"]
    assert way_back.reads(turned, ("id", "email", "status"))["st"] == {"status"}
    assert way_back.revival(WHOLE) == {"deleted": "0"}


def test_a_mapping_that_says_everything_on_the_way_back_is_two_way():
    assert two_way(mapping(WHOLE), Schema(()), NEW_SIDE) == (True, ())


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (mapping(None), "it has no `back`"),
        (mapping(WHOLE, source=Source("old", ("no",), query="SELECT 1")), "it reads a query"),
        (mapping(Back({"st": RETURN["st"]}, WHOLE.defaults, WHOLE.delete)), "nothing in `back` reads email"),
        (mapping(Back(RETURN)), "`from.where` leaves rows out, but `back.delete` is not written"),
        (mapping(Back(RETURN, {}, WHOLE.delete)), "a deletion sets deleted, and `back.defaults` does not say"),
        (mapping(Back(RETURN | {"st": Column("status")})), "status is mapped and st takes it unchanged"),
        (mapping(Back(RETURN | {"st": Column("status", values={"active": "A"})})), "the map of st does not know 'inactive'"),
        (
            mapping(Back(RETURN | {"st": Column("status", values={"active": "I", "inactive": "A"})})),
            "the map of st makes 'I' of 'active', which the way out makes something else of",
        ),
        (
            mapping(
                WHOLE,
                columns=CUSTOMERS.columns | {"status": Column("st", values={"A": "active", "B": "active", "I": "inactive"})},
            ),
            "'A', 'B' all become 'active': a row that changes to it comes back as 'A'",
        ),
        (
            mapping(WHOLE, columns=CUSTOMERS.columns | {"email": Column("mail", convert="cents")}),
            "email is made by `cents` and mail takes it unchanged",
        ),
    ],
)
def test_why_a_mapping_is_one_way(found, reason):
    is_two_way, reasons = two_way(found, Schema(()), NEW_SIDE)
    assert not is_two_way
    assert [each for each in reasons if each.startswith(reason)], reasons


def test_an_expression_on_the_way_back_depends_on_the_columns_it_mentions():
    back = Back({"full": Column(sql="email || ' ' || \"status\"")})
    assert way_back.reads(way_back.turned(mapping(back)), ("id", "email", "status"))["full"] == {"email", "status"}
