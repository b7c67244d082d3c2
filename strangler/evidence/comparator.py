"""From a pair of answers to a finding. Whatever is in the pair, the outcome is a value: nothing raises.

A candidate that cannot be read has failed; a control that cannot be read says nothing about the candidate, so that pair is
skipped, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from strangler.core.answer import Answer
from strangler.core.causes.cause import causes_of
from strangler.core.compare.compare import compare
from strangler.core.compare.rules import rules_for
from strangler.core.compare.view import Comparison
from strangler.core.difference import Kind
from strangler.core.document import Document
from strangler.core.errors import UsageError
from strangler.core.model import SAFE_METHODS, Route, Side
from strangler.core.noise import observe
from strangler.core.observation import Pair
from strangler.core.origins import Origins
from strangler.core.outcome import Outcome
from strangler.core.records import Cause
from strangler.core.redact import Redactor
from strangler.evidence.answers import AdaptError, Load, Translation, Whole, answer_of, as_seen, whole
from strangler.evidence.coding import Undecodable
from strangler.evidence.custom import compare_by
from strangler.evidence.example import example_of
from strangler.evidence.finding import Finding, request_of, stratum_of

Wants = Callable[[Cause], bool]

FAILED = "candidate_failed"
"""Pattern of the cause under which a failed candidate asks for an example; its transform is the failure's label."""


_NO_ORIGINS = Origins()


class _SettledError(Exception):
    """There is nothing to compare: the finding without its stratum."""

    def __init__(self, skipped: str = "", detail: str = "") -> None:
        super().__init__(skipped)
        self.skipped = skipped
        self.detail = detail


def refuse(name: str) -> Callable[..., Any]:
    """The loader of those who allow no functions. Raises UsageError."""
    raise UsageError(f"{name} cannot be loaded here")


class Examiner:
    """Examines the pairs of one route under its rules.

    Args:
        route: evidence under other rules than its own is refused.
        key: of the tokens that stand for secrets, 32 bytes or more.
        load: finds the functions that the route names, ``module:function``; what it raises is raised.
        origins: names of the upstreams: what leads to one of them is the same for a client.
    """

    def __init__(self, route: Route, key: bytes, load: Load = refuse, origins: Origins = _NO_ORIGINS) -> None:
        self._route = route
        self._origins = origins
        self._digest = route.rules
        self._rules = rules_for(route)
        self._redactor = Redactor(route.redact, key, [route.match.path])
        self._translation = Translation(route.adapt.response, load)
        self._custom = load(route.compare.python) if route.compare.python else None

    def examine(self, pair: Pair, wants_example: Wants) -> Finding:
        """What a pair shows. Does not raise, except what `wants_example` raises.

        Args:
            wants_example: asked for each cause of a mismatch, and once for a failed candidate, until one is wanted.
        """
        try:
            return self._examined(pair, wants_example)
        except _SettledError as settled:
            return self._settled(pair, settled, wants_example)
        except (Exception, SystemExit) as error:
            return skipped(pair, "compare_failed", type(error).__name__)

    def _examined(self, pair: Pair, wants_example: Wants) -> Finding:
        if pair.rules != self._digest:
            raise _SettledError("rules_gone")
        if pair.control.failure or not pair.control.status:
            raise _SettledError("control_failed", pair.control.failure)
        if pair.candidate.failure or not pair.candidate.status:
            raise _SettledError(detail=pair.candidate.failure or "no answer")
        kept, equal = self._bodies(pair)
        answers = self._control(pair, kept), self._candidate(pair, kept)
        comparison = self._compared(*answers)
        if not kept and not equal and comparison.outcome is not Outcome.MISMATCH:
            raise _SettledError("body_cap")
        return self._finding(pair, answers, comparison, wants_example)

    def _bodies(self, pair: Pair) -> tuple[bool, bool]:
        """Whether both bodies were kept; whether those that were not are equal by their digests."""
        control, candidate = pair.control, pair.candidate
        translated = bool(self._translation) and pair.candidate_side is Side.MODERN
        equal = not translated and control.digest == candidate.digest and control.size == candidate.size
        return not (control.digest or candidate.digest), equal

    def _control(self, pair: Pair, kept: bool) -> Whole:
        answer = answer_of(pair.control)
        if isinstance(answer, Undecodable):
            raise _SettledError("too_complex" if answer.large else "undecodable", answer.reason)
        return whole(as_seen(answer, pair, self._origins), kept=kept)

    def _candidate(self, pair: Pair, kept: bool) -> Whole:
        answer = answer_of(pair.candidate)
        if isinstance(answer, Undecodable):
            raise _SettledError(detail=answer.reason)
        answer = self._translated(pair, answer) if kept else answer
        return whole(as_seen(answer, pair, self._origins), kept=kept)

    def _translated(self, pair: Pair, answer: Answer) -> Answer:
        if not self._translation or pair.candidate_side is not Side.MODERN:
            return answer
        try:
            return self._translation.apply(answer)
        except AdaptError as error:
            raise _SettledError(detail=str(error)) from None

    def _compared(self, control: Whole, candidate: Whole) -> Comparison:
        usual = compare(control.view, candidate.view, self._rules)
        if self._custom is None:
            return usual
        return compare_by(self._custom, control.answer, candidate.answer, usual)

    def _finding(self, pair: Pair, answers: tuple[Whole, Whole], comparison: Comparison, wants_example: Wants) -> Finding:
        documents = answers[0].view.document, answers[1].view.document
        found = Finding(
            stratum_of(pair),
            pair.at,
            pair.repeated,
            comparison.outcome,
            ignored=tuple(Counter(one.rule for one in comparison.ignored).items()),
            again=pair.again,
        )
        if pair.again:
            return replace(found, noise=self._noise(pair, comparison, *documents))
        if comparison.outcome is not Outcome.MISMATCH:
            return found
        causes = self._redacted(causes_of(comparison, *documents))
        example = None
        if any(map(wants_example, causes)):
            example = example_of(pair, Outcome.MISMATCH, self._redactor, answers=answers, comparison=comparison, causes=causes)
        late = bool(self._route.data) and pair.method in SAFE_METHODS and all(pair.legs)
        return replace(found, causes=causes, example=example, second_look=late, request=request_of(pair))

    def _settled(self, pair: Pair, settled: _SettledError, wants_example: Wants) -> Finding:
        """What is found where nothing could be compared."""
        detail = self._redactor.text(settled.detail, 200)
        if settled.skipped or pair.again:
            return skipped(pair, settled.skipped or "control_failed", detail)
        example = None
        if wants_example(Cause(FAILED, Kind.STATUS, pair.candidate.failure)):
            example = example_of(pair, Outcome.CANDIDATE_FAILED, self._redactor)
        found = Finding(stratum_of(pair), pair.at, pair.repeated, Outcome.CANDIDATE_FAILED, detail=detail, example=example)
        return replace(found, request=request_of(pair))

    def _redacted(self, causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
        return tuple(dict.fromkeys(cause._replace(pattern=self._redactor.pattern(cause.pattern)) for cause in causes))

    def _noise(self, pair: Pair, comparison: Comparison, control: Document, again: Document) -> Mapping[str, Mapping[str, Any]]:
        seen = observe(comparison, control, again, pair.at or None)
        return {self._redactor.pattern(pattern): mapping for pattern, mapping in seen.items()}


def skipped(pair: Pair, label: str, detail: str = "") -> Finding:
    """The finding of a pair that is not compared."""
    return Finding(stratum_of(pair), pair.at, pair.repeated, skipped=label, detail=detail, again=pair.again)
