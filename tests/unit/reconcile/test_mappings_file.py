"""Reading mappings.yaml: what is right becomes a plan, what is wrong is all said at once, with its place."""

from pathlib import Path

import pytest

import reconcile
from reconcile.mapping.model import Behind, Throttle
from strangler.core.errors import ConfigError

DESIGN = """\
version: 1
databases: {old: "sqlite:///legacy.db", new: "postgresql+psycopg://shop:${PASSWORD}@db/shop"}
state: new
mappings:
  - name: customers
    from: {database: old, table: customer, key: cust_no, where: "deleted = 0"}
    to:   {database: new, table: customers, key: id, where: "source = 'shop'"}
    columns:
      id: cust_no
      source: {value: shop}
      email: {sql: "lower(trim(email_addr))"}
      status: {column: st, map: {A: active, I: inactive, null: ~}}
      created_at: {column: created, convert: epoch_seconds}
      segment: {python: "my_mappings:segment", needs: [points, tier]}
    back:
      columns: {email_addr: email, st: {column: status, map: {active: A, inactive: I}}}
      defaults: {branch: 1}
      delete: {set: {deleted: 1}}
    one_way: accepted
  - name: orders
    from: {database: old, query: "SELECT o.no FROM orders o", key: no, captured_from: {orders: no, order_line: order_no}}
    to: {database: new, table: orders, key: id}
    columns: {id: no}
    empty: accepted
outbox:
  database: old
  table: outbox_events
  sinks:
    - {name: billing, http: {url: "https://billing/events", secret: "${SECRET}"}, types: ["order.*"], from: now}
    - {name: bus, nats: {servers: "nats://bus", subject: "shop.{type}"}}
schedule: {reconcile: "0 3 * * *", sweep: "*/15 4 * * 0"}
throttle: {rows_per_second: 2000, behind: {database: new, sql: "SELECT 1", above: 2.5}}
stuck_after: 10m
"""
ENVIRON = {"PASSWORD": "hunter2", "SECRET": "whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}

SMALL = """\
version: 1
databases: {old: "sqlite:///o.db", new: "sqlite:///n.db"}
mappings:
  - name: a
    from: {database: old, table: t, key: k}
    to: {database: new, table: u, key: id}
    columns: {id: k, x: COLUMN}
"""


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, environ: dict[str, str] | None = None):
        file = tmp_path / "mappings.yaml"
        file.write_text(text, "utf-8")
        return reconcile.load(file, environ or {})

    return read


