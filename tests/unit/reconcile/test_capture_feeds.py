"""Which feeds a mapping listens to, and how they are named."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.capturing.feed import Feed, feeds
from reconcile.mapping.model import Column, Mapping, Source, Target

TABLE = Mapping(
    "lines", Source("old", ("order", "no"), table="Order Line"), Target("new", "lines", ("a", "b")), {"a": Column("order")}
)


@pytest.mark.parametrize(
    ("feed", "name"),
    [
        (Feed("customer", ("no",)), "customer:no"),
        (Feed("Order Line", ("order", "no")), "Order Line:order,no"),
        (Feed("a:b", ("c,d",)), "a\\:b:c\\,d"),
        (Feed("a\\", ("b",)), "a\\\\:b"),
    ],
)
def test_a_feed_is_named_by_its_table_and_columns(feed, name):
    assert feed.name == name


NAMES = st.text(alphabet="a:,\\", min_size=1, max_size=4)
FEEDS = st.builds(Feed, NAMES, st.lists(NAMES, min_size=1, max_size=3).map(tuple))


@given(FEEDS, FEEDS)
def test_two_feeds_never_share_a_name(one, other):
    assert (one.name == other.name) == (one == other)


def test_a_mapping_of_a_table_listens_to_that_table_by_its_key():
    assert feeds(TABLE) == (Feed("Order Line", ("order", "no")),)


def test_a_mapping_of_a_query_listens_to_every_table_that_it_is_captured_from():
    source = Source("old", ("no",), query="SELECT …", captured_from={"orders": "no", "order_line": "order_no"})
    assert feeds(replace(TABLE, source=source)) == (Feed("orders", ("no",)), Feed("order_line", ("order_no",)))


def test_on_the_way_back_it_listens_to_the_table_that_it_wrote():
    assert feeds(TABLE, "new") == (Feed("lines", ("a", "b")),)
