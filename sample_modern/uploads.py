"""Uploads: what was sent, without the bytes."""

from sqlalchemy import Connection, func, insert, literal, select

from sample_legacy.shared import database, moments
from sample_legacy.shared.answers import Document, found
from sample_legacy.shared.files import Received
from sample_modern.schema import uploads
from sample_modern.shop import Shop


def keep(shop: Shop, received: Received) -> Document:
    """Note an upload down."""
    number = database.write(shop.engine, lambda connection: _insert(connection, shop, received))
    return found(detail(shop, number), "upload")


def detail(shop: Shop, number: int) -> Document | None:
    """What was noted down."""
    row = shop.row(select(uploads).where(uploads.c.id == number))
    return row and {
        "id": row.id,
        "filename": row.file_name,
        "content_type": row.content_type,
        "size": row.size_bytes,
        "sha256": row.sha256,
        "created_at": row.created_at,
    }


def _insert(connection: Connection, shop: Shop, received: Received) -> int:
    values = {
        uploads.c.file_name: received.name,
        uploads.c.content_type: received.content_type,
        uploads.c.size_bytes: received.size,
        uploads.c.sha256: received.sha256,
        uploads.c.created_at: moments.utc_text(shop.clock()),
    }
    following = select(func.coalesce(func.max(uploads.c.id), 0) + 1, *(literal(value) for value in values.values()))
    statement = insert(uploads).from_select([uploads.c.id, *values], following).returning(uploads.c.id)
    number: int = connection.execute(statement).scalar_one()
    return number