def problems(read, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [f"{each.line}: {each.path}: {each.message}" for each in caught.value.problems]


def test_everything_that_the_design_shows_is_read(read):
    plan = read(DESIGN, ENVIRON)
    customers, orders = plan.mappings
    assert plan.databases["new"].url == "postgresql+psycopg://shop:hunter2@db/shop"
    assert customers.source.key == ("cust_no",)
    assert customers.columns["status"].values == {"A": "active", "I": "inactive", None: None}
    assert customers.columns["source"].constant == "shop"
    assert customers.back is not None
    assert customers.back.delete is not None
    assert customers.back.delete.set == {"deleted": "1"}
    assert customers.one_way == "accepted"
    assert orders.source.captured_from == {"orders": ("no",), "order_line": ("order_no",)}
    assert plan.outbox is not None
    assert [sink.name for sink in plan.outbox.sinks] == ["billing", "bus"]
    assert plan.outbox.sinks[0].start == "now"
    assert plan.schedule is not None
    assert plan.schedule.sweep == "*/15 4 * * 0"
    assert plan.throttle == Throttle(2000.0, Behind("new", "SELECT 1", 2.5))
    assert plan.stuck_after == 600.0
    assert (orders.empty, customers.empty) == ("accepted", None)


def test_no_secret_is_in_the_plans_own_words(read):
    assert not any(secret in repr(read(DESIGN, ENVIRON)) for secret in ENVIRON.values())


def test_the_names_are_known_whatever_else_is_wrong(tmp_path: Path):
    file = tmp_path / "mappings.yaml"
    file.write_text(DESIGN.replace("version: 1", "version: 9"), "utf-8")
    assert reconcile.mapping_names(file) == ("customers", "orders")


def test_the_worked_example_is_right():
    assert reconcile.mapping_names("mappings.yaml")[0] == "customers"
    assert reconcile.load("mappings.yaml", {"NEW_DATABASE": "sqlite:///x.db"}).databases["new"].url == "sqlite:///x.db"


@pytest.mark.parametrize(
    ("written", "instead", "expected"),
    [
        (
            "COLUMN}",
            "c}\nthrottle: {behind: {database: nwe, sql: '1', above: 2}}",
            "8: throttle.behind.database: 'nwe' is not one of `databases`; did you mean 'new'?",
        ),
        ("COLUMN}", "c}\nstuck_after: 300", "8: stuck_after: 300 has no unit: write 300s"),
        ("COLUMN}", "c}\n    empty: yes", "8: mappings[0].empty: "),
        ("table: t, key: k", "tabel: t, key: k", "5: mappings[0].from.tabel: unknown key; did you mean 'table'?"),
        ("table: t, key: k", "table: t", "5: mappings[0].from: `key` is missing"),
        ("table: t, key: k", "key: k", "5: mappings[0].from: needs exactly one of `table` and `query`"),
        ("table: t, key: k", "table: t, query: q, key: k", "5: mappings[0].from: needs exactly one of"),
        ("table: t, key: k", "query: q, key: k", "5: mappings[0].from: `captured_from` is missing"),
        ("table: t, key: k", "table: t, key: [k, j]", "6: mappings[0].to.key: has 1 columns, from.key has 2"),
        ("id: k,", "id: j,", "6: mappings[0].to.key: 'id' must take the old key unchanged: write `id: k`"),
        ("id: k,", "id: {column: k, convert: cents},", "6: mappings[0].to.key: 'id' must take the old key"),
        ("id: k,", "", "6: mappings[0].to.key: 'id' must take the old key unchanged"),
        ("database: new", "database: nwe", "6: mappings[0].to.database: 'nwe' is not one of `databases`; did you mean 'new'?"),
        ("COLUMN", "{column: c, sql: s}", "7: mappings[0].columns.x: has column and sql: write exactly one of"),
        ("COLUMN", "{map: {a: b}}", "7: mappings[0].columns.x: has no value: write exactly one of"),
        ("COLUMN", "{column: c, map: {a: b}, convert: cents}", "7: mappings[0].columns.x: write `map` or `convert`, not both"),
        ("COLUMN", "{value: c, convert: cents}", "7: mappings[0].columns.x: `map` and `convert` follow"),
        ("COLUMN", "{column: c, convert: local_time}", "7: mappings[0].columns.x.convert: `local_time` needs a zone"),
        ("COLUMN", "{column: c, zone: UTC}", "7: mappings[0].columns.x.zone: belongs to `convert: local_time`"),
        ("COLUMN", "{column: c, convert: local_time, zone: ../x}", "7: mappings[0].columns.x.zone: '../x' is not a time zone"),
        ("COLUMN", "{column: c, convert: cent}", "7: mappings[0].columns.x.convert: 'cent' is not one of"),
        ("COLUMN", "{column: c, map: {a: b, a: c}}", "7: mappings[0].columns.x.map.a: stands twice"),
        ("COLUMN}", "c}\n    emit: a.changed", "8: mappings[0].emit: needs an `outbox` in this file, with the sinks"),
        (
            "table: t, key: k}",
            "query: q, key: k, captured_from: {t: k}}\n    emit: a",
            "6: mappings[0].emit: needs `from.table`: of a query nobody can tell what a row was before",
        ),
        ("COLUMN", "{python: 'm:f'}", "7: mappings[0].columns.x: `python` and `needs` go together"),
        (
            "table: t, key: k",
            "query: q, key: [k, j], captured_from: {t: [k, j], s: k}",
            "5: mappings[0].from.captured_from.s: names 1 columns, from.key has 2: name those that carry it, in its order",
        ),
        (
            "table: t, key: k}",
            "query: q, key: k, captured_from: {t: k}}\n    back: {columns: {c: x}}",
            "6: mappings[0].back: needs `from.table`: nobody can tell where rows of a query go",
        ),
        (
            "COLUMN}",
            "c}\n    back: {columns: {k: x}}",
            "8: mappings[0].back.columns.k: is the key, and must take the new one unch",
        ),
        (
            "COLUMN}",
            "c}\n    back: {columns: {c: x}, defaults: {c: 1}}",
            "8: mappings[0].back.defaults.c: stands under `columns`",
        ),
        ("COLUMN}", "c}\n    back: {columns: {c: {sql: ' '}}}", "8: mappings[0].back.columns.c.sql: is empty"),
        ("COLUMN}", "c}\n    back: {columns: {c: x}, delete: {}}", "8: mappings[0].back.delete: `set` is missing"),
        ("COLUMN}", "c}\n    back: {defaults: {c: x}}", "8: mappings[0].back: `columns` is missing"),
        (
            "COLUMN}",
            "{python: 'm.f', needs: [c]}}",
            "7: mappings[0].columns.x.python: 'm.f' is not a Python function: write MODULE:FU",
        ),
        ("version: 1", "version: 2", "1: version: '2' is not a version this reader knows: write 1"),
        ("sqlite:///o.db", "o.db", "2: databases.old: is not a database address"),
        ("sqlite:///o.db", "${NOWHERE}", "2: databases.old: the environment variable NOWHERE is not set"),
        ("version: 1", "version: 1\nstate: old2", "2: state: 'old2' is not one of `databases`; did you mean 'old'?"),
        ("version: 1", "version: 1\nschedule: {sweep: daily}", "2: schedule.sweep: 'daily' is not a cron line"),
    ],
)
def test_each_mistake_is_said_at_its_place(read, written: str, instead: str, expected: str):
    text = SMALL.replace(written, instead).replace("COLUMN", "c")
    assert [each for each in problems(read, text) if each.startswith(expected)], problems(read, text)


def test_all_mistakes_are_said_at_once(read):
    text = DESIGN.replace("cents", "cent").replace("state: new", "state: nwe").replace("convert: epoch_seconds", "convert: epoch")
    assert [each.split(":")[0] for each in problems(read, text)] == ["2", "3", "13", "29"]  # both ${…} are not set


def test_a_file_with_many_mistakes_names_each_by_line_and_column(read):
    text = """\
version: 2
databases: {old: "sqlite:///o.db", new: nowhere}
mappings:
  - name: a
    from: {database: odl, table: t, key: [k, j]}
    to: {database: new, table: u, key: id}
    columns:
      x: {column: c, sql: s}
      y: {python: m, needs: [c]}
  - name: a
    from: {database: old, query: " ", key: k, captured_from: {t: [a, b]}}
    to: {database: new, table: v, key: id}
    columns: {id: j}
    back: {columns: {k: x}, defualts: {d: 1}}
schedule: {sweep: sometimes}
"""
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert [(each.line, each.column, each.path) for each in caught.value.problems] == [
        (1, 10, "version"),
        (2, 41, "databases.new"),
        (5, 22, "mappings[0].from.database"),
        (6, 40, "mappings[0].to.key"),
        (8, 10, "mappings[0].columns.x"),
        (9, 19, "mappings[0].columns.y.python"),
        (10, 11, "mappings[1].name"),
        (11, 34, "mappings[1].from.query"),
        (11, 66, "mappings[1].from.captured_from.t"),
        (12, 40, "mappings[1].to.key"),
        (14, 11, "mappings[1].back"),
        (14, 25, "mappings[1].back.columns.k"),
        (14, 29, "mappings[1].back.defualts"),
        (15, 19, "schedule.sweep"),
    ]


def test_two_mappings_of_one_table_must_say_which_rows_are_theirs(read):
    second = SMALL[SMALL.index("  - name") :].replace("name: a", "name: b")
    assert "else each deletes the other's" in problems(read, SMALL.replace("COLUMN", "c") + second.replace("COLUMN", "c"))[0]


def test_a_name_stands_once(read):
    second = SMALL[SMALL.index("  - name") :].replace("table: u", "table: v")
    assert problems(read, (SMALL + second).replace("COLUMN", "c")) == ["8: mappings[1].name: 'a' is already a mapping (line 4)"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"a: [", "not valid YAML"),
        (b"\xff", "not UTF-8"),
        (b"- a", "expected the file, .*found a list"),
    ],
)
def test_what_is_not_a_mappings_file_is_refused(tmp_path: Path, content: bytes, expected: str):
    file = tmp_path / "mappings.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=expected):
        reconcile.load(file, {})


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        reconcile.load(tmp_path / "nothing.yaml", {})


def test_a_secret_from_the_environment_is_not_repeated(read):
    text = SMALL.replace("sqlite:///o.db", "${URL}").replace("COLUMN", "c")
    with pytest.raises(ConfigError) as caught:
        read(text, {"URL": "hunter2"})
    assert "hunter2" not in str(caught.value)
