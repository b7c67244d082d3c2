"""Who the users of one upstream are: asked of the upstream that knows their sessions, believed for a while, signed anew for
every request.

What is remembered of a user's credentials is a keyed hash of the whole question, so whatever an answer may depend on is part
of it, and nobody is ever taken for somebody else. An answer is forgotten as soon as what was asked with may stand for
something else: after a write with the same credentials, or an answer that sets one of their cookies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic_ns, perf_counter, time
from typing import Protocol

from strangler.core.changes import Changes
from strangler.core.identity import UnknownIdentityError, hash_key, mark, read_user, sign, telling, tokens
from strangler.core.model import SAFE_METHODS, Identity
from strangler.core.recall import Recall
from strangler.proxy import reasons
from strangler.proxy.heads import Header, ResponseHead
from strangler.proxy.pool import Pool
from strangler.proxy.question import Question
from strangler.proxy.reasons import Reason

MOST_USERS = 16_384  # answers that are remembered, per worker; half a kilobyte each, or as much as they say of a user
MOST_ANSWER_BYTES = 16 * 1024
PATIENCE = 5.0  # seconds until a question is given up, whatever the upstream's own timeouts are
NOBODY_SECONDS = 5.0  # for which it is believed that credentials are nobody's: a login must not have to wait
UNKNOWN_SECONDS = 1.0  # for which an upstream that could not say is not asked again about the same user
_SECOND = 1_000_000_000

Outcome = bytes | None | Reason  # a user as JSON, nobody, or why it is not known


class Inquirer(Protocol):
    """Who wants to know."""

    def introduced(self, outcome: Outcome) -> None: ...
    def break_off(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Known:
    """What was answered to a question that was asked at `asked` (nanoseconds, monotonic)."""

    outcome: Outcome
    asked: int
    places: tuple[int, ...]


@dataclass(slots=True)
class Asking:
    """A question under way, and who waits for the answer."""

    asked: int
    sent: float  # the same, as breakers count
    places: tuple[int, ...]
    waiting: list[Inquirer] = field(default_factory=list)


class Identities:
    """What one upstream, the `audience`, is told of users.

    Args:
        pool: of the upstream that is asked.
        changes: shared by all workers.
        fault: told of errors of ours.
    """

    def __init__(
        self, audience: str, identity: Identity, key: bytes, pool: Pool, changes: Changes, fault: Callable[[Exception], None]
    ) -> None:
        self.identity = identity
        self.pool = pool
        self.key = key
        self._audience = audience
        self._changes = changes
        self._fault = fault
        self._hash_key = hash_key(key)
        self._header = identity.header.encode()
        self._forward = frozenset(name.encode() for name in identity.forward)
        self._first = f"GET {identity.path} HTTP/1.1".encode()
        self._known: Recall[Known] = Recall(MOST_USERS)
        self._asking: dict[bytes, Asking] = {}

    def introduce(self, inquirer: Inquirer, headers: Iterable[Header], host: bytes, about: bytes, request_id: bytes) -> None:
        """Say who a request is from, now or later.

        Args:
            host: that the request asks for; about: the lines that tell an upstream where it came from.
        """
        credentials = self._credentials(headers)
        if not credentials:
            inquirer.introduced(None)
            return
        lines = [self._first, b"Host: " + (host if host and self.pool.preserves_host else self.pool.host), about]
        lines += [b"Accept: application/json\r\nAccept-Encoding: identity", *map(b": ".join, credentials)]
        question = b"\r\n".join(lines)
        name = mark(question, self._hash_key)
        known = self._known.find(name, monotonic_ns())
        if known is not None and not self._changes.since(known.places, known.asked):
            inquirer.introduced(known.outcome)
            return
        asking = self._asking.get(name)
        if asking is not None and not self._changes.since(asking.places, asking.asked):
            asking.waiting.append(inquirer)
            return
        if self.pool.shut and self.pool.gate.refusal() is not None:
            inquirer.introduced(reasons.IDENTITY_UNKNOWN)
            return
        asking = self._asking[name] = Asking(monotonic_ns(), perf_counter(), self._places(credentials), [inquirer])
        head = b"%b\r\nX-Request-Id: %b\r\n\r\n" % (question, request_id)
        tell = partial(self._told, name, asking)
        Question(self.pool, head, tell, most=MOST_ANSWER_BYTES, seconds=PATIENCE).begin()

    def line(self, user: bytes) -> bytes:
        """The header line that says so."""
        return b"%b: %b" % (self._header, sign(user, key=self.key, audience=self._audience, now=time()))

    def heard(self, method: str, headers: Iterable[Header], upstream: str, head: ResponseHead | None) -> None:
        """An upstream has answered a request, or may have acted on it: what its credentials stand for may have changed."""
        wrote = method not in SAFE_METHODS and upstream == self.identity.ask
        if not wrote and (head is None or not head.cookies_at):
            return
        credentials = self._credentials(headers)
        if not credentials:
            return
        found = [token for name, value in credentials for token in tokens(name, value)]
        changed = set(telling(found)) if wrote else set()
        if head is not None and head.cookies_at:
            names = {_cookie_name(head.lines[at].partition(b": ")[2]) for at in head.cookies_at}
            set_anew = {token for token in found if token[:7] == b"cookie:" and _cookie_name(token[7:]) in names}
            changed |= set_anew
        if wrote or changed:
            marks = [mark(token, self._hash_key) for token in (*changed, _whole(credentials))]
            self._changes.note(self._changes.places(marks), monotonic_ns())

    def _credentials(self, headers: Iterable[Header]) -> list[Header]:
        forward = self._forward
        return [(lower, value) for name, value in headers if (lower := name.lower()) in forward and value.strip(b" \t")]

    def _places(self, credentials: list[Header]) -> tuple[int, ...]:
        found = {token for name, value in credentials for token in tokens(name, value)}
        return self._changes.places(mark(part, self._hash_key) for part in (*found, _whole(credentials)))

    def _told(self, name: bytes, asking: Asking, status: int, body: bytes) -> None:
        if self._asking.get(name) is asking:
            del self._asking[name]
        if status:
            self.pool.answered += 1
        else:
            self.pool.gate.fail(asking.sent)
        outcome: Outcome = reasons.IDENTITY_UNKNOWN
        seconds = UNKNOWN_SECONDS
        try:
            outcome = read_user(status, body)
            seconds = float(self.identity.cache) if outcome else min(float(self.identity.cache), NOBODY_SECONDS)
        except UnknownIdentityError:
            pass
        self._known.keep(name, Known(outcome, asking.asked, asking.places), asking.asked + int(seconds * _SECOND))
        for inquirer in asking.waiting:
            try:
                inquirer.introduced(outcome)
            except Exception as error:
                self._fault(error)
                inquirer.break_off()


def _whole(credentials: list[Header]) -> bytes:
    return b"\r\n".join(map(b": ".join, credentials))


def _cookie_name(text: bytes) -> bytes:
    return text.partition(b"=")[0].strip(b" \t")
