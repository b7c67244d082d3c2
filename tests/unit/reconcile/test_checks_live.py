"""`check` against live databases: every problem at its line and column, grants asked of the server, and nothing written."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

import reconcile
from reconcile.checking.walking import unserved
from reconcile.databases.database import opened
from reconcile.databases.schema import read
from reconcile.mapping.model import Database as Address
from tests.unit.reconcile.test_pairs import Place

TABLES = {
    "old": (
        "CREATE TABLE customer (no INTEGER PRIMARY KEY, mail VARCHAR(40), st VARCHAR(1) NOT NULL, deleted INTEGER NOT NULL)",
        "CREATE TABLE orders (no INTEGER PRIMARY KEY, cust INTEGER NOT NULL)",
        "CREATE TABLE line (order_no INTEGER NOT NULL, pos INTEGER NOT NULL, PRIMARY KEY (order_no, pos))",
    ),
    "new": (
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, email VARCHAR(40), status VARCHAR(10))",
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers (id), total BIGINT)",
    ),
}
MAPPINGS = """\
version: 1
databases:
  old: 'OLD'
  new: 'NEW'
mappings:
  - name: customers
    from: {database: old, table: customer, key: no, where: "deleted = 0"}
    to: {database: new, table: customers, key: id}
    columns:
      id: no
      email: mail
      status: {column: st, map: {A: active, I: inactive}}
    back:
      columns: {mail: email, st: {column: status, map: {active: A, inactive: I}}}
      defaults: {deleted: 0}
      delete: {set: {deleted: 1}}
  - name: orders
    from:
      database: old
      query: SELECT o.no, o.cust, count(l.pos) AS total FROM orders o LEFT JOIN line l ON l.order_no = o.no GROUP BY o.no, o.cust
      key: no
      captured_from: {orders: no, line: order_no}
    to: {database: new, table: orders, key: id}
    columns: {id: no, customer: cust, total: total}
schedule: {sweep: "0 3 * * *"}
"""


@pytest.fixture
def place(tmp_path, fresh, dialect):
    found = Place(tmp_path, fresh(dialect), fresh(dialect))
    for name, statements in TABLES.items():
        found.run(name, *statements)
    write(found, MAPPINGS)
    return found


def write(place: Place, words: str) -> None:
    place.file.write_text(words.replace("OLD", place.addresses["old"]).replace("NEW", place.addresses["new"]), "utf-8")


def problems(place: Place) -> list[tuple[int, int, str, str]]:
    """All but that the tests' own servers are set to be quick rather than safe."""
    found = [each for each in reconcile.check(place.file, {}) if not ("a crash may take back" in each.message and each.warning)]
    return [(each.line, each.column, each.path, each.message) for each in found]


def test_a_file_that_fits_has_no_problems_and_is_two_way_where_it_can(place):
    assert problems(place) == []
    found = reconcile.examine(place.file, {}).ways
    assert found["customers"] == (True, ())
    assert found["orders"][0] is False


def test_examining_says_both_and_why_not(place):
    found = reconcile.examine(place.file, {})
    assert found.problems == reconcile.check(place.file, {})
    assert found.ways["orders"] == (False, ("it reads a query, and nobody can tell where rows of a query go",))
    assert found.refused == {"orders"}


