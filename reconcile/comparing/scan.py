"""Both sides read at once, chunk by chunk, each in a thread of its own: the side that is read walks ahead, the other follows.

Every chunk is its own short reading. Nothing is held open from one to the next, so a pass of hours holds nobody up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from reconcile.comparing.digests import Digest, Reader
from reconcile.databases.chunk import Chunk, Key, show

FIRST_ROWS, LEAST_ROWS = 1024, 64
_AHEAD = 3  # chunks that the walking side may be ahead
_TEXT = 4_000_000  # bytes of text that a chunk is sized to, where text is what is hashed


@dataclass(frozen=True, slots=True)
class Scanned:
    """One chunk, read on both sides."""

    chunk: Chunk
    source: Digest
    target: Digest


def scan(source: Reader, target: Reader, rows: int, low: Key | None = None) -> Generator[Scanned, None, None]:
    """Walk all keys from `low` on in chunks of at most `rows` rows of the source."""
    with ThreadPoolExecutor(2, "reconcile") as threads:
        waiting: deque[tuple[Chunk, Digest, Future[Digest]]] = deque()
        step = threads.submit(source.step, low, min(rows, FIRST_ROWS))
        try:
            while True:
                chunk, digest = step.result()
                _refuse_standstill(chunk)
                if chunk.high is not None:
                    step = threads.submit(source.step, chunk.high, sized(digest, rows))
                waiting.append((chunk, digest, threads.submit(target.digest, chunk)))
                while waiting and (len(waiting) > _AHEAD or chunk.high is None):
                    yield _scanned(*waiting.popleft())
                if chunk.high is None:
                    return
        finally:
            threads.shutdown(cancel_futures=True)


def sized(last: Digest, rows: int) -> int:
    """Rows of the next chunk, from how many bytes those of the last one had."""
    if not last.rows or not last.bytes:
        return rows
    return min(rows, max(LEAST_ROWS, _TEXT * last.rows // last.bytes))


def _scanned(chunk: Chunk, source: Digest, target: Future[Digest]) -> Scanned:
    return Scanned(chunk, source, target.result())


def _refuse_standstill(chunk: Chunk) -> None:
    """A walk that stands still would never end, or skip."""
    if chunk.low is not None and chunk.high is not None and chunk.high <= chunk.low:
        raise ValueError(f"the chunk after {show(chunk.low)} would end at {show(chunk.high)}")
