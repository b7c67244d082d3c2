"""What stands in a table of events, as the outbox reads it."""

from sqlalchemy import select

from reconcile.databases.database import opened
from reconcile.outbox.shape import look


def driver(url):
    """An address for SQLAlchemy, as an application would write it."""
    return url.replace("postgresql://", "postgresql+psycopg://").replace("mariadb://", "mysql+pymysql://")


def events(addresses, section):
    """Every part of every event that waits, in order."""
    with opened(addresses, section.database) as (database,):
        shape = look(database, section)
        parts = [expression.label(f"p_{name}") for name, expression in shape.parts.items()]
        query = select(*parts).select_from(shape.table).where(shape.waiting).order_by(shape.order)
        with database.reading() as connection:
            found = connection.execute(query).mappings().all()
    return [{name[2:]: value for name, value in row.items()} for row in found]
