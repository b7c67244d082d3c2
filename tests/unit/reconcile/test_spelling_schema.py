"""What is read of a live schema, alike on three dialects."""

import pytest
from sqlalchemy import text

from reconcile.databases.catalogue import Reference
from reconcile.databases.database import opened
from reconcile.databases.schema import read
from reconcile.mapping.model import Database as Address

TABLES = """
    CREATE TABLE "Order Lines" (
        "select" INTEGER NOT NULL, "Line No" INTEGER NOT NULL, note VARCHAR(20), PRIMARY KEY ("select", "Line No")
    );
    CREATE TABLE child (
        id INTEGER PRIMARY KEY, a INTEGER NOT NULL, b INTEGER, code VARCHAR(10) NOT NULL UNIQUE,
        filled INTEGER NOT NULL DEFAULT 1, doubled INTEGER GENERATED ALWAYS AS (id * 2) STORED,
        CONSTRAINT c1 FOREIGN KEY (a, b) REFERENCES "Order Lines" ("select", "Line No") ON DELETE CASCADE ON UPDATE CASCADE,
        CONSTRAINT c2 FOREIGN KEY (b) REFERENCES child (id) ON DELETE SET NULL
    );
    CREATE INDEX by_b ON child (b, a);
"""
TRIGGERS = {
    "sqlite": "CREATE TRIGGER seen AFTER INSERT ON child BEGIN SELECT 1; END",
    "postgresql": """
        CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER seen AFTER INSERT ON child FOR EACH ROW EXECUTE FUNCTION seen();
        CREATE TRIGGER once AFTER INSERT ON child FOR EACH STATEMENT EXECUTE FUNCTION seen()
    """,
    "mariadb": "CREATE TRIGGER seen AFTER INSERT ON child FOR EACH ROW SET @seen = 1",
}


@pytest.fixture
def database(fresh, dialect):
    with opened({"it": Address(fresh(dialect))}, "it") as (found,):
        with found.writing() as connection:
            statements = TABLES.replace('"', "`") if dialect == "mariadb" else TABLES
            for statement in filter(str.strip, statements.split(";")):
                connection.execute(text(statement))
            connection.exec_driver_sql(TRIGGERS[dialect])
        yield found


def test_columns_keys_references_and_triggers_are_read_alike(database):
    schema = read(database, "Order Lines", "child", "nowhere")
    lines, child = schema.tables["Order Lines"], schema.tables["child"]
    assert set(schema.tables) == {"Order Lines", "child"}
    assert list(lines.columns) == ["select", "Line No", "note"]
    assert ("select", "Line No") in lines.unique
    assert ("code",) in child.unique
    assert ("id",) in child.unique
    assert ("b", "a") in child.indexes
    assert ("b", "a") not in child.unique
    assert [name for name, column in child.columns.items() if column.nullable and name != "id"] == ["b", "doubled"]
    assert {name for name, column in child.columns.items() if column.filled} >= {"filled", "doubled"}
    assert [name for name, column in child.columns.items() if column.computed] == ["doubled"]
    assert lines.followers == ("child",)
    assert child.followers == ("child",)
    expected = Reference("child", ("a", "b"), "Order Lines", ("select", "Line No"), "CASCADE", "CASCADE")
    assert lines.children == (expected,)
    assert expected in child.parents
    assert {reference.parent for reference in child.parents} == {"Order Lines", "child"}
    assert child.triggers == ("seen",)
    assert child.columns["code"].collation


def test_a_partial_index_keeps_nothing_unique(fresh):
    for dialect in ("sqlite", "postgresql"):
        with opened({"it": Address(fresh(dialect))}, "it") as (found,):
            with found.writing() as connection:
                connection.execute(text("CREATE TABLE t (a INTEGER)"))
                connection.execute(text("CREATE UNIQUE INDEX partial ON t (a) WHERE a > 0"))
            assert read(found, "t").tables["t"].unique == ()
            assert read(found, "t").tables["t"].indexes == ()