def test_what_a_crash_may_take_back_is_a_warning_where_the_database_is_named(place, servers, dialect):
    if dialect != "sqlite" and servers[dialect].folder is None:
        pytest.skip("a server of our own is set to be quick rather than safe")
    said = {"postgresql": "fsync is off", "mariadb": "innodb_flush_log_at_trx_commit is 2"}
    found = [each for each in reconcile.check(place.file, {}) if "a crash may take back" in each.message]
    expected = [("databases.old", True), ("databases.new", True)] if dialect in said else []
    assert [(each.path, each.warning) for each in found] == expected
    assert all(each.message.startswith(said[dialect]) for each in found)


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_writers_that_do_not_wait_for_the_disk_matter_where_changes_are_copied_from(place):
    for name in ("old", "new"):
        place.run(name, f"ALTER DATABASE {make_url(place.addresses[name]).database} SET synchronous_commit = off")
    write(place, MAPPINGS[: MAPPINGS.index("    back:")] + MAPPINGS[MAPPINGS.index("  - name: orders") :])
    found = [each.path for each in reconcile.check(place.file, {}) if each.message.startswith("synchronous_commit is off")]
    assert found == ["databases.old"]


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_a_schedule_that_is_never_due_is_an_error_at_its_line(place):
    write(place, MAPPINGS.replace('{sweep: "0 3 * * *"}', '{reconcile: "0 3 31 2 *", sweep: "99 3 * * *"}'))
    found = problems(place)
    assert [each[2] for each in found] == ["schedule.reconcile", "schedule.sweep"]
    assert found[0][:2] == (25, 23)
    assert found[0][3] == "'0 3 31 2 *' is never due: there is no such day"
    assert "'99 3 * * *' is not a cron line" in found[1][3]


@pytest.mark.parametrize(
    ("dialect", "declared", "message"),
    [
        ("postgresql", "TEXT[]", 'ARRAY | {sql: "to_jsonb('),
        (
            "postgresql",
            "MONEY",
            'MONEY | {sql: "odd::numeric"}',
        ),
        ("postgresql", "INET", 'INET | {sql: "odd::text"}'),
        ("mariadb", "FLOAT", 'FLOAT | {sql: "odd + 0e0"}'),
    ],
)
def test_a_type_that_cannot_be_copied_is_an_error_with_what_to_write_instead(place, dialect, declared, message):
    place.run("old", f"ALTER TABLE customer ADD COLUMN odd {declared}")
    place.run("new", "ALTER TABLE customers ADD COLUMN odd VARCHAR(20)")
    with_it = MAPPINGS.replace("      email: mail\n", "      email: mail\n      odd: odd\n")
    write(place, with_it)
    (found,) = [each for each in problems(place) if each[2] == "mappings[0].columns.odd"]
    type_, _, instead = message.partition(" | ")
    assert f"customer.odd is {type_}, which cannot be read as it is: write an expression instead, such as {instead}" in found[3]
    expression = found[3].partition('{sql: "')[2].rpartition('"}')[0]
    write(place, with_it.replace("odd: odd", f'odd: {{sql: "{expression}"}}'))
    assert [each for each in problems(place) if each[2].startswith("mappings[0].columns.odd")] == []
    place.run("new", "ALTER TABLE customers DROP COLUMN odd", f"ALTER TABLE customers ADD COLUMN odd {declared}")
    (found,) = [each for each in problems(place) if each[2] == "mappings[0].columns.odd"]
    assert "which cannot be compared yet: leave it out, or give the column another type, such as " in found[3]


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_schema_belongs_into_the_address_and_everything_works_there(place):
    place.run("new", "CREATE SCHEMA sales", "ALTER TABLE customers SET SCHEMA sales", "ALTER TABLE orders SET SCHEMA sales")
    write(place, MAPPINGS.replace("database: new, table: ", "database: new, table: sales."))
    messages = [each[3] for each in problems(place)]
    assert [message.partition(":")[0] for message in messages] == [
        "'sales.customers' is not a table",
        "'sales.orders' is not a table",
    ]
    option = messages[0].partition("?")[2].split(" ")[0]
    address = make_url(place.addresses["new"]).render_as_string(hide_password=False)
    place.addresses["new"] = f"{address}{'&' if '?' in address else '?'}{option}"
    write(place, MAPPINGS)
    assert problems(place) == []
    plan = reconcile.load(place.file, {})
    place.run("old", "INSERT INTO customer VALUES (1, 'a@x', 'A', 0)", "INSERT INTO orders VALUES (7, 1)")
    reconcile.install_capture(plan)
    reconcile.backfill_all(plan)
    place.run("old", "INSERT INTO orders VALUES (8, 1)")
    reconcile.relay(plan, until_idle=True)
    for name, rows in (("customers", 1), ("orders", 2)):
        report = reconcile.reconcile(plan, name)
        assert (report.clean, report.new_rows) == (True, rows), list(report.lines())


