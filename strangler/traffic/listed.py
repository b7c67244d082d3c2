"""The items of one list somewhere in a JSON file, one at a time, however large the file is.

Whatever stands elsewhere is passed over, and nothing of it kept. An item that is deeper or has more values than anybody means
is passed over, too, and told; one that is too large for memory ends the reading, since a parser must hold each text whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import ijson

MOST_BYTES = 64 * 2**20  # of one item, or of what stands before the first
MOST_VALUES = 200_000  # in one item
DEEPEST = 50

_CHUNK = 256 * 1024
_OPENS, _CLOSES = frozenset({"start_map", "start_array"}), frozenset({"end_map", "end_array"})
_MARK = b"\xef\xbb\xbf"


class NotJsonError(ValueError):
    """From here on nothing can be read: the reason, in words."""


class TooMuch:
    """Stands for an item that is too deep, or has too many values."""


def items(file: BinaryIO, path: tuple[str, ...], version: tuple[str, ...] = ()) -> Iterator[Any]:
    """The items of the list at `path`, names of members from the outermost on. Raises NotJsonError.

    Args:
        version: path of a text that is given as an item, too, as ``(text,)``, whether it stands before the list or behind it.
    """
    source = _Source(file)
    try:
        yield from _walk(ijson.basic_parse(source, use_float=True, buf_size=_CHUNK), path, version, source)
    except (ijson.JSONError, ValueError) as error:
        if isinstance(error, NotJsonError):
            raise
        raise NotJsonError(_reason(str(error))) from None


def _walk(events: Iterator[tuple[str, Any]], path: tuple[str, ...], version: tuple[str, ...], source: _Source) -> Iterator[Any]:
    found = False
    places: list[str] = []  # the member that is being read, of each container that is open; "" in a list
    for event, value in events:
        if event == "map_key":
            places[-1] = value
        elif event in _CLOSES:
            places.pop()
        else:
            if tuple(places) == (*path, ""):
                yield _item(event, value, events)
                source.forget()
            elif event in _OPENS:
                found = found or (event == "start_array" and tuple(places) == path)
                _refuse_depth(places)
                places.append("")
            elif version and event == "string" and tuple(places) == version:
                yield (value,)
    if not found:
        raise NotJsonError(f"it has no {'.'.join(path)}")


def _refuse_depth(places: list[str]) -> None:
    if len(places) >= DEEPEST:
        raise NotJsonError("it is nested too deeply")


def _item(event: str, value: Any, events: Iterator[tuple[str, Any]]) -> Any:
    """The value that begins with an event; its own events are taken from `events`."""
    if event not in _OPENS:
        return value
    root: Any = {} if event == "start_map" else []
    open_ones, names, number, fits = [root], [""], 1, True
    depth = 1
    for event, value in events:
        if event in _CLOSES:
            depth -= 1
            if fits:
                open_ones.pop()
                names.pop()
            if not depth:
                return root if fits else TooMuch()
            continue
        depth += event in _OPENS
        number += 1
        if fits and (number > MOST_VALUES or depth > DEEPEST):
            fits, root = False, None
            open_ones.clear()
        if fits:
            _build(open_ones, names, event, value)
    raise NotJsonError("it ends too early")


def _build(open_ones: list[Any], names: list[str], event: str, value: Any) -> None:
    if event == "map_key":
        names[-1] = value
        return
    made = {} if event == "start_map" else [] if event == "start_array" else value
    inner = open_ones[-1]
    if isinstance(inner, dict):
        inner[names[-1]] = made
    else:
        inner.append(made)
    if event in _OPENS:
        open_ones.append(made)
        names.append("")


class _Source:
    """A file without its byte order mark, of which no more than MOST_BYTES are read for one item."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._read = 0
        self._begun = False

    def read(self, most: int = -1) -> bytes:
        data = self._file.read(most)
        if not self._begun and most:
            self._begun = True
            data = data.removeprefix(_MARK) or data
        self._read += len(data)
        if self._read > MOST_BYTES:
            raise NotJsonError(f"one of its parts is larger than {MOST_BYTES // 2**20} MiB")
        return data

    def forget(self) -> None:
        """What has been read is done with."""
        self._read = 0


def _reason(said: str) -> str:
    """The parser's words without the drawing of the place."""
    first = said.removeprefix("b'").removeprefix('b"').partition("\\n")[0].partition("\n")[0]
    text = first.partition(": ")[2] or first
    return "it ends too early" if "EOF" in text or "Incomplete" in text else f"not JSON: {text[:80]}"
