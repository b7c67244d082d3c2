"""A whole row, with columns that no mapping names and types that few do, is put back exactly as it was, on every dialect."""

import pytest
from sqlalchemy import text

from reconcile.databases.database import opened
from reconcile.databases.pair import opened_pair
from reconcile.mapping.model import Column, Mapping, Plan, Source, Target
from reconcile.mapping.model import Database as Address
from reconcile.repairing import exact
from reconcile.repairing.whole import whole

SQLITE = (
    """CREATE TABLE "the things" (id INTEGER PRIMARY KEY, a, b, "c d", e REAL, f TEXT GENERATED ALWAYS AS (id || 'x'))""",
    """INSERT INTO "the things" (id, a, b, "c d", e)
       VALUES (1, 'text', x'00ff', 9223372036854775807, 0.1), (2, 1, 1.0, NULL, 1e300), (3, '', 'NULL', '🚲', -0.0)""",
    """SELECT *, typeof(a), typeof(b), typeof("c d"), hex(b) FROM "the things" ORDER BY id""",
)
POSTGRESQL = (
    """CREATE TYPE mood AS ENUM ('sad', 'ok')""",
    """CREATE TABLE "the things" (id bigint PRIMARY KEY, a numeric, b double precision, c real, d timestamptz, e interval,
       f bytea, g jsonb, h json, i text[], j mood, k char(5), l uuid, m boolean, n inet, o timestamp, p numeric(10,2)[],
       q bit(3), r date, s text GENERATED ALWAYS AS (k || 'x') STORED)""",
    r"""INSERT INTO "the things" VALUES (1, 'NaN', 'Infinity', 0.1, 'infinity', 'P1Y2M3DT4.000005S', '\x00ff',
        '{"b": 1.0, "a": null}', '{"b":1, "a":1e5}', '{a,NULL,"NULL","\""}', 'ok', 'ab',
        '00000000-0000-0000-0000-000000000001', true, '10.0.0.1/8', '2024-02-29 23:59:59.999999', '{1.10,NULL}', '101',
        '4000-01-01')""",
    """INSERT INTO "the things" (id, a, b, c, d) VALUES (2, 1.10, 0.1, 16777217, '2024-10-27 01:30:00+02'),
       (3, 12345678901234567890.123456789012345678901, -0.0, NULL, NULL)""",
    """SELECT t::text FROM "the things" t ORDER BY id""",
)
MARIADB = (
    """CREATE TABLE `the things` (id bigint unsigned PRIMARY KEY, a decimal(40,20), b double, c float, d datetime(6),
       e timestamp(3) NULL, f varbinary(20), g json, h bit(3), i time(6), j enum('sad','ok'), k year, l binary(4), m date,
       n text character set latin1, o tinyint(1), p set('a','b'), q longblob, r varchar(30) AS (concat(id, 'x')) STORED)""",
    """INSERT INTO `the things` (id, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q) VALUES (18446744073709551615,
       12345678901234567890.12345678901234567890, 0.1, 16777217, '2024-02-29 23:59:59.999999', '2024-10-27 01:30:00.123',
       x'00ff', '{"b": 1.0}', b'101', '-838:59:58.000001', 'ok', 2024, 'ab', '0000-00-00', 'é', 2, 'a,b', x'fffe')""",
    """INSERT INTO `the things` (id, b, c, f, i, n, p, q) VALUES (2, 1e300, 0.1, '', '00:00:00', '', '', '')""",
    """INSERT INTO `the things` (id, a, b, c, d) VALUES (3, 0, 5e-324, 1.17549435e-38, '0000-00-00 00:00:00')""",
    """SELECT id, a, b, c + 0e0, CAST(d AS char), CAST(e AS char), hex(f), g, h + 0, CAST(i AS char), j, k, hex(l),
       CAST(m AS char), hex(n), o, p, hex(q), r FROM `the things` ORDER BY id""",
)
TABLES = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mariadb": MARIADB}


@pytest.fixture
def pair(fresh, dialect):
    url = fresh(dialect)
    with opened({"x": Address(url)}, "x") as (database,), database.writing() as connection:
        for statement in TABLES[dialect][:-1]:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("CREATE TABLE thing (id bigint PRIMARY KEY)")
    mapping = Mapping("things", Source("x", ("id",), "thing"), Target("x", "the things", ("id",)), {"id": Column("id")})
    with opened_pair(Plan({"x": Address(url)}, (mapping,)), "things") as found:
        yield found


def dump(pair, dialect):
    with pair.target.database.reading() as connection:
        return [tuple(map(repr, row)) for row in connection.execute(text(TABLES[dialect][-1].replace(":", r"\:")))]


def test_rows_that_were_deleted_come_back_exactly(pair, dialect):
    before = dump(pair, dialect)
    assert len(before) == 3
    with pair.target.database.writing() as connection:
        table = whole(connection, pair)
        rows = table.rows(connection, [(1,), (2,), (3,), (18446744073709551615,), (99,)])
        assert len(rows) == 3
        kept = {key: exact.write(row) for key, row in rows.items()}
        for key in rows:
            table.restore(connection, key, rows[key], None)
        assert table.rows(connection, list(rows)) == {}
        for key, row in kept.items():
            table.restore(connection, key, None, exact.read(row))
        again = table.rows(connection, list(rows))
        assert {key: exact.fingerprint(row) for key, row in again.items()} == {
            key: exact.fingerprint(row) for key, row in rows.items()
        }
    assert dump(pair, dialect) == before


def test_rows_that_were_changed_come_back_exactly(pair, dialect):
    before = dump(pair, dialect)
    with pair.target.database.writing() as connection:
        table = whole(connection, pair)
        rows = table.rows(connection, [(2,), (3,)])
        (third,) = (row for key, row in rows.items() if key == (3,))
        table.restore(connection, (2,), rows[(2,)], {**third, "id": rows[(2,)]["id"]})
        now = table.rows(connection, [(2,)])[(2,)]
        assert exact.fingerprint(now) != exact.fingerprint(rows[(2,)])
        table.restore(connection, (2,), now, exact.read(exact.write(rows[(2,)])))
    assert dump(pair, dialect) == before
