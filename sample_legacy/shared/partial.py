"""Which bytes a Range header asks for (RFC 9110, section 14); pure."""

import re

NOT_SATISFIABLE = range(0)


def requested_range(header: str | None, condition: str | None, etag: str, size: int) -> range | None:
    """The part, NOT_SATISFIABLE, or None for the whole.

    The whole is also the answer to several ranges, to nonsense, and where If-Range names another version: all allowed.
    """
    match = re.fullmatch(r"bytes=([0-9]{0,15})-([0-9]{0,15})", (header or "").strip())
    if match is None or match[0] == "bytes=-" or (condition is not None and condition != etag):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    part = range(int(first), min(int(last) + 1 if last else size, size))
    return part if len(part) else NOT_SATISFIABLE
