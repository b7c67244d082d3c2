"""What was seen of one exchange with an upstream, and two of them side by side. Frozen: evidence is not edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from strangler.core.model import Side

Headers = tuple[tuple[bytes, bytes], ...]
About = tuple[str, str, str, Side, str, str, int]  # route, stage, rules, control_side, version, method, control's status


class Answer(Protocol):
    """A whole response, which somebody may still be at work on; attributes as of an `Observation`."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def size(self) -> int: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def duration(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Observation:
    """A response, or a failure, with its duration.

    Attributes:
        status: 0 if there was no whole answer; `failure` says why then.
        headers: as they arrived, in order, duplicates kept.
        body: without transfer coding, with content coding as it was sent; b"" if it was larger than the route's
            `shadow.max_body`, and `digest` stands for all of it then.
        size: bytes of the whole body.
        digest: BLAKE2b-128 of a body that was not kept, else b"".
        failure: label of the reason, "" if there is an answer.
        first_byte, duration: seconds from the request to the head of the answer, and to its end.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    size: int = 0
    digest: bytes = b""
    failure: str = ""
    first_byte: float = 0.0
    duration: float = 0.0

    @property
    def status_class(self) -> str:
        """``2xx`` and so on; ``none`` if it failed."""
        return f"{self.status // 100}xx" if self.status else "none"

    def values(self, name: str) -> list[bytes]:
        """Values of a header by its lower-case name, in order."""
        wanted = name.encode("latin-1")
        return [value.strip(b" \t") for key, value in self.headers if key.lower() == wanted]


@dataclass(frozen=True, slots=True)
class Pair:
    """One request and the two answers to it.

    Attributes:
        rules: digest of the rules that the route had (`model.Route.rules`).
        control_side: whose answer the client got.
        again: the candidate is the same upstream, asked a second time, to learn what differs from itself.
        at: seconds since 1970, when the request was taken up.
        headers, body: of the client's request, as they arrived.
        version: build of modern, by its answer; "" if it is not known.
        repeated: whether this worker has seen a request with this method and target in this window already.
        legs: head of the request as it was sent to control and to candidate; kept where the second look may need them,
            else two times b"".
    """

    route: str
    stage: str
    rules: str
    control_side: Side
    method: str
    target: str
    control: Observation
    candidate: Observation
    again: bool = False
    at: float = 0.0
    request_id: str = ""
    headers: Headers = ()
    body: bytes = b""
    version: str = ""
    repeated: bool = False
    legs: tuple[bytes, bytes] = (b"", b"")

    @property
    def about(self) -> About:
        """What pairs that count together have in common."""
        status = self.control.status
        return self.route, self.stage, self.rules, self.control_side, self.version, self.method, status

    @property
    def candidate_side(self) -> Side:
        if self.again:
            return self.control_side
        return Side.MODERN if self.control_side is Side.LEGACY else Side.LEGACY