def test_nothing_is_written_by_checking(place):
    def state() -> dict[str, list[str]]:
        engines = {name: create_engine(url.replace("mariadb://", "mariadb+pymysql://")) for name, url in place.addresses.items()}
        found = {name: sorted(inspect(engine).get_table_names()) for name, engine in engines.items()}
        [engine.dispose() for engine in engines.values()]
        return found

    before = state()
    problems(place)
    assert state() == before


BROKEN = [  # written, instead, line, column, path, what the message has in it
    ("email: mail\n", "email: male\n", 11, 14, "mappings[0].columns.email", "'male' is not a column of customer; did you mean"),
    (
        "table: customers,",
        "table: customer,",
        8,
        32,
        "mappings[0].to.table",
        "'customer' is not a table; did you mean 'customers'",
    ),
    ("{mail: email,", "{male: email,", 14, 23, "mappings[0].back.columns.male", "'male' is not a column of customer"),
    ("{mail: email,", "{mail: e_mail,", 14, 23, "mappings[0].back.columns.mail", "'e_mail' is not a column of customers"),
    ("{mail: email,", '{mail: {sql: "nothing + 1"},', 14, 29, "mappings[0].back.columns.mail.sql", "nothing"),
    ("{deleted: 0}", "{deletd: 0}", 15, 26, "mappings[0].back.defaults.deletd", "'deletd' is not a column of customer"),
    ("{deleted: 0}", "{deleted: no}", 15, 27, "mappings[0].back.defaults.deleted", "is not a whole number"),
    ("{set: {deleted: 1}}", "{set: {deleted: x}}", 16, 31, "mappings[0].back.delete.set.deleted", "is not a whole number"),
    ("      defaults: {deleted: 0}\n", "", 14, 16, "mappings[0].back.columns", "customer.deleted is NOT NULL without a default"),
    (
        ", st: {column: status, map: {active: A, inactive: I}}}",
        "}",
        14,
        16,
        "mappings[0].back.columns",
        "customer.st is NOT NULL",
    ),
    ("LEFT JOIN", "JOIN", 20, 14, "mappings[1].from.query", "INNER JOIN drops a row of orders"),
    ("count(l.pos)", "count(l.totl)", 20, 14, "mappings[1].from.query", "totl"),
    ("line: order_no}", "lien: order_no}", 22, 41, "mappings[1].from.captured_from.lien", "did you mean 'line'"),
    ("total: total}", "total: totl}", 24, 46, "mappings[1].columns.total", "'totl' is not a column of orders"),
    (
        "total: total}",
        "total: {python: 'gone:f', needs: [total]}}",
        24,
        55,
        "mappings[1].columns.total.python",
        "there is no gone.py",
    ),
]


@pytest.mark.parametrize(("written", "instead", "line", "column", "path", "message"), BROKEN)
@pytest.mark.parametrize("dialect", ["sqlite"])
def test_each_mistake_is_found_at_its_place(place, written, instead, line, column, path, message):
    assert MAPPINGS.count(written) == 1
    write(place, MAPPINGS.replace(written, instead))
    found = [each for each in problems(place) if each[2] == path and message in each[3]]
    assert [(each[0], each[1]) for each in found] == [(line, column)], problems(place)


