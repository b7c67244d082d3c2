"""From an observation to the answer that is compared: decoded, and translated if it is modern's and clients would get it so.

The translation is what the proxy does to the answers that it sends on; what could not be sent on is a failure of modern.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from strangler.core import exact
from strangler.core.answer import Answer
from strangler.core.compare.view import View
from strangler.core.document import Content, Document
from strangler.core.model import AdaptResponse
from strangler.core.observation import Observation, Pair
from strangler.core.origins import Origins
from strangler.core.rename import ConflictError, parse_rename, rename
from strangler.evidence.coding import Undecodable, decode
from strangler.evidence.documents import document_of

Load = Callable[[str], Callable[..., Any]]  # from ``module:function`` to the function

# What was true of the bytes that were sent, and is not of those that are compared.
_OF_THE_WIRE = frozenset(
    ("connection", "content-encoding", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)


class AdaptError(Exception):
    """An answer of modern that could not be translated; the message says why and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Whole:
    """One answer, whole and decoded, as people's functions and the comparison get it.

    Attributes:
        view: what is compared.
    """

    answer: Answer
    view: View


class Translation:
    """What a route does to modern's answers.

    Args:
        load: finds the hook; whatever it raises is raised.
    """

    def __init__(self, rules: AdaptResponse, load: Load) -> None:
        self._renames = [parse_rename(source, target) for source, target in rules.rename.items()]
        self._hook = load(rules.python) if rules.python else None

    def __bool__(self) -> bool:
        return bool(self._renames or self._hook)

    def apply(self, answer: Answer) -> Answer:
        """The translated answer; one without a body, or a failure without JSON, is left as it is. Raises AdaptError."""
        kind = header(answer, "content-type").partition(";")[0].strip().lower()
        as_json = kind.endswith(("/json", "+json"))
        success = 200 <= answer.status < 300
        if not answer.body or not (success or as_json or self._hook):
            return answer
        if self._renames and (as_json or (success and not kind)):
            answer = replace(answer, body=self._renamed(answer.body))
        elif self._renames and success:
            raise AdaptError("modern's answer is not JSON, so nothing in it can be renamed")
        return self._hooked(answer) if self._hook else answer

    def _renamed(self, body: bytes) -> bytes:
        try:
            document = exact.parse(body)
            rename(document, self._renames)
            return exact.render(document)
        except exact.NotJsonError as error:
            raise AdaptError(f"modern's answer cannot be translated: {error}") from None
        except ConflictError:
            raise AdaptError("modern's answer cannot be translated: something stands where a rename would put a member") from None

    def _hooked(self, answer: Answer) -> Answer:
        assert self._hook is not None
        try:
            made = self._hook(answer)
        except (Exception, SystemExit) as error:
            raise AdaptError(f"the hook of adapt.response raised {type(error).__name__}") from None
        if not isinstance(made, Answer) or not isinstance(made.body, bytes):
            raise AdaptError(f"the hook of adapt.response returned {type(made).__name__}, not an answer")
        return made


def answer_of(seen: Observation) -> Answer | Undecodable:
    """The answer that was seen, decoded. Does not raise."""
    body = decode(seen.body, seen.values("content-encoding"))
    if isinstance(body, Undecodable):
        return body
    texts = ((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")) for name, value in seen.headers)
    return Answer(seen.status, tuple((name, value) for name, value in texts if name.lower() not in _OF_THE_WIRE), body)


def as_seen(answer: Answer, pair: Pair, origins: Origins) -> Answer:
    """The answer with what leads to an upstream as the client would see it: the proxy rewrites that (Location, Domain)."""
    host = next((value for name, value in pair.headers if name.lower() == b"host"), b"")
    return replace(answer, headers=tuple((name, _seen(name.lower(), value, origins, host)) for name, value in answer.headers))


def _seen(name: str, value: str, origins: Origins, host: bytes) -> str:
    if name == "location":
        return origins.relative_location(value.encode("latin-1", "replace"), host.strip()).decode("latin-1")
    if name == "set-cookie":
        return origins.cookie(value.encode("latin-1", "replace"), b"").decode("latin-1")
    return value


def whole(answer: Answer, *, kept: bool = True) -> Whole:
    """An answer with its document. `kept` False: the body was too large to be kept."""
    document = document_of(header(answer, "content-type"), answer.body) if kept else Document(Content.NONE)
    headers = tuple((str(name).lower(), str(value)) for name, value in answer.headers)
    return Whole(answer, View(answer.status, headers, document))


def header(answer: Answer, name: str) -> str:
    """The first value of a header by its lower-case name; "" if there is none."""
    return next((str(value) for key, value in answer.headers if str(key).lower() == name), "")
