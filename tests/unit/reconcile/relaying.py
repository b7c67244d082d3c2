"""Two databases of any dialect with families in them, captured, for tests of the relay: children refer to parents."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from textwrap import dedent

from sqlalchemy import create_engine, select, text

import reconcile
from reconcile.applying.budget import Budget
from reconcile.capturing import install
from reconcile.databases.database import opened
from reconcile.relaying.patience import Patience
from reconcile.relaying.relay import Relay
from reconcile.relaying.tables import PENDING
from strangler.core.units import Share

UNBOUNDED = Budget(rows=10**9, share=Share(1.0))
FAMILIES = """
  - name: parents
    from: {database: old, table: parent, key: id}
    to: {database: new, table: parents, key: id}
    columns: {id: id, name: name, grade: grade}
  - name: children
    from: {database: old, table: child, key: id}
    to: {database: new, table: children, key: id}
    columns: {id: id, parent_id: parent, name: name}
"""
OLD = """
    CREATE TABLE parent (id INTEGER PRIMARY KEY, name VARCHAR(40), grade VARCHAR(9));
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER, name VARCHAR(40));
"""
NEW = """
    CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(40) UNIQUE, grade INTEGER);
    CREATE TABLE children (
        id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parents (id), name VARCHAR(40),
        FOREIGN KEY (parent_id) REFERENCES parents (id)
    );
"""


class Families:
    """The two databases, and the mappings file that joins them."""

    def __init__(self, folder, old_url, new_url, mappings=FAMILIES):
        self.file = folder / "mappings.yaml"
        head = f"version: 1\ndatabases: {{old: {json.dumps(old_url)}, new: {json.dumps(new_url)}}}\nmappings:\n"
        self.file.write_text(head + mappings, "utf-8")
        self.old, self.new = _engine(old_url), _engine(new_url)
        self.run_all(self.old, OLD)
        self.run_all(self.new, NEW)
        install.install(self.plan)

    @property
    def plan(self):
        return reconcile.load(self.file, {})

    def close(self):
        self.old.dispose()
        self.new.dispose()

    def run_all(self, engine, statements):
        with engine.begin() as connection:
            for statement in dedent(statements).split(";"):
                if statement.strip():
                    connection.execute(text(statement))

    def write(self, *statements):
        """One transaction on the old side."""
        self.run_all(self.old, ";".join(statements))

    def rows(self, engine, table):
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table} ORDER BY 1"))]

    @property
    def parents(self):
        return self.rows(self.new, "parents")

    @property
    def children(self):
        return self.rows(self.new, "children")

    def waiting(self):
        """What waits on the old side: mapping and key to state."""
        with self.old.connect() as connection:
            found = connection.execute(select(PENDING.c.mapping, PENDING.c.key, PENDING.c.state))
            return {(mapping, key): state for mapping, key, state in found}

    @contextmanager
    def relay(self, *names, **options):
        options = {"patience": Patience(pause=0.0), "draw": lambda: 0.0} | options
        with Relay(self.plan, names, **options) as relay:
            yield relay

    def settle(self, **options):
        """Relay until nothing is left to do at once."""
        with self.relay(**options) as relay:
            return drain(relay)

    @contextmanager
    def database(self, name="old"):
        with opened(self.plan.databases, name) as (database,):
            yield database

    def agree(self):
        """Whether both sides hold the same facts."""
        olds = [(key, name, None if grade is None else int(grade)) for key, name, grade in self.rows(self.old, "parent")]
        return olds == self.parents and [(a, b, c) for a, b, c in self.rows(self.old, "child")] == self.children


def drain(relay, rounds=200):
    """Step until two rounds in a row find nothing; what they did, together."""
    found, idle = relay.step(), 0
    for _ in range(rounds):
        step = relay.step()
        idle = idle + 1 if step.is_idle else 0
        found += step
        if idle == 2:
            return found
    raise AssertionError("the relay does not come to rest")


def _engine(url):
    patient = {"timeout": 30} if url.startswith("sqlite") else {}
    url = url.replace("postgresql://", "postgresql+psycopg://").replace("mariadb://", "mysql+pymysql://")
    return create_engine(url, connect_args=patient)


def relay_until_killed(file, begun):
    """What a process of its own does; `begun` is set after the first round."""
    patience = Patience(lease=0.5, pause=0.02, attempts=1000, deaths=1000)
    with Relay(reconcile.load(file, {}), largest=25, patience=patience, budget=UNBOUNDED) as relay:
        relay.step()
        begun.set()
        relay.run(threading.Event())