def test_many_mistakes_are_said_at_once_in_the_order_of_the_file(place):
    words = MAPPINGS
    chosen = [BROKEN[index] for index in (0, 3, 5, 10, 11, 12)]
    for written, instead, *_ in chosen:
        words = words.replace(written, instead)
    write(place, words)
    found = problems(place)
    assert found == sorted(found, key=lambda each: each[:2])
    for _, _, line, column, path, message in chosen:
        assert [each for each in found if each[:3] == (line, column, path) and message in each[3]], found


def test_children_before_parents_are_found_by_the_live_foreign_keys(place):
    head, first, second, tail = MAPPINGS.partition("  - name: customers")[0], *_mappings(), 'schedule: {sweep: "0 3 * * *"}\n'
    write(place, head + second + first + tail)
    (found,) = problems(place)
    assert found[2:] == (
        "mappings[0].to.table",
        "rows of orders refer to customers, which mapping 'customers' writes later: put 'customers' before 'orders'",
    )


def _mappings() -> tuple[str, str]:
    body = MAPPINGS[MAPPINGS.index("  - name: customers") : MAPPINGS.index("schedule:")]
    at = body.index("  - name: orders")
    return body[:at], body[at:]


def test_what_triggers_cannot_see_is_named_where_no_sweep_is_scheduled(place, dialect):
    write(place, MAPPINGS.replace('schedule: {sweep: "0 3 * * *"}\n', ""))
    found = [(path, message) for _, _, path, message in problems(place)]
    assert bool(found) is (dialect == "mariadb")
    assert all(message.endswith("fires no trigger: let `schedule.sweep` find it") for _, message in found)


def test_an_expression_that_looks_into_another_table_is_named_where_no_sweep_is_scheduled(place):
    looking = MAPPINGS.replace('where: "deleted = 0"', 'where: "deleted = 0 AND EXISTS (SELECT 1 FROM orders)"')
    for words, expected in ((looking, []), (looking.replace('schedule: {sweep: "0 3 * * *"}\n', ""), ["mappings[0].from.where"])):
        write(place, words)
        found = [(path, message) for _, _, path, message in problems(place) if "looks into" in message]
        assert [path for path, _ in found] == expected
        assert all(message.startswith("looks into orders: ") and message.endswith("find it") for _, message in found)


@pytest.mark.parametrize(("where", "expected"), [("deleted = 0", 0), ("deleted < 2", 1), ("no > 0 AND deleted IN (0, 1)", 1)])
def test_a_row_that_is_marked_as_deleted_and_let_in_all_the_same_is_found(place, where, expected):
    place.run("old", "INSERT INTO customer (no, mail, st, deleted) VALUES (1, 'a@b', 'A', 0)")
    write(place, MAPPINGS.replace("deleted = 0", where))
    found = [path for _, _, path, message in problems(place) if "would still be there" in message]
    assert found == ["mappings[0].back.delete"] * expected


def test_a_deletion_that_only_marks_a_row_which_nothing_leaves_out_is_not_two_way(place):
    write(place, MAPPINGS.replace(', where: "deleted = 0"', ""))
    assert [path for _, _, path, message in problems(place) if "no `from.where` leaves such rows out" in message] == [
        "mappings[0].back"
    ]


def limited(place: Place, servers, dialect: str, name: str, *grants: str) -> str:
    """The address of a database as a user sees it who may do no more than the grants say."""
    user, url = f"u_{make_url(place.addresses[name]).database}", make_url(place.addresses[name])
    who = f"'{user}'@'%'" if dialect == "mariadb" else user
    place.run(name, f"CREATE USER {who} {'IDENTIFIED BY' if dialect == 'mariadb' else 'PASSWORD'} 'pass-word'")
    place.run(name, *(grant.format(who=who) for grant in grants))
    return url.set(username=user, password="pass-word").render_as_string(hide_password=False)


