"""What a route translates on its modern leg: the path and headers of the request, names in the JSON of the answer.

An answer is held back until it is whole, so all of it is translated or nothing is sent: half a translation is a lie. What
cannot be translated is a failure of modern before its first byte. An answer that is no success and no JSON is passed on as
it is: its status is what it says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

from strangler.core import exact
from strangler.core.answer import Answer
from strangler.core.errors import UsageError
from strangler.core.model import UNTRANSLATABLE, Adapt, Config, Route
from strangler.core.rename import ConflictError, parse_rename, rename
from strangler.core.target import ambiguity, canonical
from strangler.core.template import fill
from strangler.proxy import reasons
from strangler.proxy.framing import LENGTH, NO_BODY
from strangler.proxy.headers import plain_name
from strangler.proxy.heads import RequestHead, ResponseHead
from strangler.proxy.hooks import Hook, Hooks, load_hook
from strangler.proxy.reasons import Reason
from strangler.proxy.response import Response, ResponseReader

MOST_BYTES = 2**20  # of an answer: some ten milliseconds of work, and what a worker holds of each in flight
MOST_INLINE = 64 * 1024  # beyond it another thread translates, so that other requests go on meanwhile

# True of the bytes that modern sent, not of those that go on.
_UNTRUE = frozenset(
    b"accept-ranges content-digest content-encoding content-length content-md5 digest etag repr-digest trailer".split()
)
_UNTRUE_BUT_LENGTH = _UNTRUE - {b"content-length"}
_NOTHING = Adapt()
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BROKEN_VALUE = re.compile(r"[\x00\r\n]")
_BODILESS = (204, 304)

Complain = Callable[[str, BaseException], None]
Done = Callable[[Response | Reason, bytes], None]  # the response and its body, or why there is none


class Adapter:
    """The translation of one route.

    Attributes:
        lines: that the request gets; translates: whether answers are held and changed.
    """

    def __init__(self, route: Route, hook: Hook | None, complain: Complain) -> None:
        request, response = route.adapt.request, route.adapt.response
        self._template = route.match.path
        self._path = request.path
        self._renames = [parse_rename(source, target) for source, target in response.rename.items()]
        self._hook = hook
        self._complain = partial(complain, f"hook {response.python} of route {route.name}")
        self.translates = bool(self._renames or hook)
        self.lines = [f"{name}: {value}".encode("latin-1") for name, value in request.set_headers.items()]
        left_out = {*request.set_headers, *request.remove_headers}
        if self.translates:
            self.lines.append(b"accept-encoding: identity")
            left_out |= UNTRANSLATABLE
        self._left_out = frozenset(plain_name(name.encode()) for name in left_out)

    def target(self, target: bytes) -> bytes | None:
        """The target that modern gets; None if a value would change what the path means."""
        if not self._path:
            return target
        path, question, query = target.decode("latin-1").partition("?")
        filled = fill(self._path, self._template, canonical(path).segments)
        return None if ambiguity(filled) else (filled + question + query).encode("latin-1")

    def left_out(self, head: RequestHead) -> list[int]:
        """Where the lines stand that do not go to modern, or are replaced, however they are spelled."""
        return head.places(self._left_out) if self._left_out else []

    def fate(self, response: Response) -> Reason | bool:
        """Whether an answer is to be held and translated, or why that is hopeless."""
        values = _values(response.head)
        empty = response.framing is NO_BODY or (response.framing is LENGTH and not int(response.head.lengths[0]))
        if empty:
            untrue = _UNTRUE if response.framing is NO_BODY else _UNTRUE_BUT_LENGTH
            response.head.blank(response.head.places(untrue))
            return False
        kind = values.get(b"content-type", b"").partition(b";")[0].strip().lower()
        fails = 200 <= response.status < 300
        as_json = kind.endswith((b"/json", b"+json")) or (not kind and fails)
        if not as_json and not self._hook and not fails:
            return False
        if kind == b"text/event-stream" or (response.head.lengths and int(response.head.lengths[0]) > MOST_BYTES):
            return reasons.ADAPT_TOO_LARGE
        if values.get(b"content-encoding", b"identity").strip().lower() != b"identity":
            return reasons.ADAPT_ENCODED
        return reasons.ADAPT_NOT_JSON if self._renames and fails and not as_json else True

    def translate(self, response: Response, body: bytes, hooks: Hooks, done: Done) -> None:
        """Translate a whole answer, here or in a thread; `done` is told once. Does not raise."""
        work = partial(self._translated, response, body)
        if self._hook is not None or len(body) > MOST_INLINE:
            hooks.call(work, partial(self._tell, done))
            return
        try:
            result: object = work()
        except Exception as error:
            result = error
        self._tell(done, result)

    def _translated(self, response: Response, body: bytes) -> tuple[Response, bytes]:
        headers = [line.partition(b": ") for line in response.head.lines if line]
        kept = [(name, value) for name, _, value in headers if name.lower() not in _UNTRUE]
        kind = _values(response.head).get(b"content-type", b"").partition(b";")[0].strip().lower()
        if self._renames and body and (not kind or kind.endswith((b"/json", b"+json"))):
            document = exact.parse(body)
            rename(document, self._renames)
            body = exact.render(document)
        status = response.status
        phrase = response.phrase
        if self._hook is not None:
            texts = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in kept)
            answer = _checked(self._hook(Answer(status, texts, body)))
            kept = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
            kept = [(name, value) for name, value in kept if name.lower() not in _UNTRUE]
            phrase = phrase if answer.status == status else b""
            status, body = answer.status, answer.body
        made = Response(status, phrase, ResponseHead(kept))
        if status not in _BODILESS:
            made.head = ResponseHead([*kept, (b"Content-Length", b"%d" % len(body))])
            made.framing = LENGTH
        return made, body

    def _tell(self, done: Done, result: object) -> None:
        if isinstance(result, tuple):
            done(*result)
        elif isinstance(result, exact.NotJsonError):
            done(reasons.ADAPT_NOT_JSON, b"")
        elif isinstance(result, ConflictError):
            done(reasons.ADAPT_CONFLICT, b"")
        else:
            if isinstance(result, BaseException):
                self._complain(result)
            done(reasons.ADAPT_FAILED, b"")


def adapters_for(config: Config, complain: Complain) -> Mapping[int, Adapter]:
    """The translations of a configuration, by the index of their route. Raises UsageError for hooks that cannot be used."""
    routes = [route for route in config.routes if route.adapt != _NOTHING]
    hooks = check_hooks(config)
    return {route.index: Adapter(route, hooks[route.adapt.response.python], complain) for route in routes}


def check_hooks(config: Config) -> Mapping[str, Hook | None]:
    """The hooks by the name that routes give them; None for "". Raises UsageError with all that cannot be used."""
    hooks: dict[str, Hook | None] = {"": None}
    problems = []
    for route in config.routes:
        name = route.adapt.response.python
        try:
            if name not in hooks:
                hooks[name] = load_hook(name, config.folder)
        except UsageError as error:
            problems.append(f"routes[{route.index}].adapt.response.python: {error}")
    if problems:
        raise UsageError("; ".join(problems))
    return hooks


class Holding:
    """An answer that is being held back."""

    __slots__ = ("_pieces", "_size", "response")

    def __init__(self, response: Response) -> None:
        self.response = response
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, reader: ResponseReader) -> bool:
        """Take what has arrived; whether it is still small enough."""
        self._size += sum(map(len, reader.body))
        self._pieces += reader.take_body()
        return self._size <= MOST_BYTES

    @property
    def body(self) -> bytes:
        return b"".join(self._pieces)


def _values(head: ResponseHead) -> dict[bytes, bytes]:
    return {name.lower(): value for name, value in head.headers}


def _checked(answer: object) -> Answer:
    """What a hook gave back, if it can be sent."""
    if not isinstance(answer, Answer) or not isinstance(answer.body, bytes):
        raise TypeError(f"the hook returned {type(answer).__name__}, not an Answer with bytes as its body")
    if not 200 <= answer.status <= 599 or (answer.status in _BODILESS and answer.body):
        raise ValueError(f"the hook returned status {answer.status}, which cannot be sent with this body")
    for name, value in answer.headers:
        if not _TOKEN.fullmatch(name) or _BROKEN_VALUE.search(value):
            raise ValueError("the hook returned a header that cannot be sent")
    return answer
