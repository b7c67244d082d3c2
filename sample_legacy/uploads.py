"""Uploads: what was sent, without the bytes."""

from sqlalchemy import Connection, text

from sample_legacy.shared import database, moments
from sample_legacy.shared.answers import Document, found
from sample_legacy.shared.files import Received
from sample_legacy.shop import Shop


def keep(shop: Shop, received: Received) -> Document:
    """Note an upload down."""
    number = database.write(shop.engine, lambda connection: _insert(connection, shop, received))
    return found(detail(shop, number), "upload")


def detail(shop: Shop, number: int) -> Document | None:
    """What was noted down."""
    row = shop.row("SELECT no, fname, ctype, size, sha, created FROM upload WHERE no = :no", no=number)
    return row and {
        "id": row.no,
        "filename": row.fname,
        "content_type": row.ctype,
        "size": row.size,
        "sha256": row.sha,
        "created_at": moments.local_to_utc(row.created),
    }


def _insert(connection: Connection, shop: Shop, received: Received) -> int:
    number: int = connection.execute(
        text(
            "INSERT INTO upload (no, fname, ctype, size, sha, created)"
            " SELECT COALESCE(MAX(no), 0) + 1, :fname, :ctype, :size, :sha, :created FROM upload RETURNING no"
        ),
        {
            "fname": received.name,
            "ctype": received.content_type,
            "size": received.size,
            "sha": received.sha256,
            "created": moments.local_text(shop.clock()),
        },
    ).scalar_one()
    return number