@pytest.fixture
def forget(place, dialect):
    yield
    for name in place.addresses:
        user = f"u_{make_url(place.addresses[name]).database}"
        if dialect == "mariadb":
            place.run(name, f"DROP USER IF EXISTS '{user}'@'%'")
        elif dialect == "postgresql":
            place.run(
                name,
                f"DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{user}') THEN "
                f'DROP OWNED BY "{user}"; DROP ROLE "{user}"; END IF; END $$',
            )


@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_a_missing_grant_is_named_as_the_statement_that_gives_it(place, servers, dialect, forget, tmp_path: Path):
    old = limited(
        place, servers, dialect, "old", *(f"GRANT SELECT ON {table} TO {{who}}" for table in ("customer", "orders", "line"))
    )
    new = limited(place, servers, dialect, "new", "GRANT SELECT, INSERT ON customers TO {who}", "GRANT SELECT ON orders TO {who}")
    place.file.write_text(MAPPINGS.replace("OLD", old).replace("NEW", new))
    found = [(each.path, each.warning, each.message) for each in reconcile.check(place.file, {})]
    errors = [(path, message) for path, warning, message in found if not warning]
    assert [path for path, _ in errors] == ["mappings[0].to.table", "mappings[1].to.table"]
    assert " may not UPDATE, DELETE customers, for backfill, relay and repair: GRANT UPDATE, DELETE ON " in errors[0][1]
    assert " may not INSERT, UPDATE, DELETE orders" in errors[1][1]
    warnings = {path for path, warning, _ in found if warning}
    assert warnings == {
        "databases.old",
        "databases.new",
        "mappings[0].from.table",
        "mappings[0].back",
        "mappings[1].from.captured_from",
    }
    assert not any("pass-word" in message for *_, message in found)
    for name in ("old", "new"):
        for *_, message in found:
            statement = message.rpartition(": ")[2]
            if f"u_{make_url(place.addresses[name]).database}" in statement:
                place.run(name, statement)
    assert problems(place) == []


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_a_database_that_takes_no_writes_is_an_error(place, dialect):
    database = make_url(place.addresses["new"]).database
    place.run("new", f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    (found,) = problems(place)
    assert found[:3] == (4, 8, "databases.new")
    assert "takes no writes from us" in found[3]


@pytest.mark.parametrize("dialect", ["mariadb"])
def test_a_source_that_follows_another_is_an_error(place, servers, dialect):
    if servers["mariadb"].folder is None:
        pytest.skip("a server of our own is set to read only")
    engine = create_engine(servers["mariadb"].url.replace("mariadb://", "mariadb+pymysql://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("SET GLOBAL read_only = 1"))
        try:
            found = problems(place)
        finally:
            connection.execute(text("SET GLOBAL read_only = 0"))
    engine.dispose()
    assert [each[:3] for each in found] == [(3, 8, "databases.old"), (4, 8, "databases.new")]
    assert "is a standby or takes no writes: rows it does not have yet look like deletions" in found[0][3]


@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_a_large_table_with_text_keys_wants_an_index_in_the_order_it_is_walked(place, dialect):
    declared = 'VARCHAR(9) COLLATE "und-x-icu"' if dialect == "postgresql" else "VARCHAR(9)"
    place.run(
        "old",
        f"CREATE TABLE thing (k {declared} PRIMARY KEY)",
        "INSERT INTO thing VALUES ('a'), ('b')",
        f"ANALYZE {'TABLE' * (dialect == 'mariadb')} thing",
    )
    with opened({"old": Address(place.addresses["old"])}, "old") as (old,):
        live = read(old, "thing").tables["thing"]
        assert list(unserved(("from", "key"), old, live, ("k",))) == []
        (found,) = unserved(("from", "key"), old, live, ("k",), large=2)
        assert found.warning
        assert "k is sorted otherwise, so each sorts about 2 rows" in found.message
        if dialect == "postgresql":
            place.run("old", found.message.rpartition(": ")[2].replace("CONCURRENTLY ", ""))
            assert list(unserved(("from", "key"), old, live, ("k",), large=2)) == []
