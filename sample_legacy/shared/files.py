"""Files in both directions: an upload that is hashed on its way, and a table that is streamed as CSV."""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import StreamingResponse

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """What is kept of an upload: everything but the bytes."""

    name: str
    content_type: str
    size: int
    sha256: str


async def receive(request: Request) -> Received:
    """Hash the form field ``file``; larger ones wait on disk, never in memory."""
    async with request.form(max_files=1, max_fields=20) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise HTTPException(400, "Send multipart/form-data with a file in the field 'file'")
        digest, size = hashlib.sha256(), 0
        while chunk := await file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
        return Received(_plain(file.filename or "unnamed", 200), _plain(file.content_type or "", 120), size, digest.hexdigest())


def csv_download(name: str, head: tuple[str, ...], chunks: Iterable[Iterable[tuple[object, ...]]]) -> StreamingResponse:
    """Rows as they come, chunk by chunk."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_lines(head, chunks), 200, headers, "text/csv")


def _lines(head: tuple[str, ...], chunks: Iterable[Iterable[tuple[object, ...]]]) -> Iterator[str]:
    yield _csv([head])
    for rows in chunks:
        yield _csv(rows)


def _csv(rows: Iterable[tuple[object, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _plain(text: str, length: int) -> str:
    return "".join(each for each in text if each.isprintable())[:length]
