"""What stands in a table of events, as the outbox reads it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pymysql
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from reconcile.databases.database import opened
from reconcile.outbox.shape import look


def driver(url):
    """An address for SQLAlchemy, as an application would write it."""
    return url.replace("postgresql://", "postgresql+psycopg://").replace("mariadb://", "mysql+pymysql://")


@contextmanager
def plain(url) -> Iterator[Any]:
    """A connection of the driver's, which the application commits."""
    where = make_url(url)
    if where.get_backend_name() == "sqlite":
        connection = sqlite3.connect(where.database)
    elif where.get_backend_name() == "postgresql":
        connection = psycopg.connect(url.replace("+psycopg", ""))
    else:
        place = {"host": where.host, "port": where.port, "unix_socket": where.query.get("unix_socket")}
        connection = pymysql.connect(**place, user=where.username, password=where.password or "", database=where.database)
    try:
        yield connection
    finally:
        connection.close()


def entered(place, way):
    """A database (its `engine` and its `url`) by one of the ways that an application may have into it."""
    ways = {"session": lambda: Session(place.engine), "connection": place.engine.connect, "plain": lambda: plain(place.url)}
    return ways[way]()


def events(addresses, section):
    """Every part of every event that waits, in order."""
    with opened(addresses, section.database) as (database,):
        shape = look(database, section)
        parts = [expression.label(f"p_{name}") for name, expression in shape.parts.items()]
        query = select(*parts).select_from(shape.table).where(shape.waiting).order_by(shape.order)
        with database.reading() as connection:
            found = connection.execute(query).mappings().all()
    return [{name[2:]: value for name, value in row.items()} for row in found]
