"""What a query's words tell: which tables it reads, how they are joined, and whether a missing lookup drops a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.checking.lookups import inspect_lookups
from reconcile.checking.queries import inspect_query
from reconcile.checking.reading import selects
from reconcile.databases.catalogue import Reference
from reconcile.databases.schema import Column, Schema, Table
from reconcile.mapping.kind import INTEGER
from reconcile.mapping.model import Back, Mapping, Source, Target
from reconcile.mapping.model import Column as Made
from reconcile.mapping.tokens import mentions, tokens

KEY = (("no",),)


def table(name: str, *columns: str, indexes=(), unique=KEY, parents=()) -> Table:
    live = {each.rstrip("!"): Column("INTEGER", INTEGER, not each.endswith("!")) for each in columns}
    return Table(name, live, unique, (*unique, *indexes), parents=parents)


OLD = Schema(
    ("orders", "line", "customer", "country"),
    {
        "orders": table("orders", "no", "cust", "kept!", parents=(Reference("orders", ("kept",), "country", ("no",)),)),
        "line": table("line", "order_no", "pos", unique=(("order_no", "pos"),), indexes=(("order_no",),)),
    },
)
TARGET = Target("new", "things", ("id",))
CAPTURED = {"orders": ("no",), "line": ("order_no",)}


def found(query: str, captured=CAPTURED, old: Schema = OLD) -> list[str]:
    source = Source("old", ("no",), query=query, captured_from=captured)
    findings = inspect_query(Mapping("m", source, TARGET, {}), old)
    return [f"{'.'.join(map(str, each.steps))}: {'warning: ' if each.warning else ''}{each.message}" for each in findings]


LEFT = "SELECT o.no FROM orders o LEFT JOIN line l ON l.order_no = o.no"


@pytest.mark.parametrize(
    "query",
    [
        LEFT,
        "select o.no from orders as o left outer join line as l on (l.order_no = o.no) where o.kept = 1 group by o.no",
        'SELECT "o"."no" FROM "orders" "o" LEFT JOIN `line` ON `line`.order_no = o.no -- JOIN nobody',
        "SELECT o.no FROM line l RIGHT JOIN orders o ON l.order_no = o.no",
        "SELECT o.no FROM orders o LEFT JOIN (line l JOIN line k ON k.pos = l.pos) ON l.order_no = o.no",
        "SELECT o.no FROM orders o LEFT JOIN line l ON l.order_no = o.no WHERE l.pos IS NULL",
        "SELECT o.no, extract(year FROM o.at), trim(both ',' from o.x) FROM orders o LEFT JOIN line l ON l.order_no = o.no",
        "SELECT o.no, (SELECT max(pos) FROM line WHERE order_no = o.no) AS last FROM orders o",
        "WITH last AS (SELECT order_no, max(pos) AS pos FROM line GROUP BY order_no) "
        "SELECT o.no FROM orders o LEFT JOIN last ON last.order_no = o.no",
        "SELECT o.no FROM orders o LEFT JOIN line l ON l.order_no = o.no WHERE o.kept IS DISTINCT FROM o.no",
        "SELECT o.no FROM orders o LEFT JOIN line l ON l.order_no = o.no WHERE o.note = 'FROM x JOIN y WHERE l.a'",
    ],
)
def test_a_query_that_keeps_its_driving_row_has_no_findings(query):
    assert found(query) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT o.no FROM orders o JOIN line l ON l.order_no = o.no", "from.query: INNER JOIN drops a row of orders"),
        ("SELECT o.no FROM orders o INNER JOIN line l USING (no)", "from.query: INNER JOIN drops a row of orders"),
        ("SELECT o.no FROM line l JOIN orders o ON l.order_no = o.no", "from.query: INNER JOIN drops a row of orders that finds"),
        ("SELECT o.no FROM line l LEFT JOIN orders o ON l.order_no = o.no", "from.query: LEFT JOIN drops a row of orders"),
        ("SELECT o.no FROM orders o, line l WHERE l.order_no = o.no", "from.query: a comma drops a row of orders"),
        ("SELECT o.no FROM orders o CROSS JOIN line l", "from.query: CROSS JOIN drops a row of orders"),
        ("SELECT o.no FROM orders o NATURAL JOIN line", "from.query: INNER JOIN drops a row of orders that finds none in line"),
        (f"{LEFT} JOIN (SELECT 1 AS x) AS s ON s.x = 1", "from.query: INNER JOIN drops a row of orders that finds none in s"),
        (
            f"{LEFT} UNION ALL SELECT o.no FROM orders o JOIN line l ON l.pos = o.no",
            "from.query: INNER JOIN drops a row of orders",
        ),
        (f"{LEFT} WHERE l.pos = 1", "from.query: warning: its condition asks for line, which LEFT JOIN lets be missing"),
        (f"{LEFT} GROUP BY o.no HAVING (l.pos) > 1", "from.query: warning: its condition asks for line"),
        (f"{LEFT} LEFT JOIN customer c ON c.no = o.cust", "from.query: warning: reads customer, which is not in `captured_from`"),
        (f"{LEFT} WHERE EXISTS (SELECT 1 FROM customer)", "from.query: warning: reads customer, which is not in"),
        ("SELECT no FROM orders", "from.captured_from.line: warning: the query is not seen to read it"),
        ("SELECT x.no FROM (SELECT no FROM orders) x LEFT JOIN f(1) ON true", "from.query: warning: orders, line: none is seen"),
        (
            f"{LEFT} JOIN country k ON k.no = o.kept",
            "from.query: warning: INNER JOIN to country keeps every row of orders only as long as its foreign key is enforced",
        ),
    ],
)
def test_what_may_drop_rows_or_go_unnoticed_is_found(query, expected):
    assert [each for each in found(query) if each.startswith(expected)], found(query)


def test_what_is_captured_must_be_there_and_wants_an_index():
    captured = {"orders": ("no",), "lines": ("order_no",), "line": ("pos",)}
    assert "from.captured_from.lines: 'lines' is not a table; did you mean 'line'?" in found(LEFT, captured)
    assert "from.captured_from.line: warning: no index of line starts with pos: every key reads the whole table" in found(
        LEFT, captured
    )
    wrong = "from.captured_from.line: 'ordr_no' is not a column of line; did you mean 'order_no'?"
    assert wrong in found(LEFT, {"orders": ("no",), "line": ("ordr_no",)})


def test_names_in_texts_comments_and_brackets_are_told_apart():
    sql = "SELECT 'a''b', \"c d\", `e`, [f g], $x$ h $x$, E'i\\'j' /* k */ # l\n FROM m.\"n\" --o"
    assert [token.text for token in tokens(sql) if token.is_name] == ["SELECT", "c d", "e", "f g", "FROM", "m", "n"]
    assert mentions("lower(email) || 'name' || \"First Name\"", ["email", "name", "First Name"]) == {"email", "First Name"}


@given(st.text(st.sampled_from("()'\"`[],. \n-/*#$ax1SELECTFROMJOINwith"), max_size=80))
def test_no_text_is_too_odd_to_be_read(sql):
    for select in selects(sql):
        assert all(read.join for read in select.reads)


def test_an_expression_that_looks_into_other_tables_is_named_since_nothing_captures_what_it_looks_at():
    source = Source("old", ("no",), table="line", where="EXISTS (SELECT 1 FROM orders WHERE no = order_no AND deleted = 0)")
    columns = {
        "id": Made(column="no"),
        "name": Made(sql="(SELECT nm FROM customer c JOIN country USING (no) WHERE c.no = cust)"),
        "low": Made(sql="lower(from_whom)"),
    }
    back = Back({"cust": Made(sql="(SELECT id FROM people WHERE people.name = name)"), "plain": Made(column="name")})
    found = [
        (each.steps, each.message.partition(":")[0]) for each in inspect_lookups(Mapping("m", source, TARGET, columns, back))
    ]
    assert found == [
        (("from", "where"), "looks into orders"),
        (("columns", "name", "sql"), "looks into customer"),
        (("columns", "name", "sql"), "looks into country"),
        (("back", "columns", "cust", "sql"), "looks into people"),
    ]
